from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.outbound.comparisons import FieldType, Operation
from tieline.outbound.conditions import (
    Condition,
    ConditionGroup,
    LogicalOperator,
    group_from,
    key_filter_from,
    unmet,
    unmet_filter,
    values_at,
)

DOCUMENT: dict[str, Any] = {
    "metadata": {"action": "createEntity"},
    "entity": {
        "_schema": "contract",
        "status": "active",
        "amount": 12,
        "exact": Decimal("12.50"),
        "digital": True,
        "start": "2026-03-01",
        "signed_at": "2026-03-01T00:30:00+02:00",
        "nothing": None,
        "blank": "",
        "address": {"city": "Köln"},
        "_tags": ["vip-customer", "north"],
        "items": [
            {"type": "gas", "amount": 5, "tags": ["a"]},
            {"type": "power", "amount": 20},
        ],
        "none": [],
    },
}


def met(field: str, operation: str, *values: str, **options: Any) -> bool:
    condition = {"field": field, "operation": operation, "values": list(values), **options}
    return unmet(group_from({"conditions": [condition]}), DOCUMENT) is None


@pytest.mark.parametrize(
    ("field", "operation", "values", "options", "expected"),
    [
        ("entity.status", "equals", ["active"], {}, True),
        ("entity.status", "equals", ["Active"], {}, False),
        ("entity.status", "equals", ["a", "active"], {}, True),
        ("entity.missing", "equals", ["active"], {}, False),
        ("entity.address", "equals", ["Köln"], {}, False),
        ("entity.amount", "equals", ["12"], {}, True),
        ("entity.amount", "equals", ["12.0"], {}, False),
        ("entity.amount", "equals", ["12.0"], {"field_type": "number"}, True),
        ("entity.exact", "equals", ["12.5"], {"field_type": "number"}, True),
        ("entity.status", "equals", ["12"], {"field_type": "number"}, False),
        ("entity.digital", "equals", ["true"], {}, True),
        ("entity.digital", "equals", ["TRUE"], {"field_type": "boolean"}, True),
        ("entity.digital", "equals", ["1"], {"field_type": "number"}, False),
        ("entity.status", "equals", ["true"], {"field_type": "boolean"}, False),
        ("entity.status", "not_equals", ["ended"], {}, True),
        ("entity.status", "not_equals", ["ended", "active"], {}, False),
        ("entity.missing", "not_equals", ["x"], {}, True),
        ("entity.status", "any_of", ["ended", "active"], {}, True),
        ("entity.status", "none_of", ["ended", "paused"], {}, True),
        ("entity.status", "none_of", ["ended", "active"], {}, False),
        ("entity.address.city", "contains", ["öl"], {}, True),
        ("entity.address.city", "not_contains", ["öl"], {}, False),
        ("entity.missing", "contains", ["öl"], {}, False),
        ("entity.address", "contains", ["öl"], {}, False),
        ("entity._tags", "contains", ["north"], {}, True),
        ("entity._tags", "contains", ["vip"], {}, False),
        ("entity._tags", "not_contains", ["vip"], {}, True),
        ("entity.status", "contains", ["act"], {"is_array_field": True}, False),
        ("entity.status", "contains", ["active"], {"is_array_field": True}, True),
        ("entity._tags", "starts_with", ["vip"], {}, True),
        ("entity.status", "starts_with", ["act"], {}, True),
        ("entity.status", "starts_with", ["x"], {}, False),
        ("entity.status", "ends_with", ["ive"], {}, True),
        ("entity.amount", "greater_than", ["9"], {}, True),
        ("entity.amount", "greater_than", ["12"], {"field_type": "number"}, False),
        ("entity.amount", "greater_than_or_equals", ["12"], {}, True),
        ("entity.amount", "less_than", ["100"], {}, True),
        ("entity.amount", "less_than_or_equals", ["11.9"], {}, False),
        ("entity.status", "greater_than", ["aa"], {}, True),
        ("entity.status", "greater_than", ["5"], {"field_type": "number"}, False),
        ("entity.start", "greater_than", ["2026-02-28"], {"field_type": "date"}, True),
        ("entity.start", "equals", ["2026-03-01T10:00:00Z"], {"field_type": "date"}, True),
        ("entity.signed_at", "equals", ["2026-02-28"], {"field_type": "date"}, True),
        ("entity.signed_at", "less_than", ["2026-02-28T23:00:00Z"], {"field_type": "datetime"}, 1),
        ("entity.amount", "less_than", ["2026-02-28T23:00:00Z"], {"field_type": "datetime"}, 0),
        ("entity.status", "equals", ["2026-02-28"], {"field_type": "date"}, False),
        ("entity.missing", "is_empty", [], {}, True),
        ("entity.nothing", "is_empty", [], {}, True),
        ("entity.blank", "is_empty", [], {}, True),
        ("entity.none", "is_empty", [], {}, True),
        ("entity.status", "is_empty", [], {}, False),
        ("entity.digital", "is_not_empty", [], {}, True),
        ("entity.none", "is_not_empty", [], {}, False),
        ("entity._tags", "is_not_empty", [], {}, True),
        ("entity.items.type", "equals", ["power"], {}, True),
        ("entity.items.0.type", "equals", ["power"], {}, False),
        ("entity.items[1].type", "equals", ["power"], {}, True),
        ("entity.items[7].type", "equals", ["power"], {}, False),
        ("entity.items.type", "not_equals", ["power"], {}, False),
        ("entity.items.type", "not_equals", ["power"], {"repeatable_item_op": True}, True),
        ("entity.items.tags", "contains", ["a"], {"repeatable_item_op": True}, True),
        ("entity.status.deeper", "equals", ["x"], {}, False),
    ],
)
def test_a_condition(
    field: str, operation: str, values: list[str], options: dict[str, Any], expected: bool
) -> None:
    assert met(field, operation, *values, **options) is bool(expected)


