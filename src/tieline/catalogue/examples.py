"""A value that fits a JSON Schema, for what people usually write in one. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_STRINGS = {
    "uuid": "018f3b1c-2f4e-7c3a-9d51-3a5f0c6b7e21",
    "date-time": "2026-01-31T08:00:00Z",
    "date": "2026-01-31",
    "time": "08:00:00Z",
    "email": "jane@example.com",
    "uri": "https://example.com/1",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
}
_TEXT = "text"
_GIVEN = ("const", "default", "example")


def example_of(schema: Any) -> Any:
    """A value that the schema most likely takes; patterns are not solved."""
    if not isinstance(schema, Mapping):
        return _TEXT
    for name in _GIVEN:
        if name in schema:
            return schema[name]
    for name in ("examples", "enum"):
        values = schema.get(name)
        if isinstance(values, list) and values:
            return values[0]
    for name in ("oneOf", "anyOf", "allOf"):
        parts = schema.get(name)
        if isinstance(parts, list) and parts and "type" not in schema:
            return example_of(parts[0])
    return _of_type(_type(schema), schema)


def _type(schema: Mapping[str, Any]) -> str:
    stated = schema.get("type")
    if isinstance(stated, str):
        return stated
    if isinstance(stated, Sequence) and stated:
        return str(stated[0])
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def _of_type(kind: str, schema: Mapping[str, Any]) -> Any:
    match kind:
        case "object":
            properties = schema.get("properties")
            known = properties if isinstance(properties, Mapping) else {}
            return {name: example_of(inner) for name, inner in known.items()}
        case "array":
            least = schema.get("minItems", 1)
            return [example_of(schema.get("items"))] * min(least or 1, 10)
        case "integer" | "number":
            return _number(kind, schema)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return _string(schema)


def _number(kind: str, schema: Mapping[str, Any]) -> Any:
    step = schema.get("multipleOf")
    least = schema.get("minimum", schema.get("exclusiveMinimum"))
    most = schema.get("maximum", schema.get("exclusiveMaximum"))
    if least is not None:
        value = least if "minimum" in schema else least + (step or 1)
    elif most is not None:
        value = most if "maximum" in schema else most - (step or 1)
    else:
        value = step or (1 if kind == "integer" else 12.5)
    return value


def _string(schema: Mapping[str, Any]) -> str:
    text = _STRINGS.get(str(schema.get("format")), _TEXT)
    least, most = schema.get("minLength"), schema.get("maxLength")
    if isinstance(least, int) and len(text) < least <= 1_000:
        text = text.ljust(least, "x")
    return text[:most] if isinstance(most, int) else text
