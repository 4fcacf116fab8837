from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.expressions.errors import ExpressionError, ExpressionFault
from tieline.expressions.jsonpath import JsonPath, plain_steps, walk
from tieline.expressions.limits import Limits
from tieline.expressions.models import UNDEFINED

DOCUMENT = {
    "a": {"b": [1, 2, {"c": 3}], "n": None},
    "x y": 1,
    "ä": 2,
    "a-b": 7,
    "list": [],
    "big": 12345678901234567890123,
}


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("$", DOCUMENT),
        ("$.a.b[0]", 1),
        ("$.a.b[-1].c", 3),
        ("$.a.b[3]", UNDEFINED),
        ("$.a.b[-4]", UNDEFINED),
        ("$.a.b.c", UNDEFINED),
        ("$.a[0]", UNDEFINED),
        ("$.a.n", None),
        ("$.nothing", UNDEFINED),
        ("$['x y']", 1),
        ('$["x y"]', 1),
        ("$['']", UNDEFINED),
        ("$.ä", 2),
        ("$.list", []),
        ("$.big", 12345678901234567890123),
    ],
)
def test_plain_steps_find_what_the_library_finds(query: str, value: Any) -> None:
    steps = plain_steps(query)
    assert steps is not None
    assert walk(DOCUMENT, steps) == value
    assert JsonPath(query, Limits()).find(DOCUMENT) == value


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("$.a.b[*]", [1, 2, {"c": 3}]),
        ("$.a.b[0:2]", [1, 2]),
        ("$..c", 3),
        ("$.a.b[?@.c == 3]", {"c": 3}),
        ("$.a.b[?@.c == 4]", UNDEFINED),
        ("$.list[*]", UNDEFINED),
        ("$.a-b", 7),
        ("$ .a.b[1]", 2),
    ],
)
def test_one_match_is_itself_several_are_a_list_none_is_undefined(query: str, value: Any) -> None:
    assert plain_steps(query) is None
    assert JsonPath(query, Limits()).find(DOCUMENT) == value


@pytest.mark.parametrize(
    ("query", "position"),
    [("$.", 2), ("$.a[", 4), ("$.x y", 4), ("$.a | $.b", 4), ("$.a[999999999999999999999]", 4)],
)
def test_a_malformed_query_says_what_and_where(query: str, position: int) -> None:
    assert plain_steps(query) is None
    with pytest.raises(ExpressionError) as caught:
        JsonPath(query, Limits())
    assert caught.value.fault is ExpressionFault.SYNTAX
    assert caught.value.position == position
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("query", ["$[?" + "(" * 3000 + "@.a" + ")" * 3000 + "]", "$" * 70_000])
def test_a_monstrous_query_is_refused(query: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        JsonPath(query, Limits())
    assert caught.value.fault is ExpressionFault.LIMIT


def test_a_query_with_endless_segments_is_refused() -> None:
    with pytest.raises(ExpressionError) as caught:
        JsonPath("$" + "[*]" * 5000, Limits()).find(DOCUMENT)
    assert caught.value.fault is ExpressionFault.LIMIT


def test_a_payload_too_deep_for_a_recursive_query_is_an_error() -> None:
    deep: Any = 1
    for _ in range(500):
        deep = [deep]
    with pytest.raises(ExpressionError) as caught:
        JsonPath("$..x", Limits()).find(deep)
    assert caught.value.fault is ExpressionFault.LIMIT


NAMES = st.text("abcä_0", min_size=1, max_size=3).filter(lambda name: not name[0].isdigit())


@given(st.lists(NAMES | st.integers(-3, 3), max_size=4))
def test_plain_steps_are_read_back(steps: list[str | int]) -> None:
    query = "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    assert plain_steps(query) == tuple(steps)
