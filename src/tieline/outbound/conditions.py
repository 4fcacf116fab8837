"""Under which conditions a webhook fires, evaluated on the document of its message. Pure.

A path such as `entity.address.city` leads through objects by names and through lists by numbers
(`items.0.price`, `items[0].price`); a name where there is a list stands for that name in each item.
So a path may lead to several values. A condition is met if one of them meets it; one that denies
(`not_equals`, `none_of`, `not_contains`) if none contradicts it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tieline.kit import json
from tieline.outbound.comparisons import FieldType, Operation, as_text, compares

__all__ = [
    "MOST_CONDITIONS",
    "Condition",
    "ConditionGroup",
    "FieldType",
    "KeyFilter",
    "LogicalOperator",
    "Operation",
    "group_from",
    "key_filter_from",
    "unmet",
    "unmet_filter",
    "values_at",
]

MOST_CONDITIONS = 10
_SHOWN_VALUES = 3
_SHOWN_CHARACTERS = 80


class LogicalOperator(StrEnum):
    """How many conditions of a group have to be met."""

    AND = "AND"
    OR = "OR"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. Of several `values` one is enough; those that deny deny all of them.

    `is_array_field` says that the value is a list, so that `contains` asks for an item and not for
    a part of a text. Conditions with `repeatable_item_op` that lead into the same list are about
    one and the same item of it.
    """

    field: str
    operation: Operation
    values: tuple[str, ...] = ()
    field_type: FieldType = FieldType.STRING
    is_array_field: bool = False
    repeatable_item_op: bool = False

    def __str__(self) -> str:
        wanted = _listed(self.values, "or") if self.operation.needs_values else ""
        return f"{self.field} {self.operation.replace('_', ' ')} {wanted}".rstrip()


@dataclass(frozen=True, slots=True)
class ConditionGroup:
    """Conditions of which all, or one, have to be met. An empty group is met."""

    conditions: tuple[Condition, ...] = ()
    operator: LogicalOperator = LogicalOperator.AND


@dataclass(frozen=True, slots=True)
class KeyFilter:
    """A single key, of the document or of its entity, that must have one of these values."""

    key: str
    supported: tuple[str, ...]


def group_from(raw: Mapping[str, Any] | None) -> ConditionGroup:
    """The conditions of a webhook, as its configuration holds them: checked when it was saved."""
    if not raw:
        return ConditionGroup()
    return ConditionGroup(
        tuple(map(_condition_from, raw.get("conditions") or ())),
        LogicalOperator(raw.get("logical_operator") or LogicalOperator.AND),
    )


def _condition_from(raw: Mapping[str, Any]) -> Condition:
    return Condition(
        field=raw["field"],
        operation=Operation(raw["operation"]),
        values=tuple(raw.get("values") or ()),
        field_type=FieldType(raw.get("field_type") or FieldType.STRING),
        is_array_field=bool(raw.get("is_array_field")),
        repeatable_item_op=bool(raw.get("repeatable_item_op")),
    )


def key_filter_from(raw: Mapping[str, Any] | None) -> KeyFilter | None:
    """The filter of a webhook, as its configuration holds it."""
    return KeyFilter(raw["keyToFilter"], tuple(raw["supportedValues"])) if raw else None


def unmet_filter(key_filter: KeyFilter, document: Mapping[str, Any]) -> str | None:
    """Why a document does not pass the filter, in words; None if it does."""
    found = values_at(document, key_filter.key)
    if not found:
        found = values_at(document.get("entity"), key_filter.key)
    if any(as_text(value) in key_filter.supported for value in found):
        return None
    wanted = _listed(key_filter.supported, "or")
    return f"The filter {key_filter.key} = {wanted} is not met: {_described(found)}."


def unmet(group: ConditionGroup, document: Mapping[str, Any]) -> str | None:
    """Why a document does not meet the conditions, in words; None if it does."""
    refusals = [_refusal(unit, document) for unit in _units(group)]
    failed = [refusal for refusal in refusals if refusal is not None]
    if group.operator is LogicalOperator.OR:
        return " ".join(failed) if failed and len(failed) == len(refusals) else None
    return failed[0] if failed else None


def values_at(document: Any, path: str) -> list[Any]:
    """The values to which a path leads; lists at its end are taken apart."""
    return _values(document, _steps(path))


def _steps(path: str) -> list[str]:
    return [step for step in path.replace("[", ".").replace("]", "").split(".") if step]


def _values(document: Any, steps: Sequence[str]) -> list[Any]:
    return _taken_apart(_ends(document, steps))


def _taken_apart(ends: Sequence[Any]) -> list[Any]:
    return [item for end in ends for item in (end if isinstance(end, list) else [end])]


def _ends(document: Any, steps: Sequence[str]) -> list[Any]:
    found = [document]
    for step in steps:
        found = [inner for value in found for inner in _under(value, step)]
    return found


def _under(value: Any, step: str) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return [value[step]] if step in value else []
    if isinstance(value, list):
        if step.isascii() and step.isdigit():
            return value[int(step) : int(step) + 1]
        return [inner for item in value for inner in _under(item, step)]
    return []


def _units(group: ConditionGroup) -> Iterable[list[Condition]]:
    """Conditions that have to be met together: by one item of a list, or each by itself."""
    units: dict[object, list[Condition]] = {}
    for index, condition in enumerate(group.conditions):
        together = condition.repeatable_item_op and group.operator is LogicalOperator.AND
        key = tuple(_steps(condition.field)[:-1]) if together else index
        units.setdefault(key, []).append(condition)
    return units.values()


def _refusal(unit: Sequence[Condition], document: Mapping[str, Any]) -> str | None:
    """Why conditions that belong together are not met by the document, or by any item in it."""
    items: Sequence[Any] = [document]
    if unit[0].repeatable_item_op:
        items = _values(document, _steps(unit[0].field)[:-1])
    if any(all(_met(each, _ends_of(each, item)) for each in unit) for item in items):
        return None
    wanted = " and ".join(map(str, unit))
    if len(items) > 1:
        return f"The condition {wanted} is not met by any of {len(items)} items."
    ends = [end for item in items for each in unit for end in _ends_of(each, item)]
    return f"The condition {wanted} is not met: {_described(_taken_apart(ends))}."


def _ends_of(condition: Condition, item: Any) -> list[Any]:
    """The ends of a condition's path, from the document or from an item of a list in it."""
    steps = _steps(condition.field)
    return _ends(item, steps[-1:] if condition.repeatable_item_op else steps)


def _met(condition: Condition, ends: Sequence[Any]) -> bool:
    found = _taken_apart(ends)
    match condition.operation:
        case Operation.IS_EMPTY:
            return all(map(_is_empty, found))
        case Operation.IS_NOT_EMPTY:
            return not all(map(_is_empty, found))
        case operation:
            in_list = condition.is_array_field or any(isinstance(end, list) for end in ends)
            any_does = any(
                compares(operation, condition.field_type, value, wanted, in_list=in_list)
                for value in found
                for wanted in condition.values
            )
            return any_does != operation.denies


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _described(found: Sequence[Any]) -> str:
    if not found:
        return "there is no such value"
    shown = [_short(json.dumps_str(value)) for value in found[:_SHOWN_VALUES]]
    more = len(found) - len(shown)
    return f"it is {', '.join(shown)}" + (f" and {more} more" if more else "")


def _listed(values: Sequence[str], word: str) -> str:
    return f" {word} ".join(_short(json.dumps_str(value)) for value in values) or "nothing"


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
