from __future__ import annotations

from typing import Any

import pytest
from mapping_factories import entity, map_payload, one, reading

from tieline.mapping.errors import ExpressionFailed, MissingUniqueIdentifiers


def ids(config: dict[str, Any], payload: Any) -> list[Any]:
    return [update.attributes["id"] for update in map_payload(config, payload).entities]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([{"id": 1}, {"id": 2}], [1, 2]),
        ([{"id": 1}], [1]),
        ({"id": 1}, [1]),
        ([], []),
        (None, []),
    ],
)
def test_a_list_fans_out_an_object_does_not(items: Any, expected: list[Any]) -> None:
    assert ids(entity(jsonataExpression="items"), {"items": items}) == expected


def test_an_undefined_result_yields_nothing_and_the_switch_is_not_asked() -> None:
    config = entity(jsonataExpression="missing", enabled="$error('never evaluated')")
    assert ids(config, {}) == []


def test_a_payload_that_is_a_list_fans_out_without_an_expression() -> None:
    assert ids(entity(), [{"id": 1}, {"id": 12345678901234567890}]) == [1, 12345678901234567890]


def test_without_an_expression_the_payload_is_the_item() -> None:
    field = {"attribute": "x", "jsonataExpression": "$$.a & $.a & a"}
    assert one(map_payload(entity(field), {"id": 1, "a": "A"})).attributes["x"] == "AAA"


def test_an_item_reads_itself_and_the_payload() -> None:
    config = entity(
        {"attribute": "own", "jsonataExpression": "$.batch"},
        {"attribute": "root", "jsonataExpression": "$$.batch"},
        {"attribute": "both", "jsonataExpression": "id & '/' & $$.batch"},
        {"attribute": "root_field", "field": "$$.big"},
        {"attribute": "own_field", "field": "$.big"},
        {"attribute": "whole_root", "field": "$$"},
        {"attribute": "count", "jsonataExpression": "$count($$.items)"},
        {"attribute": "on", "constant": 1, "enabled": "id = $$.batch"},
        jsonataExpression="items",
    )
    payload = {"items": [{"id": 1}, {"id": 7}], "batch": 7, "big": 12345678901234567890}
    first, second = (update.attributes for update in map_payload(config, payload).entities)
    assert first == {
        "id": 1,
        "root": 7,
        "both": "1/7",
        "root_field": 12345678901234567890,
        "whole_root": payload,
        "count": 2,
    }
    assert second["on"] == 1


def test_a_single_object_from_an_expression_still_sees_the_payload() -> None:
    config = entity({"attribute": "x", "field": "$$.x"}, jsonataExpression="{'id': 1}")
    assert one(map_payload(config, {"x": "root"})).attributes == {"id": 1, "x": "root"}


@pytest.mark.parametrize(
    ("item", "expected"),
    [("text", "text"), (3, 3), (True, True), ([1, 2], 2)],
)
def test_items_may_be_anything(item: Any, expected: Any) -> None:
    source = {"attribute": "id", "jsonataExpression": "$type($) = 'array' ? $count($) : $"}
    config = entity(jsonataExpression="$lookup($, 'items')", fields=[source])
    assert ids(config, {"items": [item, item]}) == [expected, expected]


def test_a_plain_name_on_an_item_that_is_no_object_is_undefined() -> None:
    config = entity(
        {"attribute": "x", "field": "length"},
        jsonataExpression="items",
        fields=[{"attribute": "id", "field": "$"}, {"attribute": "x", "field": "length"}],
    )
    assert one(map_payload(config, {"items": ["a"]})).attributes == {"id": "a"}


def test_null_items_do_not_crash() -> None:
    config = entity(
        jsonataExpression="$lookup($, 'items')",
        fields=[
            {"attribute": "id", "jsonataExpression": "$$.batch"},
            {"attribute": "x", "field": "$.x"},
        ],
    )
    assert ids(config, {"items": [None, {"x": 1}], "batch": 4}) == [4, 4]


