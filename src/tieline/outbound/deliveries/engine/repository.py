"""SQL that records attempts and what comes of them, for many deliveries at once.

Whoever calls this holds the locks on the states of the webhooks.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from tieline.database import Transaction
from tieline.kit import json
from tieline.outbound.deliveries.engine.models import Attempt, AttemptNumber, Key, Lease
from tieline.outbound.deliveries.models import DeliveryState

_OWN_LEASE = (
    "q.org_id = n.org_id AND q.webhook_id = n.webhook_id AND q.seq = n.seq "
    "AND q.lease = n.lease AND q.attempt = n.attempt"
)
_ENDED = f"""
WITH gone AS (
    DELETE FROM delivery_queue q
    USING unnest($1::text[], $2::uuid[], $3::bigint[], $4::uuid[], $5::int[], $6::text[], $7::int[],
        $8::text[], $9::text[], $10::timestamptz[]) AS n (org_id, webhook_id, seq, lease, attempt,
        state, status_code, code, reason, ended_at)
    WHERE {_OWN_LEASE}
    RETURNING q.org_id, q.webhook_id, q.created_at, q.delivery_id, q.entity_id, q.round, n.attempt,
        n.state, n.status_code, n.code, n.reason, n.ended_at
), ended AS (
    UPDATE deliveries d SET state = gone.state, attempts = d.attempts + gone.attempt,
        status_code = gone.status_code, error_code = gone.code, reason = gone.reason,
        ended_at = gone.ended_at, updated_at = gone.ended_at
    FROM gone
    WHERE d.org_id = gone.org_id AND d.created_at = gone.created_at AND d.id = gone.delivery_id
)
SELECT delivery_id, round, attempt, org_id, webhook_id, entity_id FROM gone
"""
_TRIED_AGAIN = f"""
UPDATE delivery_queue q SET due_at = n.due_at, lease = NULL, leased_at = NULL, leased_until = NULL
FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::uuid[], $5::int[], $6::timestamptz[])
    AS n (org_id, webhook_id, seq, lease, attempt, due_at)
WHERE {_OWN_LEASE}
RETURNING q.delivery_id, q.round, q.attempt
"""
_NEXT_IN_ORDER = """
UPDATE delivery_queue q SET behind = false
FROM unnest($1::text[], $2::uuid[], $3::uuid[]) AS k (org_id, webhook_id, entity_id)
CROSS JOIN LATERAL (
    SELECT f.seq FROM delivery_queue f
    WHERE f.entity_id IS NOT NULL AND (f.org_id, f.webhook_id, f.entity_id, f.seq)
        >= (k.org_id, k.webhook_id, k.entity_id, 0)
    ORDER BY f.org_id, f.webhook_id, f.entity_id, f.seq LIMIT 1
) head
WHERE q.org_id = k.org_id AND q.webhook_id = k.webhook_id AND q.seq = head.seq
    AND q.entity_id = k.entity_id AND q.behind
"""
_CANCELLED = """
WITH gone AS (
    DELETE FROM delivery_queue q USING (
        SELECT d.org_id, d.webhook_id, d.seq
        FROM unnest($1::text[], $2::uuid[]) AS k (org_id, webhook_id)
        JOIN delivery_queue d ON d.org_id = k.org_id AND d.webhook_id = k.webhook_id LIMIT $4
    ) each
    WHERE q.org_id = each.org_id AND q.webhook_id = each.webhook_id AND q.seq = each.seq
    RETURNING q.org_id, q.created_at, q.delivery_id, q.attempt
)
UPDATE deliveries d SET state = 'cancelled', error_code = 'WEBHOOK_DELETED',
    reason = 'The webhook was deleted.', attempts = d.attempts + gone.attempt, ended_at = $3,
    updated_at = $3
