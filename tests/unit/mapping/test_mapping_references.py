from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapping_factories import address, entity, map_payload, one, references

from tieline.mapping.errors import (
    BY_CODE,
    AttributeTypeMismatch,
    ExpressionFailed,
    MappingError,
    RelationRefValueUndefined,
)
from tieline.mapping.models import (
    RelationOperation,
    RelationRefTarget,
    RelationRefUpdate,
    UniqueId,
)

HOME = {"street": "Main St", "no": 5}
PAYLOAD = {"id": 1, "number": "N1", "home": HOME}


def referring(field: dict[str, Any], payload: Any = PAYLOAD) -> RelationRefUpdate:
    update = one(map_payload(entity(field), payload))
    assert update.attributes == {"id": 1}
    assert update.relations == {}
    return update.relation_refs["delivery"]


def test_a_reference_names_its_target_and_carries_the_value() -> None:
    assert referring(references(address({"field": "home"}))) == RelationRefUpdate(
        RelationOperation.SET,
        [
            RelationRefTarget(
                schema="contact",
                unique_ids=[UniqueId("number", "number", "N1")],
                path="address",
                attribute="address",
                operation=RelationOperation.APPEND,
                value=HOME,
            )
        ],
    )


@pytest.mark.parametrize("outer", list(RelationOperation))
@pytest.mark.parametrize("inner", list(RelationOperation))
def test_both_levels_have_an_operation(outer: RelationOperation, inner: RelationOperation) -> None:
    item = address({"field": "home", "operation": inner.value})
    update = referring(references(item, operation=outer.value))
    assert (update.operation, update.items[0].operation) == (outer, inner)


def test_a_value_without_operation_replaces() -> None:
    [item] = referring(references(address({"field": "home", "operation": None}))).items
    assert item.operation is RelationOperation.SET


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ({"field": "home"}, HOME),
        ({"field": "$.home.street"}, "Main St"),
        ({"field": "$$.home"}, HOME),
        ({"jsonataExpression": "home.{'line': street & ' ' & no}"}, {"line": "Main St 5"}),
        ({"jsonataExpression": "[home, home]"}, [HOME, HOME]),
        ({"constant": {"street": "Side St"}}, {"street": "Side St"}),
        ({"constant": 0}, 0),
    ],
)
def test_where_the_value_comes_from(source: dict[str, Any], value: Any) -> None:
    [item] = referring(references(address(source))).items
    assert item.value == value


def test_hints_work_for_targets() -> None:
    item = address({"field": "home"}, _type="email", constant="a@b.c")
    [target] = referring(references(item)).items
    assert target.unique_ids == [UniqueId("number", "number.email", "a@b.c")]


@pytest.mark.parametrize("home", [{}, {"home": None}])
def test_a_reference_without_a_value_is_an_error_at_its_place(home: dict[str, Any]) -> None:
    with pytest.raises(RelationRefValueUndefined) as caught:
        map_payload(entity(references(address({"field": "home"}))), {"id": 1, "number": 2, **home})
    error = caught.value
    assert (error.code, error.category) == ("RELATION_REF_VALUE_UNDEFINED", "validation")
    assert error.path == "entities[0].fields[1].relation_refs.items[0].value"
    assert error.path in error.message
    assert BY_CODE[error.code] is RelationRefValueUndefined


def test_an_item_that_identifies_nothing_is_left_out_with_a_warning() -> None:
    field = references(
        address({"field": "missing"}, field="absent"),
        address({"field": "home"}),
    )
    result = map_payload(entity(field), PAYLOAD)
    assert len(one(result).relation_refs["delivery"].items) == 1
    [warning] = result.warnings
    assert (warning.entity_schema, warning.field) == ("contact", "delivery")
    assert '"number"' in warning.message


DYNAMIC = """addresses.{
    "entity_schema": "contact",
    "unique_ids": [{"attribute": "number", "constant": $$.number}],
    "path": "address",
    "value": {"attribute": "address", "operation": "_append", "constant": $}
}"""


