"""SQL about webhooks that is not the same for all records."""

from __future__ import annotations

from datetime import datetime

from tieline.database import OrgTransaction
from tieline.entities.changes.listening import listeners_changed
from tieline.outbound.webhooks.models import WEBHOOKS, Direction, Webhook

# Tells every process which organisation's webhooks changed.
CHANGED_CHANNEL = "tieline_webhooks"


async def outbound_webhooks(tx: OrgTransaction) -> list[Webhook]:
    """All outbound webhooks that are not deleted, oldest first."""
    rows = await tx.fetch(
        f"SELECT {WEBHOOKS.selection()} FROM webhooks "
        "WHERE org_id = $1 AND NOT is_deleted AND direction = $2 ORDER BY created_at, id",
        Direction.OUTBOUND,
    )
    return [WEBHOOKS.decode(row) for row in rows]


async def announce(tx: OrgTransaction) -> None:
    """Tell every process that webhooks of the organisation changed, once this is committed."""
    await listeners_changed(tx)
    await tx.execute(f"SELECT pg_notify('{CHANGED_CHANNEL}', $1)")


async def find_public_key(tx: OrgTransaction) -> str | None:
    """The public key of the organisation in PEM form, or None when there is none yet."""
    found: str | None = await tx.fetchval(
        "SELECT public_key FROM webhook_signing_keys WHERE org_id = $1"
    )
    return found


async def lock_signing_key(tx: OrgTransaction) -> None:
    """Wait for everybody else who makes the key of the organisation."""
    await tx.fetchval(
        "SELECT pg_advisory_xact_lock(hashtextextended('tieline webhook key ' || $1, 0))"
    )


async def put_public_key(tx: OrgTransaction, public_key: str, now: datetime) -> None:
    """Store the public key of the organisation, in place of one that nobody can sign with."""
    await tx.execute(
        "INSERT INTO webhook_signing_keys (org_id, public_key, created_at) VALUES ($1, $2, $3) "
        "ON CONFLICT (org_id) DO UPDATE SET public_key = $2, created_at = $3",
        *(public_key, now),
    )
    await announce(tx)
