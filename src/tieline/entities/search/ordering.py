"""The order of results as SQL, and how a listing goes on behind a result that was seen.

Values of attributes keep JSON's order: texts by their letters, then numbers by their value.
Of a list, its first item counts. What has no value comes last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tieline.database.conditions import Parameters
from tieline.entities.search.conditions import Condition, free_words, names_schemas
from tieline.entities.search.errors import InvalidQuery
from tieline.entities.search.models import SortKey
from tieline.entities.search.moments import from_epoch, parse_moment
from tieline.entities.search.predicates import json_path
from tieline.kit import json
from tieline.kit.ids import parse_uuid

_TYPES = {
    "_id": ("e.id", "uuid"),
    "_org": ("e.org_id", "text"),
    "_schema": ("e.schema", "text"),
    "_title": ("e.title", "text"),
    "_created_at": ("e.created_at", "timestamptz"),
    "_updated_at": ("e.updated_at", "timestamptz"),
    "_deleted_at": ("e.deleted_at", "timestamptz"),
}
_NEVER_NULL = frozenset({"_id", "_org", "_schema", "_created_at", "_updated_at", "_score"})
_SCALAR = '? (@.type() == "string" || @.type() == "number" || @.type() == "boolean")'


@dataclass(frozen=True, slots=True)
class SortColumn:
    """One criterion of the order as an SQL expression."""

    expression: str
    type: str
    descending: bool
    nullable: bool

    @property
    def order(self) -> str:
        """Its part of ORDER BY. Without NULLS LAST where none occur, so that an index fits."""
        direction = "DESC" if self.descending else "ASC"
        return f"{self.expression} {direction}{' NULLS LAST' if self.nullable else ''}"


def complete_order(sort: Sequence[SortKey], condition: Condition) -> tuple[SortKey, ...]:
    """The order that a search has: as asked for, else by rank or newest first; never a tie.

    Ids grow with time, so across schemas their own index already has the newest first.
    """
    keys = list(sort)
    if not keys:
        by_rank = free_words(condition) > 1
        newest = SortKey("_created_at" if names_schemas(condition) else "_id", descending=True)
        keys = [SortKey("_score", descending=True), newest] if by_rank else [newest]
    if all(key.path != "_id" for key in keys):
        keys.append(SortKey("_id", descending=keys[-1].descending))
    return tuple(keys)


def sort_columns(
    keys: Sequence[SortKey], score: str, parameters: Parameters
) -> tuple[SortColumn, ...]:
    """The criteria as SQL; `score` is the expression of the rank."""
    return tuple(_column(key, score, parameters) for key in keys)


def _column(key: SortKey, score: str, parameters: Parameters) -> SortColumn:
    nullable = key.path not in _NEVER_NULL
    if key.path == "_score":
        return SortColumn(score, "float8", key.descending, nullable)
    if key.path in _TYPES:
        return SortColumn(*_TYPES[key.path], key.descending, nullable)
    path = parameters.bind(f"{json_path(key.path)} {_SCALAR}")
    first = f"jsonb_path_query_first(e.attributes, {path}::text::jsonpath)"
    # The wire knows texts and numbers as sort values: false and true are 0 and 1.
    as_number = f"CASE {first} WHEN 'true' THEN '1'::jsonb WHEN 'false' THEN '0' ELSE {first} END"
    return SortColumn(as_number, "jsonb", key.descending, nullable)


def behind(
    columns: Sequence[SortColumn], after: Sequence[Any], parameters: Parameters, place: str
) -> str:
    """The condition that a row comes later than the one with these sort values.

    Raises `InvalidQuery` when they do not fit the order.
    """
    if len(after) not in (len(columns), len(columns) - 1):
        raise InvalidQuery(f"{place}: {len(after)} values for {len(columns)} sort criteria.")
    alternatives = []
    equal: list[str] = []
    for position, (column, value) in enumerate(zip(columns, after, strict=False)):
        bound = _value(column, value, f"{place}[{position}]")
        placeholder = f"{parameters.bind(bound)}::{_cast(column)}"
        if bound is not None:
            later = f"{column.expression} {'<' if column.descending else '>'} {placeholder}"
            if column.nullable:
                later = f"({later} OR {column.expression} IS NULL)"
            alternatives.append(" AND ".join([*equal, later]))
        equal.append(f"{column.expression} IS NOT DISTINCT FROM {placeholder}")
    return f"({' OR '.join(f'({part})' for part in alternatives)})" if alternatives else "false"


def _cast(column: SortColumn) -> str:
    return "text::jsonb" if column.type == "jsonb" else column.type


def _value(column: SortColumn, value: Any, place: str) -> Any:
    if value is None:
        return None
    converted: Any = None
    match column.type:
        case "jsonb":
            return json.dumps_str(value)
        case "uuid":
            converted = parse_uuid(str(value))
        case "timestamptz":
            now = datetime.now(UTC)
            text = str(value)
            is_text = isinstance(value, str)
            converted = parse_moment(text, now, up=False) if is_text else from_epoch(text, 1000)
        case "float8":
            converted = float(value) if isinstance(value, int | float) else None
        case _:
            converted = str(value)
    if converted is None:
        raise InvalidQuery(f"{place}: does not fit the order. Send sort_end of the last page.")
    return converted


def wire_sort_value(value: Any, type_: str) -> Any:
    """A sort value of a row in the form in which `search_after` takes it back."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, UUID):
        return str(value)
    if type_ == "jsonb" and value is not None:
        return json.loads(value)
    return value
