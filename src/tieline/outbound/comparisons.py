"""What a condition asks of a single value. Pure."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from tieline.kit import json
from tieline.kit.time import from_wire


class Operation(StrEnum):
    """What is asked."""

    EQUALS = "equals"
    NOT_EQUALS = "not_equals"
    ANY_OF = "any_of"
    NONE_OF = "none_of"
    CONTAINS = "contains"
    NOT_CONTAINS = "not_contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    GREATER_THAN = "greater_than"
    LESS_THAN = "less_than"
    GREATER_THAN_OR_EQUALS = "greater_than_or_equals"
    LESS_THAN_OR_EQUALS = "less_than_or_equals"
    IS_EMPTY = "is_empty"
    IS_NOT_EMPTY = "is_not_empty"

    @property
    def needs_values(self) -> bool:
        """Whether there has to be something to compare with."""
        return self not in (Operation.IS_EMPTY, Operation.IS_NOT_EMPTY)

    @property
    def denies(self) -> bool:
        """Whether it is the contrary of another one."""
        return self in (Operation.NOT_EQUALS, Operation.NONE_OF, Operation.NOT_CONTAINS)


class FieldType(StrEnum):
    """As what values are compared."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"


def compares(
    operation: Operation, field_type: FieldType, value: Any, wanted: str, *, in_list: bool
) -> bool:
    """Whether a value is to `wanted` as the operation says; one that denies as its contrary says.

    `in_list`: the value is one of a list, so that the list contains what equals it. Raises
    `KeyError` for an operation that compares with nothing.
    """
    if operation in _OF_TEXTS and not (in_list and operation in _CONTAINING):
        text = as_text(value)
        return text is not None and _OF_TEXTS[operation](text, wanted)
    if field_type is FieldType.STRING and operation in _OF_ORDER:
        # Whoever writes "greater than 9" means a number, whatever the field is said to be.
        have, want = as_number(value), as_number(wanted)
        if have is not None and want is not None:
            return _OF_ORDER[operation](have, want)
    have, want = _AS[field_type](value), _AS[field_type](wanted)
    return have is not None and want is not None and _RELATIONS[operation](have, want)


def as_text(value: Any) -> str | None:
    """A scalar as a text, as JSON writes it; None for null, lists and objects."""
    if isinstance(value, str):
        return value
    return json.dumps_str(value) if isinstance(value, bool | int | float | Decimal) else None


def as_number(value: Any) -> Decimal | None:
    """A number, or the number that a text is; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    try:
        number = Decimal(value.strip() if isinstance(value, str) else str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _as_boolean(value: Any) -> bool | None:
    text = (as_text(value) or "").strip().lower()
    return {"true": True, "false": False}.get(text)


def _as_moment(value: Any) -> datetime | None:
    with contextlib.suppress(ValueError, OverflowError):
        return from_wire(value.strip()).astimezone(UTC) if isinstance(value, str) else None
    return None


def _as_day(value: Any) -> Any:
    moment = _as_moment(value)
    return None if moment is None else moment.date()


_AS: dict[FieldType, Callable[[Any], Any]] = {
    FieldType.STRING: as_text,
    FieldType.NUMBER: as_number,
    FieldType.BOOLEAN: _as_boolean,
    FieldType.DATE: _as_day,
    FieldType.DATETIME: _as_moment,
}
_CONTAINING = (Operation.CONTAINS, Operation.NOT_CONTAINS)
_OF_TEXTS: dict[Operation, Callable[[str, str], bool]] = {
    Operation.CONTAINS: lambda have, want: want in have,
    Operation.NOT_CONTAINS: lambda have, want: want in have,
    Operation.STARTS_WITH: lambda have, want: have.startswith(want),
    Operation.ENDS_WITH: lambda have, want: have.endswith(want),
}
_OF_ORDER: dict[Operation, Callable[[Any, Any], bool]] = {
    Operation.GREATER_THAN: lambda have, want: have > want,
    Operation.LESS_THAN: lambda have, want: have < want,
    Operation.GREATER_THAN_OR_EQUALS: lambda have, want: have >= want,
    Operation.LESS_THAN_OR_EQUALS: lambda have, want: have <= want,
}
_RELATIONS: dict[Operation, Callable[[Any, Any], bool]] = {
    **_OF_ORDER,
    **dict.fromkeys(
        (
            *(Operation.EQUALS, Operation.NOT_EQUALS, Operation.ANY_OF, Operation.NONE_OF),
            *_CONTAINING,
        ),
        lambda have, want: have == want,
    ),
}
