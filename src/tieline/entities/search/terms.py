"""From a field name and a value to the condition that they stand for, for all query languages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from tieline.entities.search.conditions import (
    NOTHING,
    SYSTEM_MOMENTS,
    SYSTEM_TEXTS,
    Bound,
    Condition,
    Everything,
    Exists,
    HasId,
    HasPattern,
    HasPhrase,
    InRange,
    IsExactly,
    Wildcard,
)
from tieline.entities.search.lexemes import WITHOUT_WORDS, words_of
from tieline.entities.search.moments import parse_moment, parse_number
from tieline.kit.ids import parse_uuid

_KEYWORD = ".keyword"


@dataclass(frozen=True, slots=True)
class Field:
    """Where to look: a dotted path, or None for anywhere; `exact` for `.keyword` fields."""

    path: str | None
    exact: bool = False

    @staticmethod
    def named(name: str) -> Field:
        """The field that a query names."""
        if name.endswith(_KEYWORD) and len(name) > len(_KEYWORD):
            return Field(name.removesuffix(_KEYWORD), exact=True)
        return Field(name)

    @property
    def compared_whole(self) -> bool:
        """Whether values here are references, of which no words are indexed."""
        return self.path is not None and not WITHOUT_WORDS.isdisjoint(self.path.split("."))


def text_condition(field: Field, text: str, now: datetime) -> Condition:
    """The field holds this text: its words in a row, or the whole value where that is the rule."""
    path = field.path
    if path is None:
        words = words_of(text)
        return HasPhrase(None, tuple(words), text) if words else NOTHING
    if path == "_id":
        entity_id = parse_uuid(text)
        return HasId((entity_id,)) if entity_id else NOTHING
    if path in SYSTEM_MOMENTS:
        return range_condition(path, (text, True), (text, True), now)
    if field.exact or (path in SYSTEM_TEXTS and path != "_title"):
        return IsExactly(path, (text,))
    words = words_of(text)
    if field.compared_whole or not words:
        return HasPattern(path, (text,))
    return HasPhrase(path, tuple(words), text)


def pattern_condition(field: Field, parts: tuple[str | Wildcard, ...]) -> Condition:
    """The field holds a text of this shape; `*` alone asks for any value at all."""
    if all(part is Wildcard.MANY for part in parts):
        return Everything() if field.path is None else Exists(field.path)
    return HasPattern(field.path, parts, exact=field.exact)


def range_condition(
    path: str,
    low: tuple[str, bool] | None,
    high: tuple[str, bool] | None,
    now: datetime,
    zone: tzinfo = UTC,
) -> Condition:
    """The field lies between two bounds, each given as (text, inclusive)."""
    return InRange(
        path,
        low and _bound(*low, now, zone, up=not low[1]),
        high and _bound(*high, now, zone, up=high[1]),
    )


def _bound(text: str, inclusive: bool, now: datetime, zone: tzinfo, *, up: bool) -> Bound:
    moment = parse_moment(text, now, up=up, zone=zone)
    return Bound(text, parse_number(text), moment, inclusive)
