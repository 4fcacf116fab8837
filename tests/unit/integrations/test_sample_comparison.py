from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.integrations.samples.comparison import ABSENT, Difference, differences
from tieline.integrations.samples.running import compare
from tieline.kit import json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


def told(expected: Any, actual: Any) -> list[str]:
    return [str(difference) for difference in differences(expected, actual)]


def backwards(value: Any) -> Any:
    """The same value with the keys of all objects the other way round."""
    match value:
        case dict():
            return {key: backwards(value[key]) for key in reversed(value)}
        case list():
            return [backwards(item) for item in value]
    return value


@given(VALUES)
def test_a_value_does_not_differ_from_itself_whatever_the_order_of_its_keys(value: Any) -> None:
    assert told(value, backwards(value)) == []


@given(VALUES, VALUES)
def test_differences_are_the_same_seen_from_both_sides(one: Any, other: Any) -> None:
    assert bool(told(one, other)) == bool(told(other, one))


@given(st.lists(st.integers(), min_size=1, max_size=8, unique=True), st.integers(min_value=0))
def test_one_item_more_is_one_difference(numbers: list[int], place: int) -> None:
    more = [{"n": number} for number in numbers]
    index = place % len(more)
    added = more[index]

    [difference] = differences(more[:index] + more[index + 1 :], more)

    assert difference == Difference(f"[{index}]", ABSENT, added)


@pytest.mark.parametrize(
    ("expected", "actual", "sentence"),
    [
        ({"name": "A"}, {"name": "B"}, 'name: expected "A", got "B"'),
        ({"name": "A"}, {}, 'name: expected "A", got nothing'),
        ({}, {"name": None}, "name: expected nothing, got null"),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, "a.b[1]: expected 2, got 3"),
        ({"two words": 1}, {"two words": 2}, '["two words"]: expected 1, got 2'),
        ({"a": {'q"': 1}}, {"a": {'q"': 2}}, 'a["q\\""]: expected 1, got 2'),
        ({"a": [1]}, {"a": {"b": 1}}, 'a: expected [1], got {"b":1}'),
        ({"a": True}, {"a": 1}, "a: expected true, got 1"),
        ({"a": "1"}, {"a": 1}, 'a: expected "1", got 1'),
        ({"a": []}, {"a": {}}, "a: expected [], got {}"),
        ({"a": None}, {"a": ""}, 'a: expected null, got ""'),
    ],
)
def test_a_difference_is_told_with_its_place(expected: Any, actual: Any, sentence: str) -> None:
    assert told(expected, actual) == [sentence]


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 1.0), (0, -0.0), (Decimal("0.10"), 0.1), (1e3, 1000), (Decimal("1E+2"), 100)],
)
def test_numbers_are_equal_when_their_values_are(one: Any, other: Any) -> None:
    assert told([one], [other]) == []


def test_numbers_are_compared_to_the_last_digit() -> None:
    long = 10**40
    assert told(long, long + 1)
    assert told(Decimal("0.1"), Decimal("0.1000000000000000000000000000000000001"))


def test_an_item_too_much_does_not_shift_the_others() -> None:
    first, second, third = ({"n": n} for n in range(3))

    assert told([first, third], [first, second, third]) == ['[1]: expected nothing, got {"n":1}']
    assert told([first, second, third], [second, third]) == ['[0]: expected {"n":0}, got nothing']


def test_a_changed_item_beside_a_new_one_is_shown_by_what_changed() -> None:
    expected = [{"n": 0, "name": "A"}, {"n": 1, "name": "B"}]
    actual = [{"n": 0, "name": "X"}, {"n": 1, "name": "B"}, {"n": 2, "name": "C"}]

    assert told(expected, actual) == [
        '[0].name: expected "A", got "X"',
        '[2]: expected nothing, got {"n":2,"name":"C"}',
    ]


def test_very_long_lists_are_compared_item_by_item() -> None:
    items = [{"n": n} for n in range(600)]

    assert len(told(items, items[1:])) == 600


def test_a_long_value_is_cut() -> None:
    [sentence] = told("x" * 1000, "y")

    assert len(sentence) < 200
    assert "1002 characters" in sentence


def test_a_list_that_is_not_expected_has_to_be_empty() -> None:
    actual = {"entity_updates": [], "meter_readings_updates": [{"value": 1}]}

    [difference] = compare({"entity_updates": []}, actual)

    assert difference == Difference("meter_readings_updates[0]", ABSENT, {"value": 1})


def test_scopes_are_compared_where_the_sample_knows_them() -> None:
    actual = {"entity_updates": [], "prune_scopes": [{"entity_slug": "contract"}]}

    assert compare({"entity_updates": []}, actual) == []
    assert [d.path for d in compare({"prune_scopes": []}, actual)] == ["prune_scopes[0]"]
    assert [d.path for d in compare({"meter_reading_prune_scopes": [{}]}, actual)] == [
        "meter_reading_prune_scopes[0]"
    ]


def test_an_error_that_is_expected_hides_nothing_else() -> None:
    updates = {"entity_updates": [{"n": 1}], "meter_readings_updates": []}
    failed = {"error": "MALFORMED_PAYLOAD"}

    assert compare(failed, failed) == []
    assert [str(d) for d in compare(failed, updates)] == [
        'error: expected "MALFORMED_PAYLOAD", got nothing'
    ]
    assert [str(d) for d in compare(updates, failed)] == [
        'error: expected nothing, got "MALFORMED_PAYLOAD"'
    ]
    assert [str(d) for d in compare(failed, {"error": "EXPRESSION_TIMEOUT"})] == [
        'error: expected "MALFORMED_PAYLOAD", got "EXPRESSION_TIMEOUT"'
    ]


@given(VALUES)
def test_a_value_that_was_stored_does_not_differ(value: Any) -> None:
    assert told(value, json.loads(json.dumps(value))) == []
