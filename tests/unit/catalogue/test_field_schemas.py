"""JSON Schemas of fields, which anybody may have written."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from tieline.catalogue.checking import UnusableSchema, check_schema, fault_of, takes_null


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"type": "nonsense"}, "no JSON Schema"),
        ({"pattern": "("}, "no JSON Schema"),
        ({"pattern": "(?=look)ahead"}, "no JSON Schema"),
        ({"$ref": "http://127.0.0.1:9/schema"}, r"\$ref cannot be used"),
        ({"properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": {}}}, r"\$ref"),
        ({"allOf": [{"$dynamicRef": "#x"}]}, r"\$dynamicRef"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, r"\$schema"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(schema, why):
    with pytest.raises(UnusableSchema, match=why):
        check_schema(schema)


def test_a_schema_may_not_be_nested_without_end():
    schema: dict[str, object] = {}
    for _ in range(30):
        schema = {"items": schema}
    with pytest.raises(UnusableSchema, match="deeper"):
        check_schema(schema)


def test_what_only_looks_like_a_reference_is_a_value():
    check_schema({"enum": [{"$ref": "a value"}], "properties": {"id": {"type": "string"}}})


def test_a_fault_names_the_place():
    schema = {"properties": {"lines": {"items": {"type": "string"}}}}
    assert fault_of(schema, {"lines": ["a"]}) is None
    assert (fault_of(schema, {"lines": ["a", 1]}) or "").startswith("lines[1]: ")
    assert fault_of({"type": "string", "format": "date-time"}, "yesterday")


def test_numbers_are_checked_digit_by_digit():
    assert fault_of({"multipleOf": 0.01}, Decimal("12345678901234567.89")) is None
    assert fault_of({"type": "integer"}, 10**30) is None


def test_null_is_a_value_only_where_the_schema_says_so():
    assert takes_null({"type": ["string", "null"]})
    assert not takes_null({"type": "string"})


def test_no_pattern_keeps_the_process_busy():
    began = time.process_time()
    assert fault_of({"pattern": "^(a+)+$"}, "a" * 5_000 + "b")
    assert time.process_time() - began < 1
