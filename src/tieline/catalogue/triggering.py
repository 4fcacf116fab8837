"""Triggering an event by hand: who may, with what, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from tieline.catalogue.definitions import Graph, Status, ValueField
from tieline.catalogue.errors import EventDisabled, InvalidOccurrence
from tieline.catalogue.known import KnownEvent
from tieline.catalogue.models import TriggerSource
from tieline.catalogue.occurrences import Occurrence, millisecond
from tieline.database import OrgTransaction
from tieline.entities.queries import live_entities

_FROM_CALLERS = "api"


@dataclass(frozen=True, kw_only=True)
class ManualTrigger:
    """What somebody wants to happen: the entity at which the graph begins, and field values.

    `source_type` and `source` say who or what it is, such as `automation` and an execution's id.
    Nodes in `skip_hydration` are passed through and not shown.
    """

    source: str
    source_type: str = TriggerSource.API
    seed_id: UUID | None = None
    seed_node: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    skip_hydration: frozenset[str] = frozenset()


def refuse_disabled(event: KnownEvent, wanted: ManualTrigger) -> None:
    """Raise `EventDisabled`, with the reason, when the event may not be triggered so."""
    match event.status:
        case Status.DRAFT:
            raise EventDisabled("The event is a draft. Publish it before it is triggered.")
        case Status.DEPRECATED:
            raise EventDisabled("The event is deprecated. Use the one that replaces it.")
        case Status.ACTIVE:
            pass
    if not event.enabled:
        raise EventDisabled
    if wanted.source_type == TriggerSource.AUTOMATION:
        if not event.switches.automation_trigger:
            raise EventDisabled(
                "Automations may not trigger the event. Set its automation_trigger first."
            )
    elif not event.definition.api_trigger:
        raise EventDisabled("Only automations may trigger the event, by its definition.")


async def occurrence_of(
    tx: OrgTransaction, event: KnownEvent, wanted: ManualTrigger, now: datetime
) -> Occurrence:
    """The event as it is wanted. Raises `InvalidOccurrence`, naming the field."""
    graph = event.definition.graph
    _check_fields(event, wanted)
    for node_id in sorted(wanted.skip_hydration):
        if graph is None or graph.node(node_id) is None:
            raise InvalidOccurrence(f"skip_hydration: {node_id[:60]!r} is no node of the event.")
    seeds = {} if graph is None else await _seeds(tx, graph, wanted)
    return Occurrence(
        event=event,
        time=millisecond(now),
        source=_FROM_CALLERS,
        trigger_source_type=wanted.source_type,
        trigger_source=wanted.source,
        entity_id=wanted.seed_id if seeds else None,
        seeds=seeds,
        given=wanted.fields,
        skipped=wanted.skip_hydration,
    )


def _check_fields(event: KnownEvent, wanted: ManualTrigger) -> None:
    declared = event.definition.fields
    for name in wanted.fields:
        if name not in declared:
            known = ", ".join(declared) or "none"
            raise InvalidOccurrence(
                f"fields.{name:.60}: no field of the event. There are: {known}."
            )
    for name, each in declared.items():
        if name in wanted.fields or not each.required or event.definition.mapping:
            continue
        if isinstance(each, ValueField) and not _has_source(event.definition.graph, each):
            raise InvalidOccurrence(f"fields.{name}: is required. Send it.")


def _has_source(graph: Graph | None, each: ValueField) -> bool:
    return each.graph_source is not None and graph is not None


async def _seeds(
    tx: OrgTransaction, graph: Graph, wanted: ManualTrigger
) -> dict[str, tuple[UUID, ...]]:
    ids = ", ".join(node.id for node in graph.nodes)
    if wanted.seed_id is None or wanted.seed_node is None:
        raise InvalidOccurrence(
            f"seed: is required, for the event has an entity graph. Send the id of an entity and "
            f"its node, one of {ids}."
        )
    node = graph.node(wanted.seed_node)
    if node is None:
        raise InvalidOccurrence(
            f"seed.node_id: {wanted.seed_node[:60]!r} is no node of the event. There are: {ids}."
        )
    found = await live_entities(tx, [wanted.seed_id])
    if not found or found[0].entity.schema != node.schema:
        raise InvalidOccurrence(
            f"seed.entity_id: there is no entity of the schema {node.schema} with this id."
        )
    return {node.id: (wanted.seed_id,)}
