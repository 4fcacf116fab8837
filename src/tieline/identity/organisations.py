"""Organisations: the tenants of an installation."""

from __future__ import annotations

import re

from tieline.database import OrgTransaction, Transaction
from tieline.identity import repository
from tieline.identity.errors import InvalidOrganisation, OrganisationNotFound

_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}")


def check_organisation_id(org_id: str) -> None:
    """Raises `InvalidOrganisation` unless an organisation may have this id."""
    if not _ID.fullmatch(org_id):
        raise InvalidOrganisation


async def create_if_new(tx: OrgTransaction) -> bool:
    """Create the transaction's organisation unless it exists; whether it is new.

    Raises `InvalidOrganisation`.
    """
    check_organisation_id(tx.org_id)
    return await repository.ensure_organisation(Transaction(tx.connection), tx.org_id, tx.org_id)


async def require_organisation(tx: OrgTransaction) -> None:
    """Raises `OrganisationNotFound` unless the transaction's organisation exists."""
    if not await repository.organisation_exists(tx):
        raise OrganisationNotFound(
            f"There is no organisation {tx.org_id!r}. `tieline organisations list` shows those "
            "that exist."
        )
