"""Whether the parts of a definition fit together. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tieline.catalogue.definitions import (
    EVERY_SCHEMA,
    Cardinality,
    EntityField,
    EventDefinition,
    Graph,
    ValueField,
)
from tieline.catalogue.errors import InvalidDefinition
from tieline.catalogue.journeys import reachable
from tieline.entities.changes.models import READINGS
from tieline.entities.readings.models import METER

# What a change adds to an event, what expressions see besides the nodes, and what the body of a
# delivery has beside the event.
RESERVED = frozenset(
    {
        *("operation", "trigger_entity", "activity_id", "activity_type", "seed", "reading"),
        *("metadata", "entity", "relations", "activity", "changed_attributes"),
    }
)


def check_consistency(definition: EventDefinition) -> None:
    """Raise `InvalidDefinition` for the first thing that could never work."""
    found = next(_faults(definition), None)
    if found is not None:
        path, fault = found
        raise InvalidDefinition(f"{path} {fault}", path)


def _faults(definition: EventDefinition) -> Iterator[tuple[str, str]]:
    graph = definition.graph
    if graph is not None:
        yield from _graph_faults(graph)
    yield from _name_faults(definition)
    yield from _trigger_faults(definition)
    for name, field in definition.fields.items():
        path = f"schema_fields.{name}"
        if isinstance(field, EntityField):
            if definition.trigger and not (graph and graph.of_schema(field.entity_schema)):
                yield path, "needs a node of its schema in the graph, to be taken from."
        elif field.required and _never_filled(definition, field):
            yield (
                f"{path}.graph_source",
                "is required: nobody supplies a required field of an event that is triggered by a "
                "change.",
            )
    if definition.mapping and any(
        isinstance(field, ValueField) and field.graph_source for field in definition.fields.values()
    ):
        yield "mapping.mode", "jsonata leaves the expressions of fields unused. Remove them."


def _graph_faults(graph: Graph) -> Iterator[tuple[str, str]]:
    counted = Counter(node.id for node in graph.nodes)
    for index, node in enumerate(graph.nodes):
        if counted[node.id] > 1:
            yield f"entity_graph.nodes[{index}].id", "is that of another node too. Make it unique."
    for index, edge in enumerate(graph.edges):
        for end, node_id in (("from", edge.source), ("to", edge.target)):
            if node_id not in counted:
                yield f"entity_graph.edges[{index}].{end}", "names no node of the graph."
        if edge.source == edge.target:
            yield f"entity_graph.edges[{index}]", "leads nowhere. Connect two different nodes."
    found = reachable(graph, graph.nodes[0].id)
    for index, node in enumerate(graph.nodes):
        if node.id not in found:
            yield f"entity_graph.nodes[{index}]", "is connected to no other node. Add an edge."


def _name_faults(definition: EventDefinition) -> Iterator[tuple[str, str]]:
    nodes = {node.id: node for node in definition.graph.nodes} if definition.graph else {}
    for index, node_id in enumerate(nodes):
        if node_id in RESERVED:
            yield f"entity_graph.nodes[{index}].id", "is a reserved name. Choose another one."
    for name, field in definition.fields.items():
        path = f"schema_fields.{name}"
        if name in RESERVED:
            yield path, "is a reserved name. Choose another one."
        if name not in nodes:
            continue
        node = nodes[name]
        same = isinstance(field, EntityField) and field.entity_schema == node.schema
        if not same or node.cardinality is not Cardinality.ONE:
            yield path, "has the name of a node that holds something else. Choose another one."


def _trigger_faults(definition: EventDefinition) -> Iterator[tuple[str, str]]:
    trigger, graph = definition.trigger, definition.graph
    if trigger is None:
        return
    if trigger.attribute_changes and not trigger.attributes:
        yield "entity_operation.attribute", "is required beside attribute_change."
    if graph is None:
        return
    for index, schema in enumerate(trigger.schemas):
        path = f"entity_operation.schema[{index}]"
        if schema == EVERY_SCHEMA:
            yield path, "cannot stand beside an entity graph, which begins at one schema."
        elif graph.of_schema(METER if schema == READINGS else schema) is None:
            yield path, "needs a node of this schema in the entity graph, to begin at."


def _never_filled(definition: EventDefinition, field: ValueField) -> bool:
    return bool(definition.trigger and not field.graph_source and not definition.mapping)
