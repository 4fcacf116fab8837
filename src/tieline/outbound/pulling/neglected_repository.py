"""SQL about messages that no consumer fetches."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from tieline.database import OrgTransaction, Transaction

_MOST = 10_000  # of one webhook at once

_END = f"""
WITH old AS (
    DELETE FROM delivery_queue WHERE org_id = $1 AND webhook_id = $2 AND seq IN (
        SELECT seq FROM delivery_queue WHERE org_id = $1 AND webhook_id = $2 AND created_at < $3
            AND leased_until IS NULL ORDER BY seq LIMIT {_MOST}
    ) RETURNING delivery_id, created_at, attempt
)
UPDATE deliveries d SET state = 'failed', attempts = d.attempts + old.attempt, error_code = $4,
    reason = $5, ended_at = $6, updated_at = $6
FROM old WHERE d.org_id = $1 AND d.created_at = old.created_at AND d.id = old.delivery_id
"""


async def neglected_webhooks(tx: Transaction, before: datetime) -> list[tuple[str, UUID]]:
    """The webhooks with messages to be pulled that were made before a moment."""
    rows = await tx.fetch(
        "SELECT w.org_id, w.id FROM webhooks w WHERE w.transport = 'pull' AND NOT w.is_deleted "
        "AND EXISTS (SELECT FROM delivery_queue q WHERE q.org_id = w.org_id "
        "AND q.webhook_id = w.id AND q.created_at < $1) ORDER BY w.org_id, w.id",
        before,
    )
    return [(row["org_id"], row["id"]) for row in rows]


async def end_neglected(
    tx: OrgTransaction,
    webhook_id: UUID,
    before: datetime,
    *,
    code: str,
    reason: str,
    now: datetime,
) -> int:
    """Make the oldest messages dead letters that nobody has; how many."""
    ended = await tx.execute(_END, webhook_id, before, code, reason, now)
    # Whoever was behind one of them is looked at again.
    await tx.execute(
        "UPDATE delivery_queue SET behind = false WHERE org_id = $1 AND webhook_id = $2 AND behind",
        webhook_id,
    )
    return ended
