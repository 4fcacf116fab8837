"""An event that is about to happen, and where it comes from. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tieline.catalogue.definitions import Graph
from tieline.catalogue.known import KnownEvent, Triggers
from tieline.catalogue.models import TriggerSource
from tieline.catalogue.triggers import matches, operation_of
from tieline.entities.changes.models import READINGS, Change, EntityChange
from tieline.entities.readings.models import COUNTER, METER
from tieline.kit.ids import parse_uuid

# The history has room for yesterday and today, whatever else it has.
_OLDEST = timedelta(days=1)

_FROM_ENTITIES = "entity"
_FROM_METERING = "metering"


@dataclass(frozen=True, kw_only=True)
class Occurrence:
    """What is known of an event before its graph is filled and its fields are worked out.

    `seeds` are the entities at which the graph begins, by node; `own` their states, where these
    count and not what is stored. `context` is what the change adds to the event, `reading` the
    meter reading whose change it was. `given` are fields that somebody has supplied.
    """

    event: KnownEvent
    time: datetime
    source: str
    trigger_source_type: str
    trigger_source: str
    entity_id: UUID | None = None
    change: EntityChange | None = None
    seeds: Mapping[str, Sequence[UUID]] = field(default_factory=dict)
    own: Mapping[UUID, dict[str, Any]] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    reading: Mapping[str, Any] | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    skipped: frozenset[str] = frozenset()


def candidates(triggers: Triggers, changes: Sequence[Change]) -> list[Change]:
    """The changes that may make events happen, for all that is known without looking closer."""
    return [each for each in changes if triggers.of(operation_of(each.kind), each.schema)]


def occurrences(
    triggers: Triggers,
    changes: Sequence[EntityChange],
    activity_types: Mapping[str, str],
    now: datetime,
) -> Iterator[Occurrence]:
    """The events that changes make happen, in the order of the changes."""
    for change in changes:
        kind, schema = change.change.kind, change.change.schema
        for event in triggers.of(operation_of(kind), schema):
            trigger = event.definition.trigger
            if trigger is not None and matches(trigger, change):
                make = _of_reading if schema == READINGS else _of_entity
                yield make(event, change, activity_types, now)


def _of_entity(
    event: KnownEvent, change: EntityChange, activity_types: Mapping[str, str], now: datetime
) -> Occurrence:
    entity_id, activity_id = change.change.subject_id, change.change.activity_id or ""
    return Occurrence(
        event=event,
        time=_moment(change.change, now),
        source=_FROM_ENTITIES,
        trigger_source_type=TriggerSource.OPERATION,
        trigger_source=activity_id,
        entity_id=entity_id,
        change=change,
        seeds=_seeds(event.definition.graph, change.change.schema, [entity_id]),
        own={entity_id: dict(change.after)},
        context={
            "operation": operation_of(change.change.kind).value,
            "trigger_entity": change.after,
            "activity_id": activity_id,
            "activity_type": activity_types.get(activity_id, ""),
        },
    )


def _of_reading(
    event: KnownEvent, change: EntityChange, _types: Mapping[str, str], now: datetime
) -> Occurrence:
    meter_id, reading = change.change.subject_id, change.after
    graph = event.definition.graph
    counter_id = parse_uuid(str(reading.get("counter_id")))
    counters = [counter_id] if counter_id else []
    return Occurrence(
        event=event,
        time=_moment(change.change, now),
        source=_FROM_METERING,
        trigger_source_type=TriggerSource.OPERATION,
        trigger_source=change.change.activity_id or str(meter_id),
        entity_id=meter_id,
        # Of the counters of a meter, only that of the reading is meant.
        seeds={**_seeds(graph, METER, [meter_id]), **_seeds(graph, COUNTER, counters)},
        context={"operation": operation_of(change.change.kind).value},
        reading=reading,
    )


def _seeds(graph: Graph | None, schema: str, ids: Sequence[UUID]) -> dict[str, Sequence[UUID]]:
    node = graph.of_schema(schema) if graph else None
    return {node.id: ids} if node else {}


def _moment(change: Change, now: datetime) -> datetime:
    return millisecond(min(max(change.created_at, now - _OLDEST), now))


def millisecond(moment: datetime) -> datetime:
    """The moment without what an event's id cannot carry."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
