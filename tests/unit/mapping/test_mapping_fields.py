from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapping_factories import account, attributes, entity, map_payload, one, relations

from tieline.expressions.models import UNDEFINED
from tieline.kit import json as lossless_json
from tieline.mapping.errors import (
    AttributeTypeMismatch,
    ExpressionFailed,
    ExpressionTimeout,
    MissingUniqueIdentifiers,
)
from tieline.mapping.event import is_truthy
from tieline.mapping.models import EntityMode, UniqueId

PAYLOAD = {
    "id": "1",
    "name": "Anna",
    "a.b": "dotted",
    "a": {"b": "nested", "list": [1, 2]},
    "nothing": None,
    "$x": "dollar",
}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ({"field": "name"}, "Anna"),
        ({"field": "a.b"}, "dotted"),
        ({"field": "a.list"}, UNDEFINED),
        ({"field": "missing"}, UNDEFINED),
        ({"field": "nothing"}, None),
        ({"field": "$.a.b"}, "nested"),
        ({"field": "$['a.b']"}, "dotted"),
        ({"field": "$.a.missing"}, UNDEFINED),
        ({"field": "$.a.list[*]"}, [1, 2]),
        ({"field": "$.a.list[?@ > 1]"}, 2),
        ({"field": "$$.a.b"}, "nested"),
        ({"field": "$$.a.list[*]"}, [1, 2]),
        ({"jsonataExpression": "name & '!'"}, "Anna!"),
        ({"jsonataExpression": "undefined"}, UNDEFINED),
        ({"jsonataExpression": "null"}, None),
        ({"jsonataExpression": "$lookup({'Anna': 1}, name)"}, 1),
        ({"constant": "ERP"}, "ERP"),
        ({"constant": None}, None),
        ({"constant": {"deep": [1]}}, {"deep": [1]}),
        ({"constant": 0, "jsonataExpression": "name", "field": "name"}, 0),
        ({"jsonataExpression": "1", "field": "name"}, 1),
        ({"jsonataExpression": " ", "field": "name"}, "Anna"),
        ({}, UNDEFINED),
    ],
)
def test_the_value_of_a_field(source: dict[str, Any], value: Any) -> None:
    mapped = attributes({"attribute": "x", **source}, PAYLOAD)
    assert mapped == ({} if value is UNDEFINED else {"x": value})


@pytest.mark.parametrize(
    ("enabled", "on"),
    [
        (True, True),
        (False, False),
        ("name = 'Anna'", True),
        ("name = 'Bert'", False),
        ("missing", False),
        ("nothing", False),
        ("a", True),
        ("0", False),
        ("''", False),
        ("[0, 1]", True),
        ("[0, '']", False),
        (" ", True),
        (None, True),
    ],
)
def test_a_field_counts_only_when_it_is_enabled(enabled: Any, on: bool) -> None:
    mapped = attributes({"attribute": "x", "constant": 1, "enabled": enabled}, PAYLOAD)
    assert mapped == ({"x": 1} if on else {})


def test_a_disabled_field_is_never_evaluated() -> None:
    field = {"attribute": "x", "jsonataExpression": "$error('no')", "enabled": False}
    assert attributes(field, PAYLOAD) == {}


def test_undefined_is_false() -> None:
    assert not is_truthy(UNDEFINED)


def test_the_order_of_fields_is_kept_and_a_later_field_wins() -> None:
    update = one(
        map_payload(
            entity(
                {"attribute": "z", "constant": 1},
                {"attribute": "b", "constant": 2},
                {"attribute": "z", "field": "missing"},
                {"attribute": "b", "constant": 3},
            ),
            {"id": "1"},
        )
    )
    assert list(update.attributes.items()) == [("id", "1"), ("z", 1), ("b", 3)]


@pytest.mark.parametrize("operation", ["_set", "_append", "_append_all"])
def test_array_operations_stay_as_given(operation: str) -> None:
    by_constant = {"attribute": "tags", "constant": {operation: ["a"]}}
    by_expression = {"attribute": "tags", "jsonataExpression": f"{{'{operation}': [name]}}"}
    assert attributes(by_constant, PAYLOAD) == {"tags": {operation: ["a"]}}
    assert attributes(by_expression, PAYLOAD) == {"tags": {operation: ["Anna"]}}


NUMBERS = st.integers(-(10**40), 10**40) | st.decimals(
    allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30
)


@settings(deadline=None)
@given(NUMBERS)
def test_a_copied_number_loses_nothing(number: int | Decimal) -> None:
    payload = b'{"id": "1", "n": %s, "deep": {"n": %s}}' % ((lossless_json.dumps(number),) * 2)
    for source in ("n", "$.n", "$$.n", "$.deep.n", "$.deep[?@ != 'x']"):
        mapped = attributes({"attribute": "x", "field": source}, payload)
        assert Decimal(str(mapped["x"])) == Decimal(number)


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        ("email", "a@b.c", [{"email": "a@b.c"}]),
        ("phone", 123, [{"phone": 123}]),
        ("email", ["a", "b"], [{"email": "a"}, {"email": "b"}]),
        ("email", [{"email": "a"}, "b"], [{"email": "a"}, {"email": "b"}]),
        ("email", {"_append": ["x"]}, {"_append": [{"email": "x"}]}),
        ("email", {"_append": ["x"], "email": "y"}, {"_append": ["x"], "email": "y"}),
        ("email", None, None),
    ],
)
def test_a_repeatable_attribute_is_stored_as_objects(kind: str, value: Any, stored: Any) -> None:
    field = {"attribute": "contact", "field": "v", "_type": kind}
    assert attributes(field, {"id": "1", "v": value}) == {"contact": stored}


