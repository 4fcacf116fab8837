"""JSON that loses nothing."""

import json as standard
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.kit import json

# Floats as people write them: others are written in a form whose digits then stand for themselves.
FLOATS = st.integers(-(10**9), 10**9).map(lambda n: n / 1000)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | FLOATS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(
    "text", ["0.10", "12345678901234567890", "12345678901234.567890123", "1e5", "-0.0", "1.5"]
)
def test_a_number_comes_back_with_every_digit(text):
    value = json.loads(text)
    assert Decimal(json.dumps_str(value)) == Decimal(text)


@given(VALUES)
def test_values_survive(value):
    assert json.loads(json.dumps(value)) == standard.loads(standard.dumps(value))


@given(VALUES)
def test_the_canonical_form_does_not_know_the_order_of_keys(value):
    again = standard.loads(standard.dumps({"z": value, "a": value}))
    assert json.canonical({"a": value, "z": value}) == json.canonical(again)


@pytest.mark.parametrize("text", ["", "{", "[1,]", "NaN", "1e99999999", "'x'", "[1] 2"])
def test_what_is_no_json_is_refused(text):
    with pytest.raises((json.InvalidJson, ValueError)):
        json.loads(text)


def depth_of(value):
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


@given(VALUES, st.integers(min_value=0, max_value=6))
def test_depth_is_that_of_lists_and_objects(value, limit):
    text = standard.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert json.deeper_than(text, limit) == (depth_of(value) > limit)


def test_brackets_in_strings_do_not_count():
    assert not json.deeper_than(b'["[[[[\\"[[[[", "{{{{"]', 1)


def test_broken_texts_end_quickly():
    assert json.deeper_than(b"[" * 1_000_000, 100)
    assert not json.deeper_than(b'"' + b"[" * 1_000_000, 100)
    assert not json.deeper_than(b'"' + b"\\[" * 1_000_000, 100)
    assert not json.deeper_than(b"[]" * 1_000_000, 100)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'"\\ud800"', "\\ud800 is half a character; send both halves"),
        (b'"\\ud83d\\ude00', "Input data was truncated"),
        (b"{", "Input data was truncated"),
    ],
)
def test_half_a_character_is_told_from_a_text_that_ends_too_early(text, reason):
    with pytest.raises(json.InvalidJson) as broken:
        json.loads(text)
    assert json.explain(text, broken.value) == reason
