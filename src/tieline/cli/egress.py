"""`tieline egress`: works while a server runs and while none does."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from tieline.cli.database import migrated
from tieline.cli.tables import table
from tieline.egress.allowances import normal_entry
from tieline.egress.errors import EntryNotFound
from tieline.egress.organisations.service import EgressAllowances
from tieline.identity.errors import OrganisationNotFound
from tieline.identity.repository import organisation_exists
from tieline.kit import json
from tieline.kit.errors import InvalidInput
from tieline.kit.time import to_wire
from tieline.settings import Settings

_LONGEST_NOTE = 500


async def allow(settings: Settings, org_id: str, entry: str, note: str | None) -> None:
    """Let an organisation reach it. Raises `InvalidEntry` and `OrganisationNotFound`."""
    if note is not None and (len(note) > _LONGEST_NOTE or not note.isprintable()):
        raise InvalidInput(
            f"--note must be one line of up to {_LONGEST_NOTE} characters. Shorten it."
        )
    async with _allowances(settings, org_id) as allowances:
        made = await allowances.allow(org_id, entry, note)
    print(
        f"Requests of {org_id} may reach {made.entry}."
        if made
        else f"Requests of {org_id} may reach {entry} already."
    )


async def remove(settings: Settings, org_id: str, entry: str) -> None:
    """Let them reach it no more. Raises `EntryNotFound` and `OrganisationNotFound`."""
    async with _allowances(settings, org_id) as allowances:
        try:
            await allowances.remove(org_id, entry)
        except EntryNotFound:
            raise EntryNotFound(
                f"Organisation {org_id} is not allowed {entry} anyway. `tieline egress list "
                f"{org_id}` shows what it is."
            ) from None
    print(f"Requests of {org_id} may not reach {entry} any more.")
    if normal_entry(entry) in map(normal_entry, settings.egress_allow):
        print("All organisations still may: TIELINE_EGRESS_ALLOW names it.")


async def show(settings: Settings, org_id: str, *, as_json: bool) -> None:
    """Print what the operator lets an organisation reach. Raises `OrganisationNotFound`."""
    async with _allowances(settings, org_id) as allowances:
        found = await allowances.listed(org_id)
    if as_json:
        documents = [
            {
                **each.document(),
                "created_at": to_wire(each.created_at),
                "created_by": each.created_by,
            }
            for each in found
        ]
        print(json.dumps_str(documents))
    elif found:
        rows = [
            (each.entry, f"{each.created_at:%Y-%m-%d %H:%M}", each.created_by, each.note or "")
            for each in found
        ]
        print(table(("ENTRY", "SINCE", "BY", "NOTE"), rows))
    else:
        print(f"Requests of {org_id} may reach public addresses only.")


@contextlib.asynccontextmanager
async def _allowances(settings: Settings, org_id: str) -> AsyncIterator[EgressAllowances]:
    async with migrated(settings) as database:
        async with database.reading(org_id) as tx:
            if not await organisation_exists(tx):
                raise OrganisationNotFound(
                    f"There is no organisation {org_id}. `tieline organisations list` shows those "
                    "that exist."
                )
        yield EgressAllowances(database)