def test_conditions_on_the_items_of_a_list_are_about_one_item() -> None:
    def both(amount: str) -> str | None:
        conditions = [
            {"field": "entity.items.type", "operation": "equals", "values": ["gas"]},
            {"field": "entity.items.amount", "operation": "greater_than", "values": [amount]},
        ]
        together = [{**each, "repeatable_item_op": True} for each in conditions]
        assert unmet(group_from({"conditions": conditions}), DOCUMENT) is None
        return unmet(group_from({"conditions": together}), DOCUMENT)

    assert both("4") is None
    refusal = both("6")
    assert refusal is not None
    assert "not met by any of 2 items" in refusal
    assert 'entity.items.type equals "gas" and entity.items.amount greater than "6"' in refusal


def test_conditions_about_lists_and_others_are_each_looked_at() -> None:
    conditions = [
        {
            "field": "entity.items.type",
            "operation": "equals",
            "values": ["gas"],
            "repeatable_item_op": True,
        },
        {"field": "entity.status", "operation": "equals", "values": ["ended"]},
    ]

    assert unmet(group_from({"conditions": conditions}), DOCUMENT) == (
        'The condition entity.status equals "ended" is not met: it is "active".'
    )


def test_one_of_several_is_enough_if_it_is_said() -> None:
    ended = {"field": "entity.status", "operation": "equals", "values": ["ended"]}
    north = {"field": "entity._tags", "operation": "contains", "values": ["north"]}
    south = {"field": "entity._tags", "operation": "contains", "values": ["south"]}

    def either(*conditions: dict[str, Any]) -> str | None:
        raw = {"conditions": list(conditions), "logical_operator": "OR"}
        return unmet(group_from(raw), DOCUMENT)

    assert either(ended, north) is None
    refusal = either(ended, south)
    assert refusal is not None
    assert '"active"' in refusal
    assert 'it is "vip-customer", "north"' in refusal


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        (
            Condition("entity.missing", Operation.EQUALS, ("x",)),
            'The condition entity.missing equals "x" is not met: there is no such value.',
        ),
        (
            Condition("entity.status", Operation.ANY_OF, ("x", "y")),
            'The condition entity.status any of "x" or "y" is not met: it is "active".',
        ),
        (
            Condition("entity.status", Operation.IS_EMPTY),
            'The condition entity.status is empty is not met: it is "active".',
        ),
        (
            Condition("many", Operation.EQUALS, ("x",)),
            'The condition many equals "x" is not met: it is 1, 2, 3 and 2 more.',
        ),
        (
            Condition("entity.status", Operation.EQUALS, ("x",), repeatable_item_op=True),
            'The condition entity.status equals "x" is not met: it is "active".',
        ),
        (
            Condition("entity.status", Operation.EQUALS),
            'The condition entity.status equals nothing is not met: it is "active".',
        ),
    ],
)
def test_a_refusal_names_the_condition_and_the_value(condition: Condition, reason: str) -> None:
    group = ConditionGroup((condition,))

    assert unmet(group, {**DOCUMENT, "many": [1, 2, 3, 4, 5]}) == reason


