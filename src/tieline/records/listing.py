"""What is asked of a list of records, and a page of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic

from tieline.records.columns import Column
from tieline.records.table import R

DEFAULT_LIMIT = 50
MAX_LIMIT = 500


class Operator(StrEnum):
    """How a field is compared."""

    ANY_OF = "any of"
    AT_LEAST = "gte"
    ABOVE = "gt"
    AT_MOST = "lte"
    BELOW = "lt"
    IS_NULL = "null"


@dataclass(frozen=True)
class Filter:
    """A condition on one field; `values` are what `Column.read` made of texts.

    `ANY_OF` takes several values, `IS_NULL` one boolean, the others one value.
    """

    column: Column
    operator: Operator
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Order:
    """By which field a list is sorted, and in which direction; null comes last in both."""

    column: Column
    descending: bool = False


@dataclass(frozen=True)
class Listing:
    """Which records, in which order, and from where on.

    `order` ends with the id, so that no two records are equal in it. `after` holds the values of
    its fields in the last record of the page before. Deleted records are left out unless a filter
    on `is_deleted` asks for them.
    """

    order: tuple[Order, ...]
    filters: tuple[Filter, ...] = ()
    search: str | None = None
    after: tuple[Any, ...] | None = None
    limit: int = field(default=DEFAULT_LIMIT)


@dataclass(frozen=True)
class Page(Generic[R]):
    """Some records of a list; `total` counts the whole list."""

    records: tuple[R, ...]
    total: int
    next_after: tuple[Any, ...] | None
