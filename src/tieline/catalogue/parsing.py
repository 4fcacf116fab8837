"""Reads the definition of an event, and refuses what could never work. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from tieline.catalogue.checking import UnusableSchema, check_schema
from tieline.catalogue.consistency import check_consistency
from tieline.catalogue.definitions import (
    FIRST_VERSION,
    AttributeChange,
    Cardinality,
    Edge,
    EntityField,
    EventDefinition,
    Field,
    Graph,
    Node,
    Operation,
    Trigger,
    ValueField,
)
from tieline.catalogue.errors import InvalidDefinition
from tieline.entities.projection import MAX_FIELD_LENGTH
from tieline.kit import json
from tieline.kit.json import nul_place
from tieline.mapping.errors import InvalidConfiguration
from tieline.mapping.reader import MAX_SCHEMA_LENGTH, Reader

MAX_DEFINITION_BYTES = 200_000
MAX_FIELDS, MAX_NODES, MAX_EDGES, MAX_LISTED = 100, 20, 60, 100

_NAME = re.compile(r"[A-Z][A-Za-z0-9]{2,79}")
_MEMBER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")
_MAX_TEXT = {"event_title": 160, "event_description": 2_000}
_MAX_SOURCE = 20_000
_TAGS, _TAG = 20, 64

# Shown beside a definition, and taken back without effect when somebody sends on what they read.
_SHOWN = frozenset(
    {
        *("event_version", "event_status", "event_origin", "enabled", "auto_trigger"),
        *("silence_reason", "success_criteria"),
    }
)
_KEYS = frozenset(
    {
        *("event_name", "event_title", "event_description", "event_tags", "schema_fields"),
        *("entity_graph", "entity_operation", "automation_trigger", "api_trigger", "mapping"),
        *("automation_trigger_only", "automation_trigger_seed_node", "lineage", "example"),
    }
)
_VALUE_KEYS = frozenset({"json_schema", "required", "graph_source"})
_ENTITY_KEYS = frozenset({"entity_schema", "required"})
_NODE_KEYS = frozenset({"id", "schema", "cardinality", "fields"})
_TRIGGER_KEYS = frozenset(
    {"operation", "schema", "attribute", "attribute_change", "purpose", "purpose_filters"}
)

Choice = TypeVar("Choice", bound=StrEnum)


def parse_definition(raw: Mapping[str, Any]) -> EventDefinition:
    """The definition in a document of the API. Raises `InvalidDefinition`, naming the place.

    Its expressions are not compiled here; they need the sandbox.
    """
    _refuse_unusable(raw)
    try:
        definition = _definition(Reader(dict(raw), "", []))
    except InvalidConfiguration as error:
        raise InvalidDefinition(error.message, error.path) from None
    check_consistency(definition)
    return definition


def stored_definition(raw: Mapping[str, Any]) -> EventDefinition:
    """The definition in a document that was checked before, by this or an earlier version."""
    return _definition(Reader(dict(raw), "", []))


def _refuse_unusable(raw: Mapping[str, Any]) -> None:
    if len(json.dumps(raw)) > MAX_DEFINITION_BYTES:
        raise InvalidDefinition(f"The definition has more than {MAX_DEFINITION_BYTES:,} bytes.")
    if nul_place(raw, "") is not None:
        raise InvalidDefinition(f"{nul_place(raw, '')} holds the character U+0000. Remove it.")
    unknown = sorted(raw.keys() - _KEYS - _SHOWN)
    if unknown:
        raise InvalidDefinition(f"{unknown[0]:.60} is not known. Remove it.", unknown[0])


def _definition(reader: Reader) -> EventDefinition:
    name = reader.required_text("event_name")
    if not _NAME.fullmatch(name):
        raise reader.fail(
            "event_name", "must be a capital letter and 2 to 79 more letters and digits."
        )
    return EventDefinition(
        name=name,
        title=_text(reader, "event_title", required=True),
        description=_text(reader, "event_description"),
        version=reader.text("event_version") or FIRST_VERSION,
        tags=_tags(reader),
        fields=_fields(reader),
        graph=_graph(reader.child("entity_graph")) if reader.has("entity_graph") else None,
        trigger=_trigger(reader) if reader.has("entity_operation") else None,
        mapping=_mapping(reader),
        automation_trigger=_switch(reader, "automation_trigger", default=False),
        api_trigger=_api_trigger(reader),
        base=_base(reader),
        example=reader.child("example").raw if reader.has("example") else None,
    )


def _fields(reader: Reader) -> dict[str, Field]:
    fields = reader.child("schema_fields")
    if len(fields.raw) > MAX_FIELDS:
        raise reader.fail("schema_fields", f"has more than {MAX_FIELDS} fields. Leave some out.")
    return {name: _field(fields, name) for name in fields.raw}


def _field(fields: Reader, name: str) -> Field:
    if not _MEMBER.fullmatch(name):
        raise fields.fail(f"{name:.80}", "is no name for a field: use letters, digits and _.")
    reader = fields.child(name)
    required = _switch(reader, "required", default=False)
    if reader.has("entity_schema"):
        _refuse_unknown(reader, _ENTITY_KEYS)
        return EntityField(
            entity_schema=reader.name("entity_schema", MAX_SCHEMA_LENGTH), required=required
        )
    _refuse_unknown(reader, _VALUE_KEYS)
    schema = reader.child("json_schema").raw
    try:
        check_schema(schema)
    except UnusableSchema as fault:
        raise reader.fail("json_schema", f"{fault}. Correct it.") from None
    return ValueField(json_schema=schema, required=required, graph_source=_source(reader))


def _source(reader: Reader, key: str = "graph_source") -> str | None:
    source = reader.text(key)
    if source is not None and len(source) > _MAX_SOURCE:
        raise reader.fail(key, f"is longer than {_MAX_SOURCE:,} characters. Shorten it.")
    return source


def _graph(reader: Reader) -> Graph:
    _refuse_unknown(reader, {"nodes", "edges"})
    nodes = _few(reader, "nodes", MAX_NODES)
    if not nodes:
        raise reader.fail("nodes", "must not be empty. Leave the graph out, or add a node.")
    edges = _few(reader, "edges", MAX_EDGES)
    for edge in edges:
        _refuse_unknown(edge, {"from", "to"})
    ends = [Edge(edge.required_text("from"), edge.required_text("to")) for edge in edges]
    return Graph(tuple(map(_node, nodes)), tuple(ends))


def _node(reader: Reader) -> Node:
    _refuse_unknown(reader, _NODE_KEYS)
    node_id = reader.required_text("id")
    if not _MEMBER.fullmatch(node_id):
        raise reader.fail("id", "is no name for a node: use letters, digits and _.")
    return Node(
        id=node_id,
        schema=reader.name("schema", MAX_SCHEMA_LENGTH),
        cardinality=reader.choice("cardinality", Cardinality, Cardinality.MANY),
        fields=_listed(reader, "fields", MAX_FIELD_LENGTH),
    )


def _trigger(parent: Reader) -> Trigger:
    reader = parent.child("entity_operation")
    _refuse_unknown(reader, _TRIGGER_KEYS)
    filters = _few(reader, "purpose_filters", MAX_LISTED)
    operations = _choices(reader, "operation", Operation)
    schemas = _listed(reader, "schema", MAX_SCHEMA_LENGTH)
    for key, given in (("operation", operations), ("schema", schemas)):
        if not given:
            raise reader.fail(key, "must not be empty. Say which changes trigger the event.")
    return Trigger(
        operations=operations,
        schemas=schemas,
        attributes=_listed(reader, "attribute"),
        attribute_changes=_choices(reader, "attribute_change", AttributeChange),
        purposes=_listed(reader, "purpose"),
        purpose_filters=tuple((each.name("id"), each.name("display_name")) for each in filters),
    )


def _mapping(parent: Reader) -> str | None:
    if not parent.has("mapping"):
        return None
    reader = parent.child("mapping")
    mode = reader.required_text("mode")
    if mode not in ("guided", "jsonata"):
        raise reader.fail("mode", "must be guided or jsonata.")
    if mode == "guided":
        return None
    reader.required_text("jsonata")
    return _source(reader, "jsonata")


def _api_trigger(reader: Reader) -> bool:
    only = _switch(reader, "automation_trigger_only", default=False)
    if only or reader.has("automation_trigger_seed_node"):
        key = "automation_trigger_only" if only else "automation_trigger_seed_node"
        raise reader.fail(
            key, "is not supported. Send api_trigger false and automation_trigger true instead."
        )
    return _switch(reader, "api_trigger", default=True)


def _base(reader: Reader) -> tuple[str, str] | None:
    if not reader.has("lineage"):
        return None
    lineage = reader.child("lineage")
    return lineage.name("base_event_name"), lineage.name("base_event_version")


def _text(reader: Reader, key: str, *, required: bool = False) -> str:
    text = reader.required_text(key) if required else reader.text(key) or ""
    if len(text) > _MAX_TEXT[key]:
        raise reader.fail(key, f"is longer than {_MAX_TEXT[key]:,} characters. Shorten it.")
    return text


def _tags(reader: Reader) -> tuple[str, ...]:
    tags = _listed(reader, "event_tags", _TAG)
    if len(tags) > _TAGS:
        raise reader.fail("event_tags", f"has more than {_TAGS} tags. Leave some out.")
    return tags


def _switch(reader: Reader, key: str, *, default: bool) -> bool:
    value = reader.raw.get(key)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise reader.fail(key, "must be true or false. Correct it.")
    return value


def _listed(reader: Reader, key: str, longest: int = 256) -> tuple[str, ...]:
    texts = reader.texts(key)
    if len(texts) > MAX_LISTED:
        raise reader.fail(key, f"has more than {MAX_LISTED} entries. Leave some out.")
    for index, text in enumerate(texts):
        if len(text) > longest:
            raise reader.fail(f"{key}[{index}]", f"is longer than {longest} characters.")
    return tuple(dict.fromkeys(texts))


def _choices(reader: Reader, key: str, kind: type[Choice]) -> frozenset[Choice]:
    allowed = {member.value: member for member in kind}
    for index, text in enumerate(reader.texts(key)):
        if text not in allowed:
            raise reader.fail(f"{key}[{index}]", f"must be one of {', '.join(allowed)}.")
    return frozenset(allowed[text] for text in reader.texts(key))


def _few(reader: Reader, key: str, most: int) -> list[Reader]:
    if len(reader.items(key)) > most:
        raise reader.fail(key, f"has more than {most} entries. Leave some out.")
    return reader.children(key)


def _refuse_unknown(reader: Reader, known: frozenset[str] | set[str]) -> None:
    for key in reader.raw:
        if key not in known:
            raise reader.fail(f"{key:.60}", "is not known. Remove it.")
