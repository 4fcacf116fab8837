"""Makes events of occurrences: graphs filled, fields worked out, checked and bounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tieline.catalogue.definitions import Cardinality, EntityField, EventDefinition, Graph
from tieline.catalogue.fields import Faults, Filling, fill
from tieline.catalogue.hydration import Document, Hydration, documents_of, hydrate
from tieline.catalogue.occurrences import Occurrence
from tieline.database import OrgTransaction
from tieline.kit import json
from tieline.kit.ids import parse_uuid
from tieline.mapping.mapper import Mapper

MAX_EVENT_BYTES = 4_000_000

_EMPTY = Graph((), ())


@dataclass(frozen=True)
class Assembled:
    """What an event carries, also as JSON; with faults it cannot happen."""

    fields: Mapping[str, Any]
    text: str
    faults: Faults = field(default_factory=list)

    @property
    def fault(self) -> str | None:
        """What is wrong, in words; None when nothing is."""
        return (
            " ".join(f"{place} {fault}" if place else fault for place, fault in self.faults) or None
        )


async def assemble(
    tx: OrgTransaction, mapper: Mapper, some: Sequence[Occurrence]
) -> list[Assembled]:
    """What each of some occurrences carries."""
    graphs = await hydrate(tx, [_hydration(each) for each in some])
    named = await documents_of(tx, {i for each in some for i in _named_entities(each)})
    fillings = [_filling(each, nodes, named) for each, nodes in zip(some, graphs, strict=True)]
    await fill(mapper, fillings)
    return [
        _assembled(each, nodes, filling)
        for each, nodes, filling in zip(some, graphs, fillings, strict=True)
    ]


def _hydration(each: Occurrence) -> Hydration:
    graph = each.event.definition.graph or _EMPTY
    return Hydration(graph, each.seeds, each.skipped, each.own)


def _filling(each: Occurrence, nodes: Mapping[str, Any], named: Mapping[UUID, Document]) -> Filling:
    scope = {**nodes, **each.context}
    seed = _seed(each, nodes, named)
    if seed is not None:
        scope["seed"] = seed
    if each.reading is not None:
        scope["reading"] = each.reading
    filling = Filling(each.event.definition, scope, {})
    for name, value in each.given.items():
        if isinstance(each.event.definition.fields.get(name), EntityField):
            _take_entity(filling, name, value, named)
        else:
            filling.fields[name] = value
    _fill_entities(filling, each.event.definition, nodes)
    return filling


def _seed(
    each: Occurrence, nodes: Mapping[str, Any], named: Mapping[UUID, Document]
) -> Mapping[str, Any] | None:
    """The entity at which the event's graph begins: the one that changed, or that was named."""
    if "trigger_entity" in each.context:
        changed: Mapping[str, Any] = each.context["trigger_entity"]
        return changed
    return named.get(each.entity_id) if each.entity_id else None


def _fill_entities(filling: Filling, definition: EventDefinition, nodes: Mapping[str, Any]) -> None:
    """Take the fields that hold entities from the node of their name, or of their schema."""
    graph = definition.graph or _EMPTY
    for name, each in definition.fields.items():
        if not isinstance(each, EntityField) or name in filling.fields:
            continue
        node = graph.node(name) or graph.of_schema(each.entity_schema)
        found = nodes.get(node.id) if node else None
        if node and node.cardinality is Cardinality.MANY:
            found = found[0] if found else None
        if found is not None:
            filling.fields[name] = found


def _take_entity(filling: Filling, name: str, value: Any, named: Mapping[UUID, Document]) -> None:
    field_ = filling.definition.fields[name]
    entity_id = entity_named(value)
    found = named.get(entity_id) if entity_id else None
    assert isinstance(field_, EntityField)
    if found is None or found["_schema"] != field_.entity_schema:
        fault = f"must be the id of an entity of the schema {field_.entity_schema} that exists."
        filling.faults.append((f"fields.{name}", fault))
    else:
        filling.fields[name] = found


def entity_named(value: Any) -> UUID | None:
    """The id of an entity that somebody names by it, or by an object that has it."""
    if isinstance(value, Mapping):
        value = value.get("_id", value.get("entity_id"))
    return parse_uuid(value) if isinstance(value, str) else None


def _named_entities(each: Occurrence) -> set[UUID]:
    """The entities that were named by whoever triggered the event."""
    fields = each.event.definition.fields
    ids = {
        entity_id
        for name, value in each.given.items()
        if isinstance(fields.get(name), EntityField) and (entity_id := entity_named(value))
    }
    return ids | ({each.entity_id} if each.entity_id and each.change is None else set())


def _assembled(each: Occurrence, nodes: Mapping[str, Any], filling: Filling) -> Assembled:
    fields = {**nodes, **filling.fields, **each.context}
    text = json.dumps(fields)
    if len(text) > MAX_EVENT_BYTES:
        words = (
            f"The event has {len(text):,} bytes; {MAX_EVENT_BYTES:,} are allowed. Name the fields "
            "of the graph's nodes that are needed, or take nodes away."
        )
        kept = {name: value for name, value in filling.fields.items() if name not in nodes}
        short = json.dumps_str(kept)
        if len(short) > MAX_EVENT_BYTES:
            kept, short = {}, "{}"
        return Assembled(kept, short, [*filling.faults, ("", words)])
    return Assembled(fields, text.decode(), filling.faults)
