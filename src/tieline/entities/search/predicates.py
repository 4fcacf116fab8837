"""Conditions as SQL: what decides, to the letter, whether an entity matches.

Everything that a user gave is a bound parameter; the SQL text consists of our own words only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from tieline.database.conditions import Parameters
from tieline.entities.search.candidates import lookup
from tieline.entities.search.conditions import (
    SYSTEM_MOMENTS,
    AllOf,
    AnyOf,
    Bound,
    Condition,
    Everything,
    Exists,
    HasId,
    HasPattern,
    HasPhrase,
    InRange,
    IsExactly,
    Not,
    Wildcard,
)
from tieline.entities.search.lexemes import MORE_WORDS, WORD_LENGTH, quoted
from tieline.entities.search.moments import parse_number

_COLUMNS = {
    "_id": "e.id::text",
    "_schema": "e.schema",
    "_title": "e.title",
    "_org": "e.org_id",
    "_created_at": "e.created_at",
    "_updated_at": "e.updated_at",
    "_deleted_at": "e.deleted_at",
}
_DATE = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?(Z|[+-]\d{2}(:?\d{2})?)?)?$"
_NUMBER = r"^-?\d{1,200}([.]\d{1,200})?([eE][+-]?\d{1,3})?$"
_IS_MOMENT = f"(v.t ~ '{_DATE}' AND pg_input_is_valid(v.t, 'timestamptz'))"
_SCALARS = "('string', 'number', 'boolean')"


def where(condition: Condition, parameters: Parameters) -> str:
    """A boolean expression about the row `e` of `entities`, never NULL.

    It begins with the part that the full-text index answers, if the condition has one.
    """
    exact = _Predicates(parameters).sql(condition)
    indexed = lookup(condition)
    if indexed is None:
        return exact
    return f"(e.search @@ {parameters.bind(indexed)}::text::tsquery AND {exact})"


def json_path(path: str, *, literal: bool = False) -> str:
    """The SQL/JSON path of an attribute: every list on the way counts with all its items."""
    steps = [path] if literal else path.split(".")
    return "lax $" + "".join(f".{_json_string(step)}[*]" for step in steps) + "[*]"


def _json_string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c >= " " else f"\\u{ord(c):04x}" for c in escaped) + '"'


def scalar_values(path: str, parameters: Parameters) -> str:
    """A query of the values that the row `e` has at a path, as `t` (text) and `k` (JSON type)."""
    if path in _COLUMNS:
        return (
            f"SELECT {_COLUMNS[path]}::text AS t, 'string' AS k WHERE {_COLUMNS[path]} IS NOT NULL"
        )
    return _scalars_at(json_path(path), parameters)


def _scalars_at(path: str, parameters: Parameters) -> str:
    return (
        "SELECT t, k FROM (SELECT j #>> '{}' AS t, jsonb_typeof(j) AS k FROM jsonb_path_query("
        f"e.attributes, {parameters.bind(path)}::text::jsonpath) j) s WHERE k IN {_SCALARS}"
    )


class _Predicates:
    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._bind = parameters.bind

    def sql(self, condition: Condition) -> str:
        match condition:
            case Everything():
                return "true"
            case AllOf(parts):
                return self._joined(parts, " AND ", "true")
            case AnyOf(parts):
                return self._joined(parts, " OR ", "false")
            case Not(part):
                return f"NOT {self.sql(part)}"
            case HasId(ids):
                return f"(e.id = ANY({self._bind(list(ids))}::uuid[]))"
            case HasPhrase(path=None) | HasPattern(path=None):
                return self._anywhere(condition)
            case HasPhrase(path=str(path)):
                return self._values(path, self._phrase(condition))
            case HasPattern(path=str(path)):
                return self._values(path, self._pattern(condition))
            case IsExactly(path, values):
                return self._equal(path, values)
            case InRange(path):
                return self._in_range(condition)
            case Exists(path):
                return self._exists(path)
        raise AssertionError(condition)

    def _joined(self, parts: Sequence[Condition], operator: str, empty: str) -> str:
        return f"({operator.join(self.sql(part) for part in parts)})" if parts else empty

    # --- where the values are ---

    def _values(self, path: str, test: str) -> str:
        """Whether a value at the path passes a test on `v.t` (its text) and `v.k` (its type)."""
        sources = [scalar_values(path, self._parameters)]
        if "." in path and path not in _COLUMNS:
            # An attribute may have dots in its very name.
            sources.append(_scalars_at(json_path(path, literal=True), self._parameters))
        found = " OR ".join(f"EXISTS (SELECT FROM ({rows}) v WHERE {test})" for rows in sources)
        return f"({found})"

    def _anywhere(self, condition: HasPhrase | HasPattern) -> str:
        """A word in any text: the index knows single words, the rest is looked at again."""
        words = condition.words if isinstance(condition, HasPhrase) else ()
        indexed = lookup(condition)
        again = self._any_text(condition)
        if len(words) == 1 and len(words[0]) <= WORD_LENGTH:
            word, more = self._bind(quoted(words[0])), self._bind(quoted(MORE_WORDS))
            search = "e.search @@ {}::text::tsquery"
            return f"({search.format(word)} OR ({search.format(more)} AND {again}))"
        if indexed is None:
            return again
        return f"(e.search @@ {self._bind(indexed)}::text::tsquery AND {again})"

    def _any_text(self, condition: HasPhrase | HasPattern) -> str:
        if isinstance(condition, HasPhrase):
            regex = self._bind(_phrase_regex(condition.words))
        else:
            regex = self._bind(_pattern_regex(condition))
        return (
            f"(COALESCE(e.title ~* {regex}::text, false) OR EXISTS (SELECT FROM "
            f"jsonb_path_query(e.attributes, 'strict $.**') j WHERE jsonb_typeof(j) IN {_SCALARS} "
            f"AND j #>> '{{}}' ~* {regex}::text))"
        )

    # --- tests on one value ---

    def _phrase(self, condition: HasPhrase) -> str:
        matches = f"v.t ~* {self._bind(_phrase_regex(condition.words))}::text"
        number = parse_number(condition.text)
        if number is None:
            return f"(v.k <> 'number' AND {matches})"
        equal = f"v.t::numeric = {self._bind(number)}::numeric"
        return f"CASE v.k WHEN 'number' THEN {equal} ELSE {matches} END"

    def _pattern(self, condition: HasPattern) -> str:
        operator = "~" if condition.exact else "~*"
        return f"v.t {operator} {self._bind(_pattern_regex(condition))}::text"

    def _equal(self, path: str, values: Sequence[str]) -> str:
        if path in _COLUMNS:
            return self._column_equal(path, values)
        texts = f"v.t = ANY({self._bind(list(values))}::text[])"
        numbers = [number for value in values if (number := parse_number(value)) is not None]
        if not numbers:
            return self._values(path, texts)
        equal = f"v.t::numeric = ANY({self._bind(numbers)}::numeric[])"
        return self._values(path, f"CASE v.k WHEN 'number' THEN {equal} ELSE {texts} END")

    def _column_equal(self, path: str, values: Sequence[str]) -> str:
        column = _COLUMNS[path]
        if len(values) == 1:
            equal = f"{column} = {self._bind(values[0])}::text"
        else:
            equal = f"{column} = ANY({self._bind(list(values))}::text[])"
        # Anything around a column that is never NULL would keep its index from being used.
        return f"COALESCE({equal}, false)" if path == "_title" else f"({equal})"

    def _in_range(self, condition: InRange) -> str:
        if condition.path in SYSTEM_MOMENTS:
            column = _COLUMNS[condition.path]
            between = self._between(condition, column, _moment)
            return f"COALESCE({between}, false)" if condition.path == "_deleted_at" else between
        numbers = self._between(condition, "v.t::numeric", _number)
        moments = self._between(condition, "v.t::timestamptz", _moment)
        texts = self._between(condition, 'v.t COLLATE "C"', _text)
        return self._values(
            condition.path,
            f"CASE WHEN v.k = 'number' THEN {numbers} WHEN {_IS_MOMENT} THEN {moments} "
            f"WHEN v.t ~ '{_NUMBER}' THEN {numbers} ELSE {texts} END",
        )

    def _between(
        self, condition: InRange, value: str, reading: Callable[[Bound], tuple[Any, str] | None]
    ) -> str:
        """The comparison under one reading of the bounds; false if a bound cannot be read so."""
        # Both are read before either is bound: PostgreSQL refuses a parameter that is not used.
        comparisons = []
        for bound, operator in ((condition.low, ">"), (condition.high, "<")):
            if bound is None:
                continue
            read = reading(bound)
            if read is None:
                return "false"
            comparisons.append((f"{operator}=" if bound.inclusive else operator, *read))
        parts = [f"{value} {sign} {self._bind(limit)}::{kind}" for sign, limit, kind in comparisons]
        return f"({' AND '.join(parts)})"

    def _exists(self, path: str) -> str:
        if path in _COLUMNS:
            return f"({_COLUMNS[path]} IS NOT NULL)"
        paths = [json_path(path)] + ([json_path(path, literal=True)] if "." in path else [])
        tests = (
            "EXISTS (SELECT FROM jsonb_path_query(e.attributes, "
            f"{self._bind(steps)}::text::jsonpath) j WHERE j NOT IN ('null', '{{}}', '[]'))"
            for steps in paths
        )
        return f"({' OR '.join(tests)})"


def _number(bound: Bound) -> tuple[Any, str] | None:
    return None if bound.number is None else (bound.number, "numeric")


def _moment(bound: Bound) -> tuple[Any, str] | None:
    return None if bound.moment is None else (bound.moment, "timestamptz")


def _text(bound: Bound) -> tuple[Any, str] | None:
    # A bound that is a number or a date is not compared with other texts by their letters.
    return (bound.text, "text") if bound.number is None and bound.moment is None else None


def _phrase_regex(words: Sequence[str]) -> str:
    return r"\m" + r"\W+".join(words) + r"\M"


def _pattern_regex(condition: HasPattern) -> str:
    whole = "^" + _shape(condition.parts, ".") + "$"
    texts = "".join(part for part in condition.parts if isinstance(part, str))
    if condition.exact or not re.fullmatch(r"\w*", texts):
        return whole if condition.path is not None else _loose(condition)
    return f"({whole})|(" + r"\m" + _shape(condition.parts, r"\w") + r"\M)"


def _loose(condition: HasPattern) -> str:
    """A pattern that is not of one word, at a word's beginning anywhere in a text."""
    first = condition.parts[0]
    starts_word = isinstance(first, str) and re.match(r"\w", first) is not None
    return (r"\m" if starts_word else "") + _shape(condition.parts, r"\S")


def _shape(parts: Sequence[str | Wildcard], one: str) -> str:
    shapes = {Wildcard.MANY: one + "*", Wildcard.ONE: one}
    return "".join(
        shapes[part] if isinstance(part, Wildcard) else re.sub(r"(\W)", r"\\\1", part)
        for part in parts
    )