def test_a_long_value_is_cut() -> None:
    group = ConditionGroup((Condition("text", Operation.EQUALS, ("x",)),))

    refusal = unmet(group, {"text": "y" * 10_000})

    assert refusal is not None
    assert len(refusal) < 200


@pytest.mark.parametrize("operator", LogicalOperator)
def test_without_conditions_everything_passes(operator: LogicalOperator) -> None:
    assert unmet(ConditionGroup((), operator), {}) is None
    assert group_from(None) == ConditionGroup()
    assert key_filter_from(None) is None


def test_a_filter_looks_at_the_document_and_then_at_its_entity() -> None:
    def passes(key: str, *values: str) -> str | None:
        key_filter = key_filter_from({"keyToFilter": key, "supportedValues": list(values)})
        assert key_filter is not None
        return unmet_filter(key_filter, DOCUMENT)

    assert passes("metadata.action", "createEntity") is None
    assert passes("address.city", "Bonn", "Köln") is None
    assert passes("_tags", "north") is None
    assert passes("amount", "12") is None
    assert passes("status", "ended") == 'The filter status = "ended" is not met: it is "active".'
    assert passes("missing", "x") == (
        'The filter missing = "x" is not met: there is no such value.'
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=12,
)
PATHS = st.lists(st.sampled_from(["a", "b", "c", "0", "1"]), max_size=3).map(".".join)
CONTRARIES = [
    (Operation.EQUALS, Operation.NOT_EQUALS),
    (Operation.ANY_OF, Operation.NONE_OF),
    (Operation.CONTAINS, Operation.NOT_CONTAINS),
    (Operation.IS_EMPTY, Operation.IS_NOT_EMPTY),
]


@given(
    st.dictionaries(st.sampled_from("abc"), JSON),
    PATHS,
    st.sampled_from(CONTRARIES),
    st.lists(st.text(max_size=5), max_size=3),
    st.sampled_from(FieldType),
    st.booleans(),
)
def test_a_condition_or_its_contrary_is_met(
    document: dict[str, Any],
    path: str,
    operations: tuple[Operation, Operation],
    values: list[str],
    field_type: FieldType,
    array: bool,
) -> None:
    one, other = (
        unmet(
            ConditionGroup(
                (Condition(path, operation, tuple(values), field_type, is_array_field=array),)
            ),
            document,
        )
        for operation in operations
    )

    assert (one is None) != (other is None)


@given(
    st.dictionaries(st.sampled_from("abc"), JSON),
    PATHS,
    st.sampled_from(Operation),
    st.text(max_size=5),
    st.sampled_from(FieldType),
    st.booleans(),
    st.sampled_from(LogicalOperator),
)
def test_no_document_is_too_strange(
    document: dict[str, Any],
    path: str,
    operation: Operation,
    value: str,
    field_type: FieldType,
    per_item: bool,
    operator: LogicalOperator,
) -> None:
    condition = Condition(path, operation, (value,), field_type, repeatable_item_op=per_item)
    group = ConditionGroup((condition, condition), operator)

    refusal = unmet(group, document)

    assert refusal is None or path in refusal


@given(st.dictionaries(st.sampled_from("abc"), JSON), PATHS)
def test_no_path_leads_to_a_list(document: dict[str, Any], path: str) -> None:
    ends = values_at(document, path)

    assert all(not isinstance(each, list) or each in _inner_lists(document) for each in ends)


def _inner_lists(value: Any) -> list[Any]:
    """The lists that stand in lists, which are values like any other."""
    if isinstance(value, dict):
        return [found for inner in value.values() for found in _inner_lists(inner)]
    if isinstance(value, list):
        direct = [inner for inner in value if isinstance(inner, list)]
        return direct + [found for inner in value for found in _inner_lists(inner)]
    return []
