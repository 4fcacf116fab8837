"""What events look like from outside: the JSON Schema of one, and an example. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tieline.catalogue.checking import fault_of
from tieline.catalogue.definitions import (
    EVERY_SCHEMA,
    Cardinality,
    EntityField,
    EventDefinition,
    Field,
    Node,
    Operation,
)
from tieline.catalogue.examples import example_of
from tieline.entities.activities import ActivityKind
from tieline.entities.changes.models import READINGS

_METADATA: Mapping[str, tuple[str, str]] = {
    "_org_id": ("The organisation in which it happened", "org-1"),
    "_event_time": ("When it happened, in ISO 8601", "2026-01-31T08:00:00.000Z"),
    "_event_id": ("What it is known by: a ULID", "01KG8W6QG0000000000000000A"),
    "_event_name": ("The name of the event", ""),
    "_event_version": ("The version of the event's definition", ""),
    "_event_source": ("What it comes from: entity, metering or api", "entity"),
    "_trigger_source_type": ("What made it happen: operation, api, automation, ...", "operation"),
    "_trigger_source": ("Who or what that was", "01KG8W6QFZ0000000000000000"),
    "_ack_id": ("What its receipt is acknowledged with, if somebody waits for that", ""),
}
_REQUIRED = (
    "_org_id",
    "_event_time",
    "_event_id",
    "_event_name",
    "_event_version",
    "_event_source",
)
_ACTIVITY_TYPES = {
    Operation.CREATED: ActivityKind.CREATED.value,
    Operation.UPDATED: ActivityKind.UPDATED.value,
    Operation.DELETED: ActivityKind.SOFT_DELETED.value,
}
_BY_HAND = {"_trigger_source_type": "api", "_trigger_source": "api_01KG8W6QFZ0000000000000000"}
_ENTITY_ID = "018f3b1c-2f4e-7c3a-9d51-3a5f0c6b7e21"
_MOMENT = "2026-01-31T08:00:00.000Z"


def payload_schema(definition: EventDefinition) -> dict[str, Any]:
    """The JSON Schema (2020-12) of the event as it is delivered and kept in the history."""
    properties: dict[str, Any] = {
        name: {"type": "string", "description": text} for name, (text, _) in _METADATA.items()
    }
    properties["_event_time"]["format"] = "date-time"
    properties["_event_name"]["const"] = definition.name
    for node in definition.graph.nodes if definition.graph else ():
        properties[node.id] = _node_schema(node)
    for name, field in definition.fields.items():
        properties[name] = _field_schema(field)
    properties |= _context_schema(definition)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": definition.title,
        "description": definition.description,
        "type": "object",
        "properties": properties,
        "required": [
            *_REQUIRED,
            *(name for name, field in definition.fields.items() if field.required),
        ],
        "additionalProperties": True,
    }


def payload_example(definition: EventDefinition) -> dict[str, Any]:
    """An event as it could be, with whatever its author gave for an example."""
    shown: dict[str, Any] = {n: text for n, (_, text) in _METADATA.items() if n != "_ack_id"}
    shown["_event_name"], shown["_event_version"] = definition.name, definition.version
    for node in definition.graph.nodes if definition.graph else ():
        entity = _entity_example(node.schema)
        shown[node.id] = entity if node.cardinality is Cardinality.ONE else [entity]
    for name, field in definition.fields.items():
        value = _field_example(field)
        if field.required or fault_of(_field_schema(field), value) is None:
            shown[name] = value
    return {**shown, **_context_example(definition), **(definition.example or {})}


def _node_schema(node: Node) -> dict[str, Any]:
    entity = _entity_schema(node.schema)
    return entity if node.cardinality is Cardinality.ONE else {"type": "array", "items": entity}


def _field_schema(field: Field) -> dict[str, Any]:
    match field:
        case EntityField():
            return _entity_schema(field.entity_schema)
        case _:
            return dict(field.json_schema)


def _entity_schema(schema: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": f"An entity of the schema {schema}",
        "properties": {
            "_id": {"type": "string", "format": "uuid"},
            "_schema": {"const": schema},
            "_title": {"type": ["string", "null"]},
        },
        "required": ["_id", "_schema"],
    }


def _context_schema(definition: EventDefinition) -> dict[str, Any]:
    """What a change adds to an event; one of a meter reading has neither entity nor activity."""
    if definition.trigger is None:
        return {}
    operation = {
        "description": "What happened; only if a change triggered the event",
        "enum": [each.value for each in Operation],
    }
    if definition.trigger.schemas == (READINGS,):
        return {"operation": operation}
    return {
        "operation": operation,
        "trigger_entity": {"type": "object", "description": "The entity after the change"},
        "activity_id": {"type": "string", "description": "The activity that the change is part of"},
        "activity_type": {"type": "string", "description": "The type of that activity"},
    }


def _context_example(definition: EventDefinition) -> dict[str, Any]:
    if definition.trigger is None:
        return {"_event_source": "api", **_BY_HAND}
    operation = min(definition.trigger.operations)
    schema = definition.trigger.schemas[0]
    if definition.trigger.schemas == (READINGS,):
        return {"operation": operation.value, "_event_source": "metering"}
    return {
        "operation": operation.value,
        "trigger_entity": _entity_example("contact" if schema == EVERY_SCHEMA else schema),
        "activity_id": _METADATA["_trigger_source"][1],
        "activity_type": _ACTIVITY_TYPES[operation],
    }


def _field_example(field: Field) -> Any:
    match field:
        case EntityField():
            return _entity_example(field.entity_schema)
        case _:
            return example_of(field.json_schema)


def _entity_example(schema: str) -> dict[str, Any]:
    return {
        "_id": _ENTITY_ID,
        "_org": "org-1",
        "_schema": schema,
        "_title": f"Example of {schema}",
        "_created_at": _MOMENT,
        "_updated_at": _MOMENT,
    }
