"""A search and its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tieline.entities.models import StoredEntity
from tieline.entities.search.conditions import Condition

DEFAULT_SIZE = 10
MAX_SIZE = 1_000
# How far `from` reaches and how far hits are counted: beyond it, both would cost without end.
MAX_WINDOW = 10_000


class Deleted(StrEnum):
    """Whether entities in the recycle bin are found."""

    EXCLUDED = "false"
    INCLUDED = "true"
    ONLY = "only"


@dataclass(frozen=True, slots=True)
class SortKey:
    """One criterion of the order: a path, `_score` or a system attribute."""

    path: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class TermsAggregation:
    """How many matches have each value of an attribute; the `size` most frequent values."""

    name: str
    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for, and which part of it, in which order, is wanted.

    `after` holds the sort values of the last result seen; results then begin behind it.
    """

    condition: Condition
    sort: tuple[SortKey, ...] = ()
    offset: int = 0
    size: int = DEFAULT_SIZE
    deleted: Deleted = Deleted.EXCLUDED
    after: tuple[Any, ...] | None = None
    with_scores: bool = False
    aggregations: tuple[TermsAggregation, ...] = ()


@dataclass(frozen=True, slots=True)
class TitledEntity:
    """An entity with the title that is stored beside it, and how well it matched a search."""

    entity: StoredEntity
    title: str | None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class SearchResults:
    """A page of matches; `hits` is their number, exact up to `MAX_WINDOW`."""

    hits: int
    found: Sequence[TitledEntity]
    sort_end: Sequence[Any] | None
    aggregations: Mapping[str, Any] | None
