"""Whether an entity fits its declared schema: required attributes and the types of values. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from tieline.entities.schemas import EntitySchema
from tieline.entities.search.moments import parse_number
from tieline.kit.time import from_wire


@dataclass(frozen=True, slots=True)
class Fault:
    """One attribute that does not fit: `rule` is required, type, format or enum."""

    attribute: str
    rule: str
    message: str
    expected: Any


def validate(schema: EntitySchema, attributes: Mapping[str, Any]) -> list[Fault]:
    """What does not fit, in the order of the schema. Attributes it does not name are free."""
    return [fault for declared in schema.attributes for fault in _check(declared, attributes)]


def _check(declared: Mapping[str, Any], attributes: Mapping[str, Any]) -> Iterator[Fault]:
    name = declared["name"]
    value = attributes.get(name)
    if value is None or value in ("", []):
        if declared.get("required") is True:
            yield Fault(name, "required", f"{name} is required.", name)
        return
    rule = _RULES.get(declared["type"])
    if rule is None:
        return
    items = value if isinstance(value, list) and declared.get("repeatable") is True else [value]
    for item in items:
        fault = rule(name, item, declared)
        if fault is not None:
            yield fault
            return


def _text(name: str, value: Any, _declared: Mapping[str, Any]) -> Fault | None:
    return None if isinstance(value, str) else _not_a(name, "string", "a text")


def _number(name: str, value: Any, _declared: Mapping[str, Any]) -> Fault | None:
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return None
    if isinstance(value, str) and parse_number(value) is not None:
        return None
    return _not_a(name, "number", "a number")


def _boolean(name: str, value: Any, _declared: Mapping[str, Any]) -> Fault | None:
    return None if isinstance(value, bool) else _not_a(name, "boolean", "true or false")


def _date(name: str, value: Any, declared: Mapping[str, Any]) -> Fault | None:
    kind = "date" if declared["type"] == "date" else "date-time"
    if not isinstance(value, str):
        return _not_a(name, "string", "an ISO 8601 date")
    try:
        from_wire(value)
        date.fromisoformat(value[:10])
    except ValueError:
        return Fault(name, "format", f"{name} must be an ISO 8601 {kind}.", kind)
    return None


def _choice(name: str, value: Any, declared: Mapping[str, Any]) -> Fault | None:
    if declared.get("allow_any") is True or declared.get("allow_extra_options") is True:
        return None
    options = declared.get("options")
    if not isinstance(options, list) or not options:
        return None
    allowed = [o.get("value") if isinstance(o, Mapping) else o for o in options]
    chosen = value if isinstance(value, list) else [value]
    if all(choice in allowed for choice in chosen):
        return None
    return Fault(name, "enum", f"{name} must be one of the schema's options.", allowed)


def _texts(name: str, value: Any, _declared: Mapping[str, Any]) -> Fault | None:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return None
    return _not_a(name, "array", "a list of texts")


def _relation(name: str, value: Any, _declared: Mapping[str, Any]) -> Fault | None:
    if isinstance(value, Mapping) and isinstance(value.get("$relation"), list):
        return None
    return _not_a(name, "object", 'an object with a list "$relation"')


def _not_a(name: str, kind: str, words: str) -> Fault:
    return Fault(name, "type", f"{name} must be {words}.", kind)


_RULES: Mapping[str, Callable[[str, Any, Mapping[str, Any]], Fault | None]] = {
    "string": _text,
    "text": _text,
    "link": _text,
    "country": _text,
    "sequence": _text,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "datetime": _date,
    "select": _choice,
    "radio": _choice,
    "status": _choice,
    "multiselect": _choice,
    "checkbox": _choice,
    "tags": _texts,
    "relation": _relation,
}


def fault_document(fault: Fault) -> dict[str, Any]:
    """A fault in the older of the two wire forms."""
    return {
        "code": fault.rule,
        "params": {"type": fault.rule, "expected": fault.expected},
        "path": [fault.attribute],
        "message": fault.message,
    }


def keyword_document(fault: Fault) -> dict[str, Any]:
    """A fault in the wire form that follows JSON Schema validators."""
    pointer = fault.attribute.replace("~", "~0").replace("/", "~1")
    if fault.rule == "required":
        place, rule, params = "", "#/required", {"missingProperty": fault.attribute}
    else:
        place, rule = f"/{pointer}", f"#/properties/{pointer}/{fault.rule}"
        params = {"expected": fault.expected}
    return {
        "keyword": fault.rule,
        "instance_path": place,
        "schema_path": rule,
        "params": params,
        "message": fault.message,
    }
