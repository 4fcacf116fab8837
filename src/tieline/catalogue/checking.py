"""JSON Schemas of fields: compiled once, and safe whoever wrote them. Pure.

The author of a field may be anybody who may define events. Therefore patterns are matched in linear
time, and there are no references: a few that name each other twice would keep a process busy for
days, and others would have to be fetched.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jsonschema_rs

from tieline.kit import json

MAX_SCHEMA_DEPTH = 20

_MAX_MESSAGE = 300
_NOT_ALLOWED = ("$ref", "$dynamicRef", "$recursiveRef", "$id", "$schema", "$vocabulary")
# What stands below these are values, not schemas.
_VALUES = ("enum", "const", "default", "example", "examples")


class UnusableSchema(ValueError):
    """A JSON Schema that nothing can be checked by; the text says why."""


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raise `UnusableSchema` unless values can be checked by the schema."""
    text = json.canonical(schema)
    if json.deeper_than(text, MAX_SCHEMA_DEPTH):
        raise UnusableSchema(f"is nested deeper than {MAX_SCHEMA_DEPTH} levels")
    _refuse_references(schema)
    _compiled(text)


def fault_of(schema: Mapping[str, Any], value: Any) -> str | None:
    """Why a value does not fit a schema, or None when it does."""
    validator = _compiled(json.canonical(schema))
    if validator.is_valid(value):
        return None
    fault = next(validator.iter_errors(value))
    place = "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in fault.instance_path)
    return f"{place.lstrip('.')}: {fault.message}"[:_MAX_MESSAGE] if place else _short(fault)


def takes_null(schema: Mapping[str, Any]) -> bool:
    """Whether null is a value that the schema allows."""
    return _compiled(json.canonical(schema)).is_valid(None)


def _short(fault: jsonschema_rs.ValidationError) -> str:
    return fault.message[:_MAX_MESSAGE]


def _refuse_references(part: Any) -> None:
    if isinstance(part, list):
        for member in part:
            _refuse_references(member)
    if isinstance(part, Mapping):
        for name, member in part.items():
            if name in _NOT_ALLOWED and isinstance(member, str):
                raise UnusableSchema(f"{name} cannot be used here; write the schema out")
            if name not in _VALUES:
                _refuse_references(member)


@lru_cache(4096)
def _compiled(text: bytes) -> jsonschema_rs.Draft202012Validator:
    try:
        return jsonschema_rs.Draft202012Validator(
            json.loads(text),
            validate_formats=True,
            offline=True,
            pattern_options=jsonschema_rs.RegexOptions(),
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        reason = str(getattr(error, "message", error))
        raise UnusableSchema(
            f"is no JSON Schema that can be used: {reason}"[:_MAX_MESSAGE]
        ) from None
