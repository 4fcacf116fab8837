"""What an event of the catalogue is: its fields, its entity graph and what triggers it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

FIRST_VERSION = "1.0.0"
BUILT_IN_TAG = "builtin"
EVERY_SCHEMA = "*"  # in a trigger: the schema of any entity, meter readings not among them


class Operation(StrEnum):
    """What happens to an entity or a meter reading, as triggers name it."""

    CREATED = "createEntity"
    UPDATED = "updateEntity"
    DELETED = "deleteEntity"


class AttributeChange(StrEnum):
    """What an update does to an attribute: gives it a value, another value, or takes it away."""

    ADDED = "added"
    UPDATED = "updated"
    DELETED = "deleted"


class Cardinality(StrEnum):
    """How many entities a node holds: at most one, shown as an object, or a list of them."""

    ONE = "one"
    MANY = "many"


class Status(StrEnum):
    """How far an event of an organisation's own is. Built-in ones are active."""

    DRAFT = "draft"
    ACTIVE = "active"
    DEPRECATED = "deprecated"


@dataclass(frozen=True, kw_only=True)
class ValueField:
    """A field with a JSON value; without an expression whoever triggers the event supplies it."""

    json_schema: Mapping[str, Any]
    required: bool = False
    graph_source: str | None = None

    def document(self) -> dict[str, Any]:
        """The field as it is sent and shown."""
        shown: dict[str, Any] = {"json_schema": self.json_schema, "required": self.required}
        return shown | ({"graph_source": self.graph_source} if self.graph_source else {})


@dataclass(frozen=True, kw_only=True)
class EntityField:
    """A field that holds an entity of a schema."""

    entity_schema: str
    required: bool = False

    def document(self) -> dict[str, Any]:
        """The field as it is sent and shown."""
        return {"entity_schema": self.entity_schema, "required": self.required}


Field = ValueField | EntityField


@dataclass(frozen=True, kw_only=True)
class Node:
    """A place in an entity graph, for entities of one schema; `fields` are the parts shown."""

    id: str
    schema: str
    cardinality: Cardinality = Cardinality.MANY
    fields: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """The node as it is sent and shown."""
        shown = {"id": self.id, "schema": self.schema, "cardinality": self.cardinality.value}
        return {**shown, "fields": list(self.fields)} if self.fields else shown


@dataclass(frozen=True)
class Edge:
    """Entities of two nodes belong together when one of them is related to the other."""

    source: str
    target: str


@dataclass(frozen=True)
class Graph:
    """Which entities an event carries besides the one that it is about."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def node(self, node_id: str) -> Node | None:
        """The node of that id."""
        return next((node for node in self.nodes if node.id == node_id), None)

    def of_schema(self, schema: str) -> Node | None:
        """The first node for entities of a schema."""
        return next((node for node in self.nodes if node.schema == schema), None)

    def document(self) -> dict[str, Any]:
        """The graph as it is sent and shown."""
        return {
            "nodes": [node.document() for node in self.nodes],
            "edges": [{"from": edge.source, "to": edge.target} for edge in self.edges],
        }


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """Which changes make an event happen: all that is named must be so.

    No attributes, changes or purposes stand for any. `purpose_filters` are purposes too, by their
    id or the name that they had.
    """

    operations: frozenset[Operation]
    schemas: tuple[str, ...]
    attributes: tuple[str, ...] = ()
    attribute_changes: frozenset[AttributeChange] = frozenset()
    purposes: tuple[str, ...] = ()
    purpose_filters: tuple[tuple[str, str], ...] = ()

    def document(self) -> dict[str, Any]:
        """The trigger as it is sent and shown."""
        shown: dict[str, Any] = {
            "operation": [each.value for each in Operation if each in self.operations],
            "schema": list(self.schemas),
        }
        if self.attributes:
            shown["attribute"] = list(self.attributes)
        if self.attribute_changes:
            changes = [each.value for each in AttributeChange if each in self.attribute_changes]
            shown["attribute_change"] = changes
        if self.purposes:
            shown["purpose"] = list(self.purposes)
        if self.purpose_filters:
            shown["purpose_filters"] = [
                {"id": purpose, "display_name": name} for purpose, name in self.purpose_filters
            ]
        return shown


@dataclass(frozen=True, kw_only=True)
class EventDefinition:
    """An event that can happen.

    `mapping` is an expression that yields all fields at once, in place of one for each.
    `automation_trigger` is whether automations may trigger it unless an organisation says
    otherwise, `api_trigger` whether anybody else may. `base` is the event that this one was made
    from, with its version. `example` is one that its author gave.
    """

    name: str
    title: str
    description: str = ""
    version: str = FIRST_VERSION
    tags: tuple[str, ...] = ()
    fields: Mapping[str, Field] = field(default_factory=dict)
    graph: Graph | None = None
    trigger: Trigger | None = None
    mapping: str | None = None
    automation_trigger: bool = False
    api_trigger: bool = True
    base: tuple[str, str] | None = None
    example: Mapping[str, Any] | None = None

    def document(self) -> dict[str, Any]:
        """The definition as it is sent and shown."""
        shown: dict[str, Any] = {
            "event_name": self.name,
            "event_title": self.title,
            "event_description": self.description,
            "event_tags": list(self.tags),
            "schema_fields": {name: each.document() for name, each in self.fields.items()},
            "automation_trigger": self.automation_trigger,
            "api_trigger": self.api_trigger,
        }
        if self.graph:
            shown["entity_graph"] = self.graph.document()
        if self.trigger:
            shown["entity_operation"] = self.trigger.document()
        if self.mapping:
            shown["mapping"] = {"mode": "jsonata", "jsonata": self.mapping}
        if self.base:
            base_name, base_version = self.base
            shown["lineage"] = {"base_event_name": base_name, "base_event_version": base_version}
        if self.example is not None:
            shown["example"] = self.example
        return shown

    def sources(self) -> dict[str, str]:
        """The expressions of the definition by their places in its document."""
        found = {
            f"schema_fields.{name}.graph_source": each.graph_source
            for name, each in self.fields.items()
            if isinstance(each, ValueField) and each.graph_source
        }
        return found | ({"mapping.jsonata": self.mapping} if self.mapping else {})
