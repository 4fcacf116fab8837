"""Reading queries: no text crashes the reader, and what it reads is what was meant."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.entities.search.candidates import lookup
from tieline.entities.search.conditions import (
    AllOf,
    AnyOf,
    Condition,
    Everything,
    Exists,
    HasPattern,
    HasPhrase,
    IsExactly,
    Not,
    Wildcard,
    names_schemas,
)
from tieline.entities.search.errors import InvalidQuery
from tieline.entities.search.lucene import parse_query
from tieline.entities.search.predicates import Parameters, json_path, where

NOW = datetime(2026, 1, 1, tzinfo=UTC)
JANE = HasPhrase(None, ("jane",), "jane")
JOHN = HasPhrase(None, ("john",), "john")


@pytest.mark.parametrize(
    ("q", "condition"),
    [
        (" ", Everything()),
        ("jane", JANE),
        ("jane john", AllOf((AnyOf((JANE, JOHN)),))),
        ("+jane john", AllOf((JANE,))),
        ("jane -john", AllOf((Not(JOHN), AnyOf((JANE,))))),
        ("jane AND john", AllOf((JANE, JOHN))),
        ("NOT jane", Not(JANE)),
        ("name:J*n", HasPattern("name", ("J", Wildcard.MANY, "n"))),
        ("name:J\\*n", HasPhrase("name", ("j", "n"), "J*n")),
        ("name:*", Exists("name")),
        ("_exists_:name.keyword", Exists("name")),
        ('name.keyword:"Jane Doe"', IsExactly("name", ("Jane Doe",))),
        ('name:"-"', HasPattern("name", ("-",))),
        ("_schema:contact", IsExactly("_schema", ("contact",))),
    ],
)
def test_reads(q: str, condition: Condition) -> None:
    assert parse_query(q, NOW) == condition


def test_the_operator_between_words_can_be_and() -> None:
    assert parse_query("jane john", NOW, all_required=True) == AllOf((JANE, JOHN))


PIECES = [
    *"a1:\"()[]{}*?~^\\/+-!'<>=.ä \n",
    *(" TO ", " AND ", " OR ", "NOT ", "&&", "||", "name:", "_exists_:", "_id:", "_created_at:"),
    "now-1d",
]
QUERIES = st.lists(st.sampled_from(PIECES), max_size=20).map("".join)


@given(QUERIES)
def test_any_query_is_read_or_refused(q: str) -> None:
    try:
        condition = parse_query(q, NOW)
    except InvalidQuery:
        return
    parameters = Parameters()
    sql = where(condition, parameters)
    # Every parameter is used, and nothing of the query stands in the SQL itself.
    assert all(f"${n + 2}" in sql for n in range(len(parameters.values)))
    assert "ä" not in sql


def test_a_refusal_leaves_no_trace_in_the_next_query() -> None:
    with pytest.raises(InvalidQuery):
        parse_query('(a OR "b', NOW)
    assert parse_query("jane", NOW) == JANE


@pytest.mark.parametrize(
    ("q", "indexed"),
    [
        ("jane", "('jane' | '==words')"),
        ("jane AND NOT john", "('jane' | '==words')"),
        ("jane OR NOT john", None),
        ("NOT jane", None),
        ("*ane", None),
        ("jan*", "('jan':* | '==words')"),
        ("name.keyword:O'Neil", "('=name=o''neil' | '==keywords')"),
        ("number.keyword:5.0", "(('=number=5' | '=number=5.0') | '==keywords')"),
        ("_id:*", None),
        ("_schema:contact", None),
        ("_schema:contact OR jane", "(('=_schema=contact' | '==keywords') | ('jane' | '==words'))"),
    ],
)
def test_the_index_is_asked_for_what_it_knows(q: str, indexed: str | None) -> None:
    assert lookup(parse_query(q, NOW)) == indexed


@pytest.mark.parametrize(
    ("q", "named"),
    [
        ("_schema:contact", True),
        ("_schema:contact AND jane", True),
        ("_schema:contact OR _schema:order", True),
        ("_schema:contact OR jane", False),
        ("NOT _schema:contact", False),
        ("jane", False),
    ],
)
def test_whether_schemas_are_named(q: str, named: bool) -> None:
    assert names_schemas(parse_query(q, NOW)) is named


def test_paths_are_quoted() -> None:
    assert json_path('a.b"c\\') == 'lax $."a"[*]."b\\"c\\\\"[*][*]'
    assert json_path("a.b", literal=True) == 'lax $."a.b"[*][*]'
