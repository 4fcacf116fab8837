"""SQL about what came of a call."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from tieline.database import OrgTransaction
from tieline.kit.ids import uuid_time
from tieline.outbound.deliveries.models import DeliveryState
from tieline.outbound.triggering.models import CallResult

_RESULT = """
SELECT d.state, d.status_code, d.error_code, d.reason, d.ended_at, q.due_at, q.leased_until,
    a.number, a.started_at, a.milliseconds, a.response_body,
    a.status_code AS last_status, a.error_code AS last_code, a.error AS last_error
FROM deliveries d
LEFT JOIN delivery_queue q ON q.org_id = $1 AND q.delivery_id = d.id
LEFT JOIN LATERAL (
    SELECT * FROM delivery_attempts t
    WHERE t.org_id = $1 AND t.created_at = d.created_at AND t.delivery_id = d.id
    ORDER BY t.round DESC, t.number DESC LIMIT 1
) a ON true
WHERE d.org_id = $1 AND d.created_at = $2 AND d.id = $3
"""


async def find_result(tx: OrgTransaction, delivery_id: UUID) -> CallResult | None:
    """What came of a delivery so far; None when there is none with that id."""
    row = await tx.fetchrow(_RESULT, uuid_time(delivery_id), delivery_id)
    if row is None:
        return None
    state = DeliveryState(row["state"])
    pending = state is DeliveryState.PENDING
    started_at, took = row["started_at"], row["milliseconds"]
    lasted = None if took is None else timedelta(milliseconds=took)
    return CallResult(
        delivery_id=delivery_id,
        state=state,
        attempts=row["number"] or 0,
        status_code=row["last_status"],
        code=row["last_code"] if pending else row["error_code"],
        reason=row["last_error"] if pending else row["reason"],
        response_body=row["response_body"],
        started_at=started_at,
        ended_at=started_at + lasted if started_at and lasted is not None else row["ended_at"],
        next_attempt_at=row["due_at"] if pending and row["leased_until"] is None else None,
    )