@pytest.mark.parametrize(
    ("enabled", "count"),
    [
        (True, 2),
        (False, 0),
        ("$count($) > 1", 2),
        ("$count($) > 2", 0),
        ("$exists($[0].id)", 2),
        ("missing", 0),
    ],
)
def test_a_block_switch_looks_at_the_pre_processed_whole(enabled: Any, count: int) -> None:
    config = entity(jsonataExpression="items[id > 0]", enabled=enabled)
    payload = {"items": [{"id": 0}, {"id": 1}, {"id": 2}]}
    assert len(map_payload(config, payload).entities) == count


def test_a_switch_that_is_off_comes_before_the_expression() -> None:
    config = entity(jsonataExpression="$error('never evaluated')", enabled=False)
    assert map_payload(config, {}).entities == []


def test_a_block_switch_without_expression_looks_at_the_payload() -> None:
    assert len(ids(entity(enabled="kind = 'x'"), {"id": 1, "kind": "x"})) == 1
    assert ids(entity(enabled="kind = 'x'"), {"id": 1, "kind": "y"}) == []


def test_blocks_keep_the_order_of_the_configuration() -> None:
    block = entity()["entities"][0]
    config = {"entities": [{**block, "entity_schema": name} for name in ("b", "a", "b")]}
    result = map_payload(config, {"id": 1})
    assert [(update.block, update.schema) for update in result.entities] == [
        (0, "b"),
        (1, "a"),
        (2, "b"),
    ]


def test_one_bad_item_fails_the_event_as_a_whole() -> None:
    config = entity({"attribute": "x", "jsonataExpression": "n + 1"}, jsonataExpression="items")
    payload = {"items": [{"id": 1, "n": 1}, {"id": 2, "n": "one"}]}
    with pytest.raises(ExpressionFailed, match=r"fields\[1\]"):
        map_payload(config, payload)


def test_an_error_names_the_item_when_there_are_several() -> None:
    config = entity({"attribute": "x", "jsonataExpression": "n + 1"}, jsonataExpression="items")
    bad = {"id": 9, "n": "one"}
    with pytest.raises(ExpressionFailed, match=r"^In item \[617\] of 1000: Entity block 0") as many:
        map_payload(config, {"items": [{"id": n} for n in range(617)] + [bad] * 383})
    with pytest.raises(ExpressionFailed, match=r"^Entity block 0") as alone:
        map_payload(config, {"items": [bad]})
    assert many.value.path == alone.value.path == "entities[0].fields[1].jsonataExpression"


def test_an_error_names_the_reading_when_there_are_several() -> None:
    config = reading(jsonataExpression="items")
    with pytest.raises(MissingUniqueIdentifiers, match=r"^In item \[0\] of 2: "):
        map_payload(config, {"items": [{}, {}]})


def test_a_failing_pre_processing_names_the_block() -> None:
    with pytest.raises(ExpressionFailed) as caught:
        map_payload(entity(jsonataExpression="$error('no')"), {})
    assert caught.value.path == "entities[0].jsonataExpression"
    assert caught.value.message.startswith("Entity block 0 (contact): no at character 1")


def test_the_documented_multi_line_style_works() -> None:
    expression = """(
        $rows := Invoice.Rows.Row;
        $rows.{ "id": $string(Id), "kind": $lookup({"1": "power", "2": "gas"}, $string(Kind)) }
    )"""
    config = entity({"attribute": "kind", "field": "kind"}, jsonataExpression=expression)
    payload = {"Invoice": {"Rows": {"Row": [{"Id": 1, "Kind": 1}, {"Id": 2, "Kind": 2}]}}}
    assert [update.attributes for update in map_payload(config, payload).entities] == [
        {"id": "1", "kind": "power"},
        {"id": "2", "kind": "gas"},
    ]