FROM gone
WHERE d.org_id = gone.org_id AND d.created_at = gone.created_at AND d.id = gone.delivery_id
"""
_ATTEMPT_COLUMNS = (
    *("org_id", "created_at", "delivery_id", "round", "number", "outcome", "started_at"),
    *("milliseconds", "url", "address", "request_headers", "status_code", "response_headers"),
    *("response_body", "response_bytes", "error_code", "error"),
)
_LATE_ATTEMPT = (
    f"INSERT INTO delivery_attempts ({', '.join(_ATTEMPT_COLUMNS)}) "
    f"VALUES ({', '.join(f'${place}' for place in range(1, len(_ATTEMPT_COLUMNS) + 1))}) "
    "ON CONFLICT DO NOTHING"
)


class Ending(NamedTuple):
    """How a delivery ends with its last attempt."""

    lease: Lease
    state: DeliveryState
    status_code: int | None
    code: str | None
    reason: str | None
    at: datetime


async def end_deliveries(
    tx: Transaction, endings: Sequence[Ending]
) -> tuple[set[AttemptNumber], list[tuple[str, UUID, UUID]]]:
    """End deliveries whose leases still hold.

    Their attempts, and organisation, webhook and entity of what others may have waited for.
    """
    if not endings:
        return set(), []
    ended = [(*_place(each.lease), each.state.value, *each[2:]) for each in endings]
    rows = await tx.fetch(_ENDED, *zip(*ended, strict=True))
    in_order = [
        (row["org_id"], row["webhook_id"], row["entity_id"]) for row in rows if row["entity_id"]
    ]
    return _numbers(rows), in_order


async def reschedule(
    tx: Transaction, retries: Sequence[tuple[Lease, datetime]]
) -> set[AttemptNumber]:
    """Have deliveries tried again from a moment on; the attempts whose leases still held."""
    if not retries:
        return set()
    rows = await tx.fetch(
        _TRIED_AGAIN, *zip(*[(*_place(lease), at) for lease, at in retries], strict=True)
    )
    return _numbers(rows)


async def release_next(tx: Transaction, ended: Sequence[tuple[str, UUID, UUID]]) -> None:
    """Let the next delivery of each webhook and entity be looked at again."""
    if ended:
        await tx.execute(_NEXT_IN_ORDER, *zip(*ended, strict=True))


async def insert_attempts(tx: Transaction, attempts: Sequence[Attempt]) -> None:
    """Add attempts that nobody else can have recorded."""
    await tx.copy("delivery_attempts", _ATTEMPT_COLUMNS, [_attempt_row(each) for each in attempts])


async def insert_late_attempts(tx: Transaction, attempts: Sequence[Attempt]) -> None:
    """Add attempts that somebody may have recorded already, as lost or by this very call."""
    for attempt in attempts:
        await tx.execute(_LATE_ATTEMPT, *_attempt_row(attempt))


async def cancel_deliveries(
    tx: Transaction, keys: Collection[Key], now: datetime, most: int
) -> int:
    """End what still waits for webhooks that were deleted; how many deliveries that were."""
    if not keys:
        return 0
    return await tx.execute(
        _CANCELLED, [key.org_id for key in keys], [key.webhook_id for key in keys], now, most
    )


def _numbers(rows: Sequence[asyncpg.Record]) -> set[AttemptNumber]:
    return {AttemptNumber(row["delivery_id"], row["round"], row["attempt"]) for row in rows}


def _place(lease: Lease) -> tuple[str, UUID, int, UUID, int]:
    return (*lease.key, lease.seq, lease.holder, lease.attempt)


def _attempt_row(attempt: Attempt) -> tuple[object, ...]:
    lease, verdict, exchange = attempt.lease, attempt.verdict, attempt.exchange
    return (
        *(lease.key.org_id, lease.created_at, lease.delivery_id, lease.round, lease.attempt),
        *(verdict.outcome.value, attempt.started_at, attempt.milliseconds, exchange.url),
        *(exchange.address, _json(exchange.request_headers), exchange.status_code),
        *(_json(exchange.response_headers), exchange.response_body, exchange.response_bytes),
        *(verdict.code, verdict.reason),
    )


def _json(headers: object) -> str | None:
    return None if headers is None else json.dumps_str(headers)
