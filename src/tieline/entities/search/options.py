"""The parts of a search beside its condition: order, window, aggregations. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tieline.entities.search.errors import (
    InvalidQuery,
    ResultWindowTooLarge,
    UnsupportedAggregation,
)
from tieline.entities.search.models import MAX_SIZE, MAX_WINDOW, SortKey, TermsAggregation
from tieline.entities.search.terms import Field

_MAX_SORT_KEYS = 10
_MAX_AGGREGATIONS = 10


def parse_sort(given: str | Sequence[str] | None) -> tuple[SortKey, ...]:
    """The criteria in `name`, `name:asc`, `name.keyword:desc` or a list of such texts.

    Raises `InvalidQuery`.
    """
    texts = [given] if isinstance(given, str) else list(given or ())
    parts = [part.strip() for text in texts for part in text.split(",")]
    if len(parts) > _MAX_SORT_KEYS:
        raise InvalidQuery(f"sort: more than {_MAX_SORT_KEYS} criteria. Use fewer.")
    keys: dict[str, SortKey] = {}
    for part in parts:
        key = _sort_key(part)
        keys.setdefault(key.path, key)
    return tuple(keys.values())


def _sort_key(text: str) -> SortKey:
    name, separator, direction = text.rpartition(":")
    if not separator:
        name, direction = text, "desc" if text == "_score" else "asc"
    path = Field.named(name).path
    if not path or direction not in ("asc", "desc"):
        raise InvalidQuery(f"sort: {text!r} is not of the form field:asc or field:desc.")
    return SortKey(path, descending=direction == "desc")


def checked_window(offset: int, size: int) -> int:
    """The size of a page, at most `MAX_SIZE`. Raises `ResultWindowTooLarge`."""
    size = min(size, MAX_SIZE)
    if offset + size > MAX_WINDOW:
        raise ResultWindowTooLarge
    return size


def parse_aggregations(given: Mapping[str, Any] | None) -> tuple[TermsAggregation, ...]:
    """The aggregations by name. Raises `UnsupportedAggregation`, naming the one it is about."""
    if given is not None and len(given) > _MAX_AGGREGATIONS:
        raise UnsupportedAggregation(f"aggs: more than {_MAX_AGGREGATIONS}. Ask for fewer.")
    return tuple(_aggregation(name, body) for name, body in (given or {}).items())


def _aggregation(name: str, body: Any) -> TermsAggregation:
    place = f"aggs.{name}"
    if not isinstance(body, Mapping) or set(body) != {"terms"}:
        raise UnsupportedAggregation(f"{place}: only terms aggregations are computed.")
    options = body["terms"]
    field = options.get("field") if isinstance(options, Mapping) else None
    if not isinstance(field, str) or not field:
        raise UnsupportedAggregation(f"{place}.terms.field: must be the name of a field.")
    unknown = set(options) - {"field", "size"}
    if unknown:
        raise UnsupportedAggregation(f"{place}.terms: unknown option {sorted(unknown)[0]!r}.")
    size = options.get("size", 10)
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= MAX_SIZE:
        raise UnsupportedAggregation(f"{place}.terms.size: must be from 1 to {MAX_SIZE}.")
    return TermsAggregation(name, Field.named(field).path or field, size)
