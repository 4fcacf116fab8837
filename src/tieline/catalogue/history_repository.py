"""SQL about past events. Everything is found by the primary key, whatever their number."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from tieline.catalogue.models import Event
from tieline.catalogue.past import HistoryQuery, PastEvent
from tieline.database import OrgTransaction
from tieline.database.conditions import Conditions
from tieline.kit import json
from tieline.kit.ids import ulid_time

_COLUMNS = (
    "event_name",
    "event_time",
    "event_id",
    "event_version",
    "source",
    "trigger_source_type",
    "trigger_source",
    "ack_id",
    "entity_id",
    "fields",
    "fault",
)


async def add(tx: OrgTransaction, events: Sequence[tuple[PastEvent, str]]) -> None:
    """Keep events, each with its fields as JSON."""
    rows = [
        (
            past.event.name,
            past.event.time,
            past.event.id,
            past.event.version,
            past.event.source,
            past.event.trigger_source_type,
            past.event.trigger_source,
            past.event.ack_id,
            past.event.entity_id,
            fields,
            past.fault,
        )
        for past, fields in events
    ]
    await tx.copy("event_history", _COLUMNS, rows)


async def search(tx: OrgTransaction, query: HistoryQuery, count: int) -> list[PastEvent]:
    """The first so many events that are asked for, newest first."""
    where = Conditions("org_id = $1")
    where.add("event_name = {}", query.name)
    where.add_given([("event_time >= {}", query.since), ("event_time <= {}", query.until)])
    if query.event_id is not None:
        try:
            moment = ulid_time(query.event_id)
        except (ValueError, OverflowError, OSError):
            return []
        where.add("event_time = {} AND event_id = {}", moment, query.event_id)
    if query.cursor is not None:
        where.add("(event_time, event_id) < ({}, {})", query.cursor.time, query.cursor.id)
    rows = await tx.fetch(
        f"SELECT {', '.join(_COLUMNS)} FROM event_history WHERE {where} "
        f"ORDER BY event_time DESC, event_id DESC LIMIT {where.bind(count)}",
        *where.values,
    )
    return [_past_event(tx.org_id, row) for row in rows]


def _past_event(org_id: str, row: asyncpg.Record) -> PastEvent:
    event = Event(
        org_id=org_id,
        id=row["event_id"],
        name=row["event_name"],
        version=row["event_version"],
        time=row["event_time"],
        source=row["source"],
        trigger_source_type=row["trigger_source_type"],
        trigger_source=row["trigger_source"],
        ack_id=row["ack_id"],
        fields=json.loads(row["fields"]),
        entity_id=row["entity_id"],
    )
    return PastEvent(event, row["fault"])
