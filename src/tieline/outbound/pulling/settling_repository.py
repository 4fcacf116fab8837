"""SQL that ends attempts of consumers: attempts recorded, deliveries ended, others let through.

Whoever calls these holds the lock on the webhook's row in `webhook_states`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from tieline.database import OrgTransaction
from tieline.outbound.deliveries.models import DeliveryState
from tieline.outbound.deliveries.verdicts import Outcome
from tieline.outbound.pulling.models import Leased

_ATTEMPT = ("created_at", "delivery_id", "number", "round", "outcome", "started_at")
_RESULT = ("milliseconds", "error_code", "error")

# Of each entity that lost its first row the next one has its turn.
_LET_THROUGH = """
UPDATE delivery_queue q SET behind = false
FROM unnest($3::uuid[]) AS entity (id), LATERAL (
    SELECT n.seq, n.entity_id FROM delivery_queue n WHERE n.entity_id IS NOT NULL
        AND (n.org_id, n.webhook_id, n.entity_id, n.seq) >= ($1, $2, entity.id, 0)
    ORDER BY n.org_id, n.webhook_id, n.entity_id, n.seq LIMIT 1
) AS first
WHERE q.org_id = $1 AND q.webhook_id = $2 AND q.seq = first.seq AND first.entity_id = entity.id
"""


class Ended(msgspec.Struct, frozen=True):
    """How an attempt of a consumer ended; `code` and `reason` are None for a success."""

    row: Leased
    outcome: Outcome
    at: datetime
    code: str | None = None
    reason: str | None = None


async def record_attempts(tx: OrgTransaction, ended: Sequence[Ended]) -> None:
    """Note attempts that ended. A lease that began before leases had a beginning has no length."""
    rows = [
        (
            each.row.created_at,
            each.row.delivery_id,
            each.row.attempt,
            each.row.round,
            each.outcome.value,
            began := each.row.leased_at or each.at,
            (each.at - began).total_seconds() * 1000,
            each.code,
            each.reason,
        )
        for each in ended
    ]
    await tx.copy("delivery_attempts", _ATTEMPT + _RESULT, rows)


async def end_deliveries(
    tx: OrgTransaction,
    webhook_id: UUID,
    ended: Sequence[Ended],
    state: DeliveryState,
    now: datetime,
) -> list[str]:
    """Take deliveries off the queue; the ids of the acknowledgements that they carry."""
    rows = await tx.fetch(
        "WITH n AS (SELECT * FROM unnest($2::uuid[], $3::timestamptz[], $4::integer[], $5::text[], "
        "$6::text[]) AS n (id, created_at, attempt, code, reason)), "
        "gone AS (DELETE FROM delivery_queue q USING n WHERE q.org_id = $1 "
        "AND q.webhook_id = $7 AND q.delivery_id = n.id) "
        "UPDATE deliveries d SET state = $8, attempts = d.attempts + n.attempt, "
        "status_code = NULL, error_code = n.code, reason = n.reason, ended_at = $9, "
        "updated_at = $9 FROM n WHERE d.org_id = $1 AND d.created_at = n.created_at "
        "AND d.id = n.id RETURNING d.ack_id",
        [each.row.delivery_id for each in ended],
        [each.row.created_at for each in ended],
        [each.row.attempt for each in ended],
        [each.code for each in ended],
        [each.reason for each in ended],
        webhook_id,
        state.value,
        now,
    )
    return [row["ack_id"] for row in rows if row["ack_id"] is not None]


async def let_through(tx: OrgTransaction, webhook_id: UUID, entities: Sequence[UUID]) -> int:
    """Give the next of each entity its turn; how many there are."""
    return await tx.execute(_LET_THROUGH, webhook_id, entities)


async def put_back(
    tx: OrgTransaction, webhook_id: UUID, due: Sequence[tuple[int, datetime]]
) -> None:
    """End leases; the rows are handed out again from those moments on."""
    await tx.execute(
        "UPDATE delivery_queue q SET lease = NULL, leased_at = NULL, leased_until = NULL, "
        "due_at = n.due_at FROM unnest($3::bigint[], $4::timestamptz[]) AS n (seq, due_at) "
        "WHERE q.org_id = $1 AND q.webhook_id = $2 AND q.seq = n.seq",
        webhook_id,
        [seq for seq, _ in due],
        [moment for _, moment in due],
    )


async def note_last(
    tx: OrgTransaction, webhook_id: UUID, now: datetime, *, succeeded: bool
) -> None:
    """Note on the webhook how its last delivery went, unless somebody is changing it.

    He may be waiting for the lock on what waits for the webhook, which is held here.
    """
    await tx.execute(
        "UPDATE webhooks SET last_delivery_at = $3, last_delivery_status = $4, "
        "consecutive_failures = CASE WHEN $5 THEN 0 ELSE consecutive_failures + 1 END "
        "WHERE org_id = $1 AND id = (SELECT id FROM webhooks WHERE org_id = $1 AND id = $2 "
        "FOR UPDATE SKIP LOCKED)",
        webhook_id,
        now,
        (DeliveryState.SUCCEEDED if succeeded else DeliveryState.FAILED).value,
        succeeded,
    )
