"""The keys under which values are looked up."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.entities.index_values import index_values, key_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("4711", "4711"),
        (4711, "4711"),
        (4711.0, "4711"),
        (Decimal("4711.00"), "4711"),
        (Decimal("0.10"), "0.1"),
        (1.5, "1.5"),
        (True, "true"),
        (False, "false"),
        (12345678901234567890, "12345678901234567890"),
        (float("inf"), "Infinity"),
        (-0.0, "0"),
        (Decimal("12345678901234567890123456789.0123"), "12345678901234567890123456789.0123"),
        (Decimal("1E+5"), "100000"),
    ],
)
def test_equal_identifiers_have_equal_keys(value, text):
    assert key_text(value) == text


@pytest.mark.parametrize("value", [None, "", [], {}, [1], {"a": 1}])
def test_what_identifies_nothing_has_no_key(value):
    assert key_text(value) is None


@given(st.text(min_size=201))
def test_a_long_value_has_a_short_key(text):
    key = key_text(text)
    assert key is not None
    assert len(key) == 71


def test_a_huge_exponent_is_not_written_out():
    assert len(key_text(Decimal("1E+999999")) or "") < 20


def test_a_path_leads_into_lists_of_objects():
    attributes = {"email": [{"email": "a@b.c"}, {"email": "d@e.f"}, "odd", {"other": 1}]}
    assert index_values(attributes, "email.email") == {"a@b.c", "d@e.f"}


def test_a_list_counts_with_each_item():
    assert index_values({"ids": ["a", 2, None]}, "ids") == {"a", "2"}


def test_an_attribute_whose_name_has_dots_is_found():
    assert index_values({"a.b": "x", "a": {"b": "y"}}, "a.b") == {"x"}


def test_a_missing_attribute_has_no_keys():
    assert index_values({}, "a") == set()
    assert index_values({"a": 1}, "a.b") == set()
