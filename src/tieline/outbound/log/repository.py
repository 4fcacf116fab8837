"""SQL about the log of deliveries.

The id of a delivery carries the moment of its making, by which the tables are partitioned.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from tieline.database import OrgTransaction
from tieline.database.conditions import Conditions
from tieline.kit import json
from tieline.kit.ids import uuid_time
from tieline.outbound.deliveries.models import DeliveryState
from tieline.outbound.log.models import (
    MOST_COUNTED,
    Backlog,
    LoggedAttempt,
    LoggedDelivery,
    LogQuery,
    LogStatus,
)
from tieline.outbound.log.waiting import QueuePlace

_COLUMNS = [
    name for name in LoggedDelivery.__struct_fields__ if name not in ("response_body", "seq")
]
_SELECTION = ", ".join(f"d.{name}" for name in _COLUMNS)
_ATTEMPT = ", ".join(LoggedAttempt.__struct_fields__)

# Written out, not bound: they decide which index can serve. Skipped deliveries have their own.
_STATES: dict[LogStatus | None, tuple[str, ...]] = {
    None: ("d.state <> 'skipped'", "d.state = 'skipped'"),
    LogStatus.SUCCEEDED: ("d.state = 'succeeded'",),
    LogStatus.SKIPPED: ("d.state = 'skipped'",),
    # A webhook whose deliveries were cancelled is deleted, so that nobody lists them.
    LogStatus.FAILED: ("d.state = 'failed'",),
}
_NEWEST_FIRST = "ORDER BY created_at DESC, id DESC"

# A row of `deliveries` is not touched until the delivery ends: what came of its attempts so far
# stands with them.
_PAGE = """
WITH page AS ({page})
SELECT page.*, a.* FROM page LEFT JOIN LATERAL (
    SELECT l.response_body, l.number AS last_number, l.round AS last_round,
        l.status_code AS last_status, l.error_code AS last_code, l.error AS last_error
    FROM delivery_attempts l WHERE l.org_id = $1
        AND l.created_at = page.created_at AND l.delivery_id = page.id
    ORDER BY l.round DESC, l.number DESC LIMIT 1
) a ON true
ORDER BY {order}
"""

_PLACE = """
SELECT q.due_at, q.attempt, q.round, q.leased_until,
    (SELECT nullif(a.delivery_id, q.delivery_id) FROM delivery_queue a
        WHERE a.entity_id IS NOT NULL AND (a.org_id, a.webhook_id, a.entity_id, a.seq)
            >= (q.org_id, q.webhook_id, q.entity_id, 0)
        ORDER BY a.org_id, a.webhook_id, a.entity_id, a.seq LIMIT 1) AS behind,
    (SELECT count(*) FROM delivery_queue l WHERE l.org_id = $1
        AND l.webhook_id = q.webhook_id AND l.leased_until > $3) AS in_flight,
    coalesce(s.circuit, 'closed') AS circuit, s.circuit_opened_at, s.circuit_until,
    s.tokens, s.tokens_at
FROM delivery_queue q LEFT JOIN webhook_states s
    ON s.org_id = q.org_id AND s.webhook_id = q.webhook_id
WHERE q.org_id = $1 AND q.delivery_id = $2
"""

_OF_WEBHOOK = "FROM delivery_queue WHERE org_id = $1 AND webhook_id = $2"
_BACKLOG = f"""
SELECT (SELECT count(*) FROM (SELECT {_OF_WEBHOOK} LIMIT {MOST_COUNTED}) q) AS queued,
    (SELECT count(*) {_OF_WEBHOOK} AND leased_until > $3) AS in_flight,
    (SELECT count(*) FROM (SELECT FROM deliveries WHERE org_id = $1 AND webhook_id = $2
        AND state = 'failed' AND discarded_at IS NULL LIMIT {MOST_COUNTED}) d) AS dead,
    (SELECT created_at {_OF_WEBHOOK} ORDER BY seq LIMIT 1) AS oldest_at,
    (SELECT due_at {_OF_WEBHOOK} AND leased_until IS NULL AND NOT behind
        ORDER BY due_at, seq LIMIT 1) AS next_at,
    w.paused_at, w.enabled, coalesce(s.circuit, 'closed') AS circuit, s.circuit_until