def test_a_unique_id_is_an_attribute_too() -> None:
    update = one(map_payload(entity(), {"id": 5}))
    assert update.unique_ids == [UniqueId("id", "id", 5)]
    assert update.attributes == {"id": 5}
    assert (update.block, update.schema, update.mode) == (0, "contact", EntityMode.UPSERT)


def test_a_repeatable_unique_id_is_searched_inside_its_objects() -> None:
    fields = [{"attribute": "mail", "field": "m", "_type": "email"}]
    update = one(map_payload(entity(unique_ids=["mail"], fields=fields), {"m": "a@b.c"}))
    assert update.unique_ids == [UniqueId("mail", "mail.email", "a@b.c")]
    assert update.attributes == {"mail": [{"email": "a@b.c"}]}


def test_the_own_id_is_an_ordinary_unique_id() -> None:
    fields = [{"attribute": "_id", "field": "uuid"}]
    update = one(map_payload(entity(unique_ids=["_id"], fields=fields), {"uuid": "u"}))
    assert update.unique_ids == [UniqueId("_id", "_id", "u")]


def test_several_unique_ids_keep_their_order() -> None:
    config = entity({"attribute": "kind", "constant": "x"}, unique_ids=["kind", "id", "kind"])
    update = one(map_payload(config, {"id": "1"}))
    assert [unique_id.attribute for unique_id in update.unique_ids] == ["kind", "id"]


@pytest.mark.parametrize("payload", [{}, {"id": None}, {"id": ""}, {"id": " "}, {"id": []}])
def test_a_unique_id_without_value_is_an_error(payload: dict[str, Any]) -> None:
    with pytest.raises(MissingUniqueIdentifiers) as caught:
        map_payload(entity(), payload)
    error = caught.value
    assert (error.code, error.category) == ("MISSING_UNIQUE_IDENTIFIERS", "validation")
    assert error.path == "entities[0]"
    assert "Entity block 0 (contact)" in error.message
    assert '"id"' in error.message


@pytest.mark.parametrize("value", [["1"], {"v": 1}])
def test_a_unique_id_must_be_a_scalar(value: Any) -> None:
    with pytest.raises(AttributeTypeMismatch, match=r'field "id".*entities\[0\].fields\[0\]'):
        map_payload(entity(), {"id": value})


@pytest.mark.parametrize("value", [0, False, Decimal("1.10"), 1.5])
def test_zero_and_false_identify(value: Any) -> None:
    assert one(map_payload(entity(), {"id": value})).unique_ids[0].value == value


@pytest.mark.parametrize("mode", ["delete", "purge"])
def test_removing_evaluates_the_unique_ids_only(mode: str) -> None:
    config = entity(
        {"attribute": "x", "jsonataExpression": "$error('never evaluated')"},
        relations(account(field="acc")),
        mode=mode,
    )
    update = one(map_payload(config, {"id": "1", "acc": "A"}))
    assert update.mode == mode
    assert update.attributes == {"id": "1"}
    assert update.relations == {}


def test_a_failing_expression_names_block_field_and_place() -> None:
    field = {"attribute": "x", "jsonataExpression": "[1, name + 1]"}
    with pytest.raises(ExpressionFailed) as caught:
        map_payload(entity(field), PAYLOAD)
    error = caught.value
    assert (error.code, error.category) == ("MAPPING_EXPRESSION_FAILED", "configuration")
    assert error.path == "entities[0].fields[1].jsonataExpression"
    for words in ("Entity block 0 (contact)", 'field "x"', "character 5", "(T2001)", error.path):
        assert words in error.message


def test_a_malformed_expression_without_a_position_is_named_too() -> None:
    field = {"attribute": "x", "jsonataExpression": "1" * 70_000}
    with pytest.raises(ExpressionFailed, match="70000 characters; 65536 are allowed"):
        map_payload(entity(field), PAYLOAD)


def test_a_malformed_json_path_names_its_place() -> None:
    with pytest.raises(ExpressionFailed, match=r"Correct .* entities\[0\].fields\[1\].field"):
        attributes({"attribute": "x", "field": "$.a["}, PAYLOAD)


def test_an_endless_expression_is_a_timeout() -> None:
    field = {
        "attribute": "x",
        "jsonataExpression": '$match("' + "a" * 50 + '!", /^(a+)+$/)',
    }
    with pytest.raises(ExpressionTimeout) as caught:
        map_payload(entity(field), PAYLOAD)
    assert (caught.value.code, caught.value.category) == ("EXPRESSION_TIMEOUT", "timeout")
    assert caught.value.path == "entities[0].fields[1].jsonataExpression"
