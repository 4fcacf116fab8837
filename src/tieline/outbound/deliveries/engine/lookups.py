"""SQL that tells about one delivery how far it is."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from tieline.database import OrgTransaction
from tieline.kit import json
from tieline.kit.ids import uuid_time
from tieline.outbound.deliveries.engine.models import AttemptResult
from tieline.outbound.deliveries.models import DeliveryState
from tieline.outbound.deliveries.verdicts import Outcome

_LAST = """
SELECT d.state, d.error_code AS end_code, d.reason, d.updated_at, q.due_at, a.outcome, a.number,
    a.started_at, a.milliseconds, a.status_code, a.response_headers, a.response_body, a.error_code,
    a.error
FROM deliveries d
LEFT JOIN delivery_queue q ON q.org_id = d.org_id AND q.delivery_id = d.id
LEFT JOIN LATERAL (
    SELECT * FROM delivery_attempts t
    WHERE t.org_id = d.org_id AND t.created_at = d.created_at AND t.delivery_id = d.id
    ORDER BY t.round DESC, t.number DESC LIMIT 1
) a ON true
WHERE d.org_id = $1 AND d.created_at = $2 AND d.id = $3
"""


class Place(NamedTuple):
    """A delivery in the queue; `leased` says that somebody is making attempt number `attempt`."""

    webhook_id: UUID
    leased: bool
    round: int
    attempt: int


async def find_place(tx: OrgTransaction, delivery_id: UUID) -> Place | None:
    """Where a delivery is in the queue; None when it has ended or never was there."""
    row = await tx.fetchrow(
        "SELECT webhook_id, leased_until IS NOT NULL AS leased, round, attempt "
        "FROM delivery_queue WHERE org_id = $1 AND delivery_id = $2",
        delivery_id,
    )
    return Place(*row) if row else None


async def last_result(tx: OrgTransaction, delivery_id: UUID) -> AttemptResult | None:
    """What the last attempt at a delivery came to; without any, how it ended all the same."""
    made_at = uuid_time(delivery_id)
    row = await tx.fetchrow(_LAST, made_at, delivery_id) if made_at else None
    if row is None:
        return None
    started_at: datetime = row["started_at"] or row["updated_at"]
    pending = row["state"] == DeliveryState.PENDING
    return AttemptResult(
        delivery_id=delivery_id,
        state=DeliveryState(row["state"]),
        outcome=Outcome(row["outcome"] or Outcome.FAILED),
        attempt=row["number"] or 0,
        started_at=started_at,
        milliseconds=row["milliseconds"] or 0.0,
        status_code=row["status_code"],
        response_headers=json.loads(row["response_headers"] or "{}"),
        response_body=row["response_body"] or b"",
        error_code=row["error_code"] or row["end_code"],
        reason=row["error"] or row["reason"],
        next_attempt_at=row["due_at"] if pending else None,
    )
