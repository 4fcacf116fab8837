"""What a query asks, as a tree between the query languages and the SQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import TypeAlias
from uuid import UUID

SYSTEM_TEXTS = frozenset({"_schema", "_title", "_org", "_id"})
SYSTEM_MOMENTS = frozenset({"_created_at", "_updated_at", "_deleted_at"})


class Wildcard(Enum):
    """A placeholder within a pattern."""

    MANY = "*"
    ONE = "?"


@dataclass(frozen=True, slots=True)
class Everything:
    """Matches every entity."""


@dataclass(frozen=True, slots=True)
class HasPhrase:
    """A text has these words (lower case) in a row; `path` None means any text of the entity."""

    path: str | None
    words: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class HasPattern:
    """A text, or one of its words, fits a pattern.

    With `exact`, only the whole value counts, and upper and lower case differ.
    """

    path: str | None
    parts: tuple[str | Wildcard, ...]
    exact: bool = False


@dataclass(frozen=True, slots=True)
class IsExactly:
    """A value equals one of these; numbers by value, texts to the letter."""

    path: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a range: what the text given stands for, in each of the ways it can be read."""

    text: str
    number: Decimal | None
    moment: datetime | None
    inclusive: bool


@dataclass(frozen=True, slots=True)
class InRange:
    """A value lies between two bounds; either may be open."""

    path: str
    low: Bound | None
    high: Bound | None


@dataclass(frozen=True, slots=True)
class Exists:
    """An attribute has a value: not missing, not null, not an empty list or object."""

    path: str


@dataclass(frozen=True, slots=True)
class HasId:
    """The entity is one of these."""

    ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds; without parts, always true."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds; without parts, never true."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Condition


Condition: TypeAlias = (
    "Everything | HasPhrase | HasPattern | IsExactly | InRange | Exists | HasId"
    " | AllOf | AnyOf | Not"
)

NOTHING = AnyOf(())
EVERYTHING = Everything()


def names_schemas(condition: Condition) -> bool:
    """Whether a condition can only hold for certain schemas, or for entities named by id."""
    match condition:
        case IsExactly(path="_schema") | HasPhrase(path="_schema") | HasPattern(path="_schema"):
            return True
        case HasId():
            return True
        case AllOf(parts):
            return any(names_schemas(part) for part in parts)
        case AnyOf(parts):
            return all(names_schemas(part) for part in parts)
        case _:
            return False


def free_words(condition: Condition) -> int:
    """How many words or phrases are looked for anywhere: with several, relevance has a meaning."""
    match condition:
        case HasPhrase(path=None) | HasPattern(path=None):
            return 1
        case AllOf(parts) | AnyOf(parts):
            return sum(free_words(part) for part in parts)
        case _:
            return 0
