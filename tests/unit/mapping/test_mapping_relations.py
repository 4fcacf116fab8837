from __future__ import annotations

from typing import Any

import pytest
from mapping_factories import account, entity, map_payload, one, relations

from tieline.mapping.errors import AttributeTypeMismatch, ExpressionFailed
from tieline.mapping.models import RelationOperation, RelationTarget, RelationUpdate, UniqueId

PAYLOAD = {"id": "1", "acc": "A1", "mail": "a@b.c", "accounts": ["A1", "A2"]}


def target(value: Any, tags: list[str] | None = None) -> RelationTarget:
    return RelationTarget("billing_account", tags, [UniqueId("external_id", "external_id", value)])


def mapped(field: dict[str, Any], payload: Any = PAYLOAD) -> RelationUpdate | None:
    update = one(map_payload(entity(field), payload))
    assert "account" not in update.attributes
    return update.relations.get("account")


@pytest.mark.parametrize("operation", list(RelationOperation))
def test_items_are_looked_up_in_the_payload(operation: RelationOperation) -> None:
    field = relations(
        {**account(field="acc"), "_tags": ["PRIMARY"]},
        account(constant="fixed"),
        account(jsonataExpression="acc & '!'"),
        operation=operation.value,
    )
    expected = [target("A1", ["PRIMARY"]), target("fixed"), target("A1!")]
    assert mapped(field) == RelationUpdate(operation, expected)


def test_a_repeatable_unique_id_has_its_search_path() -> None:
    update = mapped(relations(account(field="mail", _type="email", attribute="email")))
    assert update is not None
    assert update.items[0].unique_ids == [UniqueId("email", "email.email", "a@b.c")]


@pytest.mark.parametrize("value", [None, "", "  ", [], {}])
def test_an_optional_reference_without_value_is_left_out_with_a_warning(value: Any) -> None:
    config = entity(relations(account(field="acc"), account(constant="fixed")))
    result = map_payload(config, {"id": "1", "acc": value})
    assert one(result).relations["account"].items == [target("fixed")]
    [warning] = result.warnings
    assert (warning.entity_schema, warning.field) == ("contact", "account")
    assert "billing_account" in warning.message
    assert "external_id" in warning.message


def test_set_without_any_item_left_clears_the_relation() -> None:
    assert mapped(relations(account(field="missing"))) == RelationUpdate(RelationOperation.SET, [])
    assert mapped(relations()) == RelationUpdate(RelationOperation.SET, [])


def test_a_reference_must_be_a_scalar() -> None:
    with pytest.raises(AttributeTypeMismatch, match='unique id "external_id"'):
        mapped(relations(account(field="accounts")))


ITEM = "{'entity_schema': 'billing_account', 'unique_ids': [{'attribute': 'external_id', %s}]%s}"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("accounts." + ITEM % ("'constant': $", ""), [target("A1"), target("A2")]),
        ("[" + ITEM % ("'constant': acc", ", '_tags': ['T']") + "]", [target("A1", ["T"])]),
        (ITEM % ("'constant': acc", ""), [target("A1")]),
        (ITEM % ("'field': 'acc'", ""), [target("A1")]),
        ("[]", []),
        ("null", []),
    ],
)
def test_items_may_be_computed(expression: str, expected: list[RelationTarget]) -> None:
    update = mapped(relations(jsonataExpression=expression))
    assert update == RelationUpdate(RelationOperation.SET, expected)


def test_an_undefined_result_leaves_the_relation_alone() -> None:
    assert mapped(relations(jsonataExpression="missing")) is None


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("'text'", "must be an object, not a text"),
        ("[1]", "must be an object, not a number"),
        ("{'entity_schema': 'x'}", ".relations.jsonataExpression[0].unique_ids is required"),
        ("[{'unique_ids': []}]", ".relations.jsonataExpression[0].entity_schema is required"),
    ],
)
def test_a_computed_item_of_the_wrong_shape_is_an_error(expression: str, words: str) -> None:
    with pytest.raises(ExpressionFailed) as caught:
        mapped(relations(jsonataExpression=expression))
    assert words in caught.value.message
    assert caught.value.path == "entities[0].fields[1].relations.jsonataExpression"


def test_relations_in_a_fanned_out_item() -> None:
    config = entity(
        relations(account(field="$$.acc"), account(field="acc")), jsonataExpression="items"
    )
    result = map_payload(config, {"acc": "root", "items": [{"id": 1, "acc": "own"}]})
    assert one(result).relations["account"].items == [target("root"), target("own")]


def test_a_disabled_relation_is_left_alone() -> None:
    assert mapped({**relations(account(field="acc")), "enabled": "$exists(missing)"}) is None
