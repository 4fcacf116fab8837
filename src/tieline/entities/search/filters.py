"""The filters of a listing: a part of Elasticsearch's query language as conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tieline.entities.scalars import scalar_text
from tieline.entities.search.conditions import (
    NOTHING,
    SYSTEM_MOMENTS,
    AllOf,
    AnyOf,
    Condition,
    Exists,
    HasId,
    InRange,
    IsExactly,
    Not,
)
from tieline.entities.search.errors import InvalidFilter
from tieline.entities.search.lucene import MAX_CLAUSES
from tieline.entities.search.moments import from_epoch
from tieline.entities.search.terms import Field, range_condition
from tieline.kit.ids import parse_uuid

MAX_TERMS = 65_536
_MAX_NESTING = 30
_BOUNDS = ("gt", "gte", "lt", "lte")
_EPOCHS = {"epoch_millis": 1000, "epoch_second": 1}
_ISO_FORMATS = frozenset(
    {"date_optional_time", "strict_date_optional_time", "date", "strict_date", "date_time"}
    | {"strict_date_time", "iso8601", "yyyy-MM-dd", "yyyy-MM", "yyyy"}
)


def parse_filter(value: Any, now: datetime, source: str = "filter") -> Condition:
    """The condition that a list of filters states: all of them hold.

    Raises `InvalidFilter`, which names the place, such as `filter[0].$or[1].term`.
    """
    return AllOf(_Reader(now).clauses(value, source, 0))


@dataclass
class _Reader:
    now: datetime
    count: int = 0

    def clauses(self, value: Any, place: str, depth: int) -> tuple[Condition, ...]:
        if not isinstance(value, list):
            raise InvalidFilter(f"{place}: must be a list of filters.")
        if depth > _MAX_NESTING:
            raise InvalidFilter(f"{place}: nested deeper than {_MAX_NESTING} levels.")
        return tuple(self._clause(item, f"{place}[{i}]", depth) for i, item in enumerate(value))

    def _clause(self, value: Any, place: str, depth: int) -> Condition:
        self.count += 1
        if self.count > MAX_CLAUSES:
            raise InvalidFilter(f"{place}: there are more than {MAX_CLAUSES} filters.")
        name, content = _single(value, place)
        inside = f"{place}.{name}"
        match name:
            case "$and":
                return AllOf(self.clauses(content, inside, depth + 1))
            case "$or":
                return AnyOf(self.clauses(content, inside, depth + 1))
            case "$not":
                return Not(AnyOf(self.clauses(content, inside, depth + 1)))
        readers: dict[str, Callable[[Any, str], Condition]] = {
            "term": self._term,
            "terms": self._terms,
            "ids": _ids,
            "range": self._range,
            "exists": _exists,
        }
        if name not in readers:
            known = ", ".join([*readers, "$and", "$or", "$not"])
            raise InvalidFilter(f"{place}: unknown filter {name!r}. There are {known}.")
        return readers[name](content, inside)

    def _term(self, content: Any, place: str) -> Condition:
        path, value = _single(content, place)
        # Elasticsearch's own long form: {"term": {"field": {"value": ...}}}.
        if isinstance(value, Mapping) and set(value) == {"value"}:
            value = value["value"]
        return self._equals(path, [value], f"{place}.{path}")

    def _terms(self, content: Any, place: str) -> Condition:
        path, values = _single(content, place)
        if not isinstance(values, list):
            raise InvalidFilter(f"{place}.{path}: must be a list of values.")
        if len(values) > MAX_TERMS:
            raise InvalidFilter(f"{place}.{path}: holds more than {MAX_TERMS} values.")
        return self._equals(path, values, f"{place}.{path}")

    def _equals(self, name: str, values: list[Any], place: str) -> Condition:
        path = Field.named(name).path or name
        texts = [_scalar(value, place) for value in values if value is not None]
        if path == "_id":
            found: Condition = HasId(tuple(i for text in texts if (i := parse_uuid(text))))
        elif path in SYSTEM_MOMENTS:
            days = (range_condition(path, (t, True), (t, True), self.now) for t in texts)
            found = AnyOf(tuple(days))
        else:
            found = IsExactly(path, tuple(texts)) if texts else NOTHING
        return AnyOf((found, Not(Exists(path)))) if None in values else found

    def _range(self, content: Any, place: str) -> Condition:
        name, options = _single(content, place)
        place = f"{place}.{name}"
        if not isinstance(options, Mapping):
            raise InvalidFilter(f"{place}: must be an object with gt, gte, lt or lte.")
        unknown = set(options) - {*_BOUNDS, "format", "relation", "time_zone", "boost"}
        if unknown:
            raise InvalidFilter(f"{place}: unknown option {sorted(unknown)[0]!r}.")
        bounds = {key: self._bound(key, options, place) for key in _BOUNDS}
        path = Field.named(name).path or name
        zone = _zone(options.get("time_zone"), f"{place}.time_zone")
        parts = [
            range_condition(path, bounds["gt"] or bounds["gte"], None, self.now, zone),
            range_condition(path, None, bounds["lt"] or bounds["lte"], self.now, zone),
        ]
        low, high = (part for part in parts if isinstance(part, InRange))
        if low.low is None and high.high is None:
            return Exists(path)
        return InRange(path, low.low, high.high)

    def _bound(self, key: str, options: Mapping[str, Any], place: str) -> tuple[str, bool] | None:
        value = options.get(key)
        if value is None:
            return None
        text = _scalar(value, f"{place}.{key}")
        given = options.get("format")
        if isinstance(given, str) and given in _EPOCHS:
            moment = from_epoch(text, _EPOCHS[given])
            if moment is None:
                raise InvalidFilter(f"{place}.{key}: not a number of the format {given}.")
            text = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
        elif given is not None and not _iso(given):
            raise InvalidFilter(f"{place}.format: only ISO dates, epoch_millis and epoch_second.")
        return text, key.endswith("e")


def _iso(given: Any) -> bool:
    return isinstance(given, str) and set(given.split("||")) <= _ISO_FORMATS


def _ids(content: Any, place: str) -> Condition:
    values = content.get("values") if isinstance(content, Mapping) else None
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InvalidFilter(f"{place}.values: must be a list of entity ids.")
    return HasId(tuple(entity_id for value in values if (entity_id := parse_uuid(value))))


def _exists(content: Any, place: str) -> Condition:
    name = content.get("field") if isinstance(content, Mapping) else None
    if not isinstance(name, str) or not name:
        raise InvalidFilter(f"{place}.field: must be the name of a field.")
    return Exists(Field.named(name).path or name)


def _single(value: Any, place: str) -> tuple[str, Any]:
    if not isinstance(value, Mapping) or len(value) != 1:
        raise InvalidFilter(f"{place}: must be an object with exactly one property.")
    name, content = next(iter(value.items()))
    return str(name), content


def _scalar(value: Any, place: str) -> str:
    text = scalar_text(value) if isinstance(value, str | int | float | Decimal) else None
    if text is None:
        raise InvalidFilter(f"{place}: must be a text, a number, true or false.")
    return text


def _zone(value: Any, place: str) -> tzinfo:
    if value is None:
        return UTC
    try:
        if isinstance(value, str) and value[:1] in ("+", "-"):
            hours, _, minutes = value[1:].partition(":")
            offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
            return timezone(-offset if value[0] == "-" else offset)
        return ZoneInfo(value)
    except (ValueError, TypeError, OverflowError, ZoneInfoNotFoundError, OSError):
        raise InvalidFilter(f"{place}: neither an offset nor the name of a time zone.") from None
