"""SQL about what organisations may reach inside the network."""

from __future__ import annotations

from tieline.database import OrgTransaction, Transaction
from tieline.egress.organisations.models import Allowance

CHANGED_CHANNEL = "tieline_egress"  # the payload is the organisation's id


async def insert_allowance(
    tx: OrgTransaction, entry: str, note: str | None, created_by: str
) -> Allowance | None:
    """Allow it, and tell every process; None when it is allowed already."""
    row = await tx.fetchrow(
        "INSERT INTO organisation_egress (org_id, entry, note, created_by) "
        "VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING "
        "RETURNING entry, note, created_at, created_by",
        entry,
        note,
        created_by,
    )
    if row is None:
        return None
    await _announce(tx)
    return Allowance(**row)


async def delete_allowance(tx: OrgTransaction, entry: str) -> Allowance | None:
    """Allow it no more, and tell every process; None when it was not allowed."""
    row = await tx.fetchrow(
        "DELETE FROM organisation_egress WHERE org_id = $1 AND entry = $2 "
        "RETURNING entry, note, created_at, created_by",
        entry,
    )
    if row is None:
        return None
    await _announce(tx)
    return Allowance(**row)


async def list_allowances(tx: OrgTransaction) -> list[Allowance]:
    """What the organisation may reach, in the order of the entries."""
    rows = await tx.fetch(
        "SELECT entry, note, created_at, created_by FROM organisation_egress "
        "WHERE org_id = $1 ORDER BY entry"
    )
    return [Allowance(**row) for row in rows]


async def _announce(tx: OrgTransaction) -> None:
    await Transaction(tx.connection).execute("SELECT pg_notify($1, $2)", CHANGED_CHANNEL, tx.org_id)