@pytest.mark.parametrize("count", [1, 2, 3])
def test_items_may_be_computed(count: int) -> None:
    addresses = [{"no": number} for number in range(count)]
    update = referring(
        references(jsonataExpression=DYNAMIC, operation="_append_all"),
        {**PAYLOAD, "addresses": addresses},
    )
    assert update.operation is RelationOperation.APPEND_ALL
    assert [item.value for item in update.items] == addresses


def test_computed_items_look_at_the_item_of_a_list() -> None:
    config = entity(references(jsonataExpression=DYNAMIC), jsonataExpression="rows")
    payload = {"number": "N9", "rows": [{"id": 1, "addresses": [{"a": 1}]}, {"id": 2}]}
    first, second = map_payload(config, payload).entities
    [item] = first.relation_refs["delivery"].items
    assert (item.unique_ids[0].value, item.value) == ("N9", {"a": 1})
    assert second.relation_refs == {}


def test_an_undefined_result_leaves_the_attribute_and_null_clears_it() -> None:
    undefined = one(map_payload(entity(references(jsonataExpression="missing")), PAYLOAD))
    assert undefined.relation_refs == {}
    assert referring(references(jsonataExpression="null")).items == []
    assert referring(references(jsonataExpression="[]")).items == []


@pytest.mark.parametrize("computed", ["1", "[{}]", "{'entity_schema': 'contact', 'path': 'x'}"])
def test_something_else_than_references_is_an_error(computed: str) -> None:
    with pytest.raises(ExpressionFailed) as caught:
        map_payload(entity(references(jsonataExpression=computed)), PAYLOAD)
    assert caught.value.path == "entities[0].fields[1].relation_refs.jsonataExpression"


@pytest.mark.parametrize(
    ("row", "error", "place"),
    [
        ("{'number': 2}", RelationRefValueUndefined, "value"),
        ("{'number': {'x': 1}, 'home': {}}", AttributeTypeMismatch, "unique_ids[0]"),
    ],
)
def test_faults_of_computed_items_are_named_at_the_expression(
    row: str, error: type[MappingError], place: str
) -> None:
    computed = f"""[{{'number': 1, 'home': {{}}}}, {row}].{{
        "entity_schema": "contact",
        "unique_ids": [{{"attribute": "number", "constant": number}}],
        "path": "address",
        "value": {{"attribute": "address", "constant": $exists(home) ? home : null}}
    }}"""
    with pytest.raises(error) as caught:
        map_payload(entity(references(jsonataExpression=computed)), PAYLOAD)
    expression = "entities[0].fields[1].relation_refs.jsonataExpression"
    assert caught.value.path == f"{expression}[1].{place}"
    assert caught.value.path in caught.value.message


@pytest.mark.parametrize("change", [{"enabled": False}, {"enabled": "missing"}])
def test_a_disabled_field_refers_to_nothing(change: dict[str, Any]) -> None:
    field = {**references(address({"jsonataExpression": "$error('never')"})), **change}
    assert one(map_payload(entity(field), PAYLOAD)).relation_refs == {}


@pytest.mark.parametrize("mode", ["delete", "purge"])
def test_removing_evaluates_no_references(mode: str) -> None:
    field = references(address({"jsonataExpression": "$error('never')"}))
    assert one(map_payload(entity(field, mode=mode), PAYLOAD)).relation_refs == {}


def test_the_error_travels() -> None:
    assert issubclass(RelationRefValueUndefined, MappingError)
    assert RelationRefValueUndefined().message.startswith("A relation reference has no value")


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), max_size=6))
def test_references_keep_the_order_of_their_items(numbers: list[int]) -> None:
    items = [address({"constant": {"no": number}}, constant=number) for number in numbers]
    update = referring(references(*items))
    assert [item.value["no"] for item in update.items] == numbers
    assert [item.unique_ids[0].value for item in update.items] == numbers
