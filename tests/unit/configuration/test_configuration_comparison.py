from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.configuration.comparison import differences
from tieline.configuration.models import ABSENT, path_from, written
from tieline.kit import json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab", max_size=1), inner),
    max_leaves=12,
)


def found(old: Any, new: Any) -> list[tuple[str, Any, Any]]:
    return [(written(one.path), one.old, one.new) for one in differences(old, new)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": 1}, {"a": 2}, [("a", 1, 2)]),
        ({"a": {"b": [1, {"c": "x"}]}}, {"a": {"b": [1, {"c": "y"}]}}, [("a.b[1].c", "x", "y")]),
        ({"a": 1}, {"b": None}, [("b", ABSENT, None), ("a", 1, ABSENT)]),
        ([1, 2, 3], [0, 1, 2, 3], [("[0]", ABSENT, 0)]),
        ([1, 2, 3], [1, 3], [("[1]", 2, ABSENT)]),
        ({"a": 1}, {"a": 1.0}, [("a", 1, 1.0)]),
        ({"a": Decimal("0.10")}, {"a": Decimal("0.1")}, [("a", Decimal("0.10"), Decimal("0.1"))]),
        ({"a": True}, {"a": 1}, [("a", True, 1)]),
        ({"a": []}, {"a": {}}, [("a", [], {})]),
        ([0] * 600, [0] * 599 + [1], [("[599]", 0, 1)]),
    ],
)
def test_the_innermost_places_are_named(old: Any, new: Any, expected: list[Any]) -> None:
    assert repr(found(old, new)) == repr(expected)


def test_another_order_of_keys_is_a_difference_of_the_object() -> None:
    old, new = {"x": {"a": 1, "b": 2}}, {"x": {"b": 2, "a": 1}}

    assert found(old, new) == [("x", old["x"], new["x"])]


@given(JSON, JSON)
def test_there_is_a_difference_exactly_where_the_texts_differ(old: Any, new: Any) -> None:
    assert bool(found(old, new)) == (json.dumps(old) != json.dumps(new))


@given(st.lists(st.integers(0, 20) | st.text("abc", min_size=1)))
def test_a_path_is_read_as_it_is_written(path: list[str | int]) -> None:
    assert path_from(written(tuple(path))) == tuple(path)
