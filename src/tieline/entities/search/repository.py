"""SQL that answers searches."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import asyncpg

from tieline.database import OrgTransaction
from tieline.database.conditions import Parameters
from tieline.entities.models import StoredEntity
from tieline.entities.repository import COLUMNS, entity_of
from tieline.entities.search.candidates import lookup
from tieline.entities.search.errors import AnswerTooLarge
from tieline.entities.search.models import (
    MAX_WINDOW,
    Deleted,
    Search,
    SearchResults,
    TermsAggregation,
    TitledEntity,
)
from tieline.entities.search.ordering import (
    SortColumn,
    behind,
    complete_order,
    sort_columns,
    wire_sort_value,
)
from tieline.entities.search.predicates import scalar_values, where
from tieline.kit import json

MAX_ANSWER_BYTES = 32_000_000
_SURELY_SMALL = 10  # entities, each of which is bounded
# The page in its order, but only as far as its attributes stay within the bound.
_BOUNDED = f"""
    SELECT * FROM (
        SELECT p.*, count(*) OVER () AS wanted, row_number() OVER () AS place,
            sum(octet_length(p.attributes::text)) OVER (ROWS UNBOUNDED PRECEDING) AS bytes
        FROM ({{page}}) p
    ) b WHERE bytes <= {MAX_ANSWER_BYTES} ORDER BY place
"""

_DELETED = {
    Deleted.EXCLUDED: "e.deleted_at IS NULL",
    Deleted.INCLUDED: "true",
    Deleted.ONLY: "e.deleted_at IS NOT NULL",
}


async def search(tx: OrgTransaction, query: Search) -> SearchResults:
    """The page of matches that a search asks for, their number and their aggregations.

    Raises `InvalidQuery` when `after` does not fit the order.
    """
    rows, columns = await _page(tx, query) if query.size else ([], ())
    found = [
        TitledEntity(entity_of(row), row["title"], row["score"] if query.with_scores else None)
        for row in rows
    ]
    last = (
        [wire_sort_value(rows[-1][f"s{i}"], column.type) for i, column in enumerate(columns)]
        if rows
        else None
    )
    complete = len(rows) < query.size and query.after is None and (rows or not query.offset)
    hits = query.offset + len(rows) if complete else await _count(tx, query)
    buckets = {a.name: await _terms(tx, query, a) for a in query.aggregations}
    return SearchResults(hits, found, last, buckets or None)


async def _page(
    tx: OrgTransaction, query: Search
) -> tuple[list[asyncpg.Record], tuple[SortColumn, ...]]:
    parameters = Parameters()
    matches = _matches(query, parameters)
    keys = complete_order(query.sort, query.condition)
    ranked = query.with_scores or any(key.path == "_score" for key in keys)
    score = _score(query, parameters) if ranked else "NULL"
    columns = sort_columns(keys, score, parameters)
    if query.after is not None:
        matches += f" AND {behind(columns, query.after, parameters, 'search_after')}"
    values = "".join(f", {column.expression} AS s{i}" for i, column in enumerate(columns))
    sql = (
        f"SELECT {COLUMNS}, e.title, {score} AS score{values} "
        f"FROM entities e WHERE {matches} ORDER BY {', '.join(c.order for c in columns)} "
        f"LIMIT {parameters.bind(query.size)}::bigint "
        f"OFFSET {parameters.bind(query.offset)}::bigint"
    )
    if query.size <= _SURELY_SMALL:
        return await tx.fetch(sql, *parameters.values), columns
    rows = await tx.fetch(_BOUNDED.format(page=sql), *parameters.values)
    if rows and rows[0]["wanted"] > len(rows):
        raise AnswerTooLarge(
            f"The {rows[0]['wanted']} entities have more than {MAX_ANSWER_BYTES:,} bytes. "
            "Ask for fewer at once by `size`."
        )
    return rows, columns


def _score(query: Search, parameters: Parameters) -> str:
    """How well a row matches: higher, the more of the words it has."""
    words = lookup(query.condition)
    if words is None:
        return "1::float8"
    return f"ts_rank(e.search, {parameters.bind(words)}::text::tsquery)::float8"


async def _count(tx: OrgTransaction, query: Search) -> int:
    parameters = Parameters()
    sql = (
        f"SELECT count(*) FROM (SELECT FROM entities e WHERE {_matches(query, parameters)} "
        f"LIMIT {MAX_WINDOW}) AS matches"
    )
    count: int = await tx.fetchval(sql, *parameters.values)
    return count


async def _terms(
    tx: OrgTransaction, query: Search, aggregation: TermsAggregation
) -> Mapping[str, Any]:
    parameters = Parameters()
    matches = _matches(query, parameters)
    values = scalar_values(aggregation.path, parameters)
    sql = (
        "SELECT v.t, v.k, count(*) AS n, sum(count(*)) OVER () AS all FROM entities e, "
        f"LATERAL (SELECT DISTINCT t, k FROM ({values}) s) v WHERE {matches} "
        f"GROUP BY v.t, v.k ORDER BY n DESC, v.t LIMIT {parameters.bind(aggregation.size)}::bigint"
    )
    rows = await tx.fetch(sql, *parameters.values)
    shown = sum(row["n"] for row in rows)
    return {
        "doc_count_error_upper_bound": 0,
        "sum_other_doc_count": int(rows[0]["all"]) - shown if rows else 0,
        "buckets": [{**_bucket_key(row["t"], row["k"]), "doc_count": row["n"]} for row in rows],
    }


def _bucket_key(text: str, kind: str) -> dict[str, Any]:
    match kind:
        case "number":
            number = json.loads(text)
            return {"key": float(number) if isinstance(number, Decimal) else number}
        case "boolean":
            return {"key": int(text == "true"), "key_as_string": text}
        case _:
            return {"key": text}


def _matches(query: Search, parameters: Parameters) -> str:
    deleted = deleted_filter(query.deleted)
    return f"e.org_id = $1 AND {deleted} AND {where(query.condition, parameters)}"


def deleted_filter(deleted: Deleted) -> str:
    """The condition on the row `e` that lets deleted entities in or keeps them out."""
    return _DELETED[deleted]


def titled(row: asyncpg.Record) -> TitledEntity:
    """The entity and the title in a row with `COLUMNS` and `title`."""
    entity: StoredEntity = entity_of(row)
    return TitledEntity(entity, row["title"])
