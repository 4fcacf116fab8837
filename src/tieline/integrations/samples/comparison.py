"""Two JSON values compared, and their differences in words that a person can act on. Pure.

The order of keys makes no difference; the order of list items does. Numbers are equal when their
values are, however they are written; `true` is not 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import SequenceMatcher
from enum import Enum
from typing import Any

from tieline.kit import json

_PLAIN_KEY = re.compile(r"[A-Za-z_$][\w$-]*")
_LONGEST_SHOWN = 120  # characters of a value
_MOST_ALIGNED = 500  # items of lists that are aligned; longer ones are compared item by item


class Absent(Enum):
    """Stands for a value that is not there, which null is."""

    ABSENT = "nothing"


ABSENT = Absent.ABSENT


@dataclass(frozen=True)
class Difference:
    """A place at which two values differ; one of the two may be `ABSENT` there.

    `path` leads to it, such as `entity_updates[0].attributes.name`.
    """

    path: str
    expected: Any
    actual: Any

    def __str__(self) -> str:
        if self.actual is ABSENT:
            return f"{self.path}: expected {_shown(self.expected)}, got nothing"
        if self.expected is ABSENT:
            return f"{self.path}: expected nothing, got {_shown(self.actual)}"
        return f"{self.path}: expected {_shown(self.expected)}, got {_shown(self.actual)}"


def differences(expected: Any, actual: Any, path: str = "") -> Iterator[Difference]:
    """Every place at which the actual value differs from the expected one."""
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        yield from _between_objects(expected, actual, path)
    elif isinstance(expected, list) and isinstance(actual, list):
        yield from _between_lists(expected, actual, path)
    elif expected is ABSENT or actual is ABSENT or _identity(expected) != _identity(actual):
        yield Difference(path, expected, actual)


def _between_objects(
    expected: Mapping[str, Any], actual: Mapping[str, Any], path: str
) -> Iterator[Difference]:
    for key in dict.fromkeys((*expected, *actual)):
        place = _member(path, key)
        yield from differences(expected.get(key, ABSENT), actual.get(key, ABSENT), place)


def _between_lists(
    expected: Sequence[Any], actual: Sequence[Any], path: str
) -> Iterator[Difference]:
    for old, new in _pairs(expected, actual):
        # Where an item is, as the reader of the sample sees it; what is new is where it came out.
        place = f"{path}[{new if old is None else old}]"
        yield from differences(
            ABSENT if old is None else expected[old],
            ABSENT if new is None else actual[new],
            place,
        )


def _pairs(
    expected: Sequence[Any], actual: Sequence[Any]
) -> Iterator[tuple[int | None, int | None]]:
    """Indexes of items that belong together, so that one item more does not shift all others."""
    if len(expected) == len(actual) or max(len(expected), len(actual)) > _MOST_ALIGNED:
        yield from _side_by_side(range(len(expected)), range(len(actual)))
        return
    matcher = SequenceMatcher(
        None,
        [json.canonical(_identity(item)) for item in expected],
        [json.canonical(_identity(item)) for item in actual],
        autojunk=False,
    )
    for operation, old, old_end, new, new_end in matcher.get_opcodes():
        if operation != "equal":
            yield from _side_by_side(range(old, old_end), range(new, new_end))


def _side_by_side(old: range, new: range) -> Iterator[tuple[int | None, int | None]]:
    for index in range(max(len(old), len(new))):
        yield (
            old[index] if index < len(old) else None,
            new[index] if index < len(new) else None,
        )


def _identity(value: Any) -> Any:
    """A JSON value that is equal for equal values only."""
    match value:
        case bool() | None:
            return value
        case str():
            return f'"{value}'
        case int() | float() | Decimal():
            return _number(Decimal(repr(value)) if isinstance(value, float) else Decimal(value))
        case Mapping():
            return {key: _identity(inner) for key, inner in value.items()}
        case _:
            return [_identity(inner) for inner in value]


def _number(number: Decimal) -> str:
    """The shortest way to write a number; unlike `Decimal.normalize` it rounds nothing."""
    sign, digits, exponent = number.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    kept = text.rstrip("0")
    return f"{'-' * sign}{kept}e{int(exponent) + len(text) - len(kept)}" if kept else "0"


def _member(path: str, key: str) -> str:
    if not _PLAIN_KEY.fullmatch(key):
        return f"{path}[{json.dumps_str(key)}]"
    return f"{path}.{key}" if path else key


def _shown(value: Any) -> str:
    text = json.dumps_str(value)
    if len(text) <= _LONGEST_SHOWN:
        return text
    return f"{text[:_LONGEST_SHOWN]}... ({len(text)} characters)"