FROM webhooks w LEFT JOIN webhook_states s ON s.org_id = w.org_id AND s.webhook_id = w.id
WHERE w.org_id = $1 AND w.id = $2
"""


async def newest_deliveries(
    tx: OrgTransaction, webhook_id: UUID, query: LogQuery, count: int
) -> list[LoggedDelivery]:
    """Up to `count` deliveries of a webhook, newest first."""
    if query.status is LogStatus.IN_PROGRESS:
        return await _on_their_way(tx, webhook_id, query, count)
    where = Conditions("d.org_id = $1 AND d.webhook_id = {}", webhook_id)
    _restrict(where, query)
    if query.cursor is not None:
        place = (query.cursor.created_at, query.cursor.id)
        where.add("(d.created_at, d.id) < ({}, {})", *place)
        # Says nothing new, but leaves out whole partitions.
        where.add("d.created_at <= {}", query.cursor.created_at)
    newest = f"{_NEWEST_FIRST} LIMIT {count:d}"
    parts = [
        f"(SELECT {_SELECTION} FROM deliveries d WHERE {where} AND {state} {newest})"
        for state in _STATES[query.status]
    ]
    page = f"SELECT * FROM ({' UNION ALL '.join(parts)}) AS part {newest}"
    return await _page(tx, page, where)


async def _on_their_way(
    tx: OrgTransaction, webhook_id: UUID, query: LogQuery, count: int
) -> list[LoggedDelivery]:
    """The same for those that have not ended, the last that was enqueued first."""
    where = Conditions("d.org_id = $1 AND d.webhook_id = {}", webhook_id)
    _restrict(where, query)
    if query.cursor is not None and query.cursor.seq is not None:
        where.add("d.seq < {}", query.cursor.seq)
    waiting = (
        "SELECT d.created_at, d.delivery_id, d.seq FROM delivery_queue d "
        f"WHERE {where} ORDER BY d.seq DESC LIMIT {count:d}"
    )
    page = (
        f"SELECT {_SELECTION}, q.seq FROM ({waiting}) q JOIN deliveries d "
        "ON d.org_id = $1 AND d.created_at = q.created_at AND d.id = q.delivery_id"
    )
    return await _page(tx, page, where, order="page.seq DESC")


def _restrict(where: Conditions, query: LogQuery) -> None:
    where.add_given(
        [("d.created_at >= {}", query.from_date), ("d.created_at <= {}", query.to_date)]
    )
    if query.delivery_id is not None:
        where.add("d.id = {}", query.delivery_id)
        where.add("d.created_at = {}", uuid_time(query.delivery_id))


async def _page(
    tx: OrgTransaction,
    page: str,
    where: Conditions,
    order: str = "page.created_at DESC, page.id DESC",
) -> list[LoggedDelivery]:
    """The deliveries of a page, with what the last attempt of each was answered."""
    rows = await tx.fetch(_PAGE.format(page=page, order=order), *where.values)
    return [_delivery(row) for row in rows]


async def find_deliveries(
    tx: OrgTransaction, webhook_id: UUID, delivery_ids: Sequence[UUID]
) -> list[LoggedDelivery]:
    """Those of the deliveries that there are, with what the last attempt was answered."""
    moments = {moment for i in delivery_ids if (moment := uuid_time(i)) is not None}
    where = Conditions("d.org_id = $1 AND d.webhook_id = {}", webhook_id)
    where.add("d.id = ANY({}::uuid[])", list(delivery_ids))
    where.add("d.created_at = ANY({}::timestamptz[])", list(moments))
    return await _page(tx, f"SELECT {_SELECTION} FROM deliveries d WHERE {where}", where)


async def deliveries_of_event(
    tx: OrgTransaction, event_name: str, event_id: str, since: datetime, count: int
) -> list[LoggedDelivery]:
    """Up to `count` deliveries that an event led to since a moment, replays included, in order."""
    where = Conditions("d.org_id = $1 AND d.event_name = {}", event_name)
    where.add("d.created_at >= {}", since)
    where.add("d.event_id = {}", event_id)
    page = (
        f"SELECT {_SELECTION} FROM deliveries d WHERE {where} "
        f"ORDER BY d.created_at, d.id LIMIT {count:d}"
    )
    return await _page(tx, page, where, order="page.created_at, page.id")


async def attempts_of(tx: OrgTransaction, delivery: LoggedDelivery) -> list[LoggedAttempt]:
    """The attempts of a delivery, in their order."""
    rows = await tx.fetch(
        f"SELECT {_ATTEMPT} FROM delivery_attempts WHERE org_id = $1 AND created_at = $2 "
        "AND delivery_id = $3 ORDER BY round, number",
        delivery.created_at,
        delivery.id,
    )
    return [_attempt(row) for row in rows]


async def find_place(tx: OrgTransaction, delivery_id: UUID, now: datetime) -> QueuePlace | None:
    """Where a delivery stands in the queue; None when it has ended."""
    row = await tx.fetchrow(_PLACE, delivery_id, now)
    return msgspec.convert(dict(row), QueuePlace) if row else None


async def find_backlog(tx: OrgTransaction, webhook_id: UUID, now: datetime) -> Backlog:
    """What waits for a webhook that there is."""
    row = await tx.fetchrow(_BACKLOG, webhook_id, now)
    assert row is not None
    return msgspec.convert(dict(row), Backlog)


def _delivery(row: asyncpg.Record) -> LoggedDelivery:
    values = dict(row)
    values["metadata"] = json.loads(values["metadata"])
    if values["state"] == DeliveryState.PENDING and values["last_round"] == values["round"]:
        values["attempts"] += values["last_number"]
        values["status_code"] = values["last_status"]
        values["error_code"] = values["last_code"]
        values["reason"] = values["last_error"]
    return msgspec.convert(values, LoggedDelivery)


def _attempt(row: asyncpg.Record) -> LoggedAttempt:
    values: dict[str, Any] = dict(row)
    for name in ("request_headers", "response_headers"):
        values[name] = json.loads(values[name]) if values[name] is not None else None
    return msgspec.convert(values, LoggedAttempt)
