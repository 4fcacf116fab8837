"""SQL about accepted events that are read again: to be looked at, or to be replayed."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from tieline.database import OrgTransaction
from tieline.database.conditions import Conditions
from tieline.inbound.event_ids import accepted_moments
from tieline.inbound.models import UNTOLD_EVENT_TYPE, AcceptedEvent, EventQuery
from tieline.inbound.remap.models import Selection
from tieline.inbound.repository import MOST_BYTES
from tieline.mapping.models import PayloadFormat

_COLUMNS = (
    "org_id, integration_id, event_id, accepted_at, event_name, use_case_slug, event_time, "
    "format, payload, correlation_id, deduplication_id, event_type, use_case_id, "
    "use_case_version, replay_of, group_id"
)


async def newest_events(
    tx: OrgTransaction,
    integration_id: UUID,
    query: EventQuery,
    *,
    accepted_at: datetime | None,
    count: int,
) -> list[AcceptedEvent]:
    """Up to `count` stored events of an integration, newest first, maybe of one moment only."""
    where = Conditions("org_id = $1 AND integration_id = {}", integration_id)
    # An event's name and its object type are two words for one thing; using both means both.
    where.add_given(
        [
            ("accepted_at = {}", accepted_at),
            ("event_id = {}", query.event_id),
            ("correlation_id = {}", query.correlation_id),
            ("event_name = {}", query.object_type),
            ("event_name = {}", query.event_name),
            (f"coalesce(event_type, '{UNTOLD_EVENT_TYPE}') = {{}}", query.event_type),
        ]
    )
    if query.cursor is not None:
        position = (query.cursor.accepted_at, query.cursor.event_id)
        # The first condition says nothing new, but leaves out whole partitions.
        where.add("accepted_at <= {}", query.cursor.accepted_at)
        where.add("(accepted_at, event_id) < ({}, {})", *position)
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM inbound_events WHERE {where} "
        f"ORDER BY accepted_at DESC, event_id DESC LIMIT {count:d}",
        *where.values,
    )
    return [_event(row) for row in rows]


async def find_events(
    tx: OrgTransaction, integration_id: UUID, moments: Mapping[str, datetime]
) -> list[AcceptedEvent]:
    """The stored events with these ids and moments, in the order in which they were accepted."""
    if not moments:
        return []
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM inbound_events WHERE org_id = $1 AND integration_id = $2 "
        "AND event_id = ANY($3) AND accepted_at BETWEEN $4 AND $5 ORDER BY seq",
        integration_id,
        list(moments),
        min(moments.values()),
        max(moments.values()),
    )
    return [_event(row) for row in rows]


async def select_events(
    tx: OrgTransaction, integration_id: UUID, selection: Selection
) -> list[tuple[str, int]]:
    """Id and bytes of payload of selected events, newest first; one more than the limit if any."""
    where = Conditions("e.org_id = $1 AND e.integration_id = {}", integration_id)
    ids = selection.event_ids
    where.add_given(
        [
            ("e.event_id = ANY({})", ids),
            # Says nothing new, but leaves out whole partitions.
            ("e.accepted_at = ANY({})", None if ids is None else [*accepted_moments(ids).values()]),
            ("e.use_case_id = {}", selection.use_case_id),
            ("e.event_name = {}", selection.event_name),
            ("e.accepted_at >= {}", selection.from_date),
            ("e.accepted_at <= {}", selection.to_date),
        ]
    )
    source, order = "inbound_events e", "e.accepted_at DESC, e.event_id DESC"
    if selection.only_failed:
        # Led by the letters: they are few, and the events many.
        source = (
            "inbound_dead_letters d JOIN inbound_events e ON e.org_id = d.org_id "
            "AND e.event_id = d.event_id AND e.accepted_at = d.accepted_at"
        )
        where.add("d.org_id = $1 AND d.integration_id = $2 AND d.status = 'open'")
        order = "d.seq DESC"
    rows = await tx.fetch(
        f"SELECT e.event_id, octet_length(e.payload) AS size FROM {source} "
        f"WHERE {where} ORDER BY {order} LIMIT {selection.limit + 1:d}",
        *where.values,
    )
    return [(row["event_id"], row["size"]) for row in rows]


@contextlib.asynccontextmanager
async def undone(tx: OrgTransaction) -> AsyncIterator[None]:
    """Whatever is written inside, and every lock that is taken there, is gone afterwards."""
    await tx.connection.execute("SAVEPOINT undone")
    try:
        yield
    finally:
        await tx.connection.execute("ROLLBACK TO SAVEPOINT undone")


async def payload_sizes(
    tx: OrgTransaction, integration_id: UUID, moments: Mapping[str, datetime]
) -> dict[str, int]:
    """Ids and bytes of payload of those of the events that are stored."""
    if not moments:
        return {}
    rows = await tx.fetch(
        "SELECT event_id, octet_length(payload) AS size FROM inbound_events WHERE org_id = $1 "
        "AND integration_id = $2 AND event_id = ANY($3) AND accepted_at BETWEEN $4 AND $5",
        integration_id,
        list(moments),
        min(moments.values()),
        max(moments.values()),
    )
    return {row["event_id"]: row["size"] for row in rows}


def fitting(sizes: Sequence[int]) -> int:
    """How many of these payloads, from the first one on, fit into memory together; at least one."""
    total = 0
    for index, size in enumerate(sizes):
        total += size
        if index and total > MOST_BYTES:
            return index
    return len(sizes)


def _event(row: asyncpg.Record) -> AcceptedEvent:
    return AcceptedEvent(
        org_id=row["org_id"],
        integration_id=row["integration_id"],
        event_id=row["event_id"],
        accepted_at=row["accepted_at"],
        name=row["event_name"],
        slug=row["use_case_slug"],
        time=row["event_time"],
        format=PayloadFormat(row["format"]),
        payload=row["payload"],
        correlation_id=row["correlation_id"],
        deduplication_id=row["deduplication_id"],
        event_type=row["event_type"],
        use_case_id=row["use_case_id"],
        use_case_version=row["use_case_version"],
        replay_of=row["replay_of"],
        group_id=row["group_id"],
    )
