from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapping_factories import entity, map_payload, query, related_to

from tieline.mapping.errors import (
    AttributeTypeMismatch,
    ExpressionFailed,
    MissingUniqueIdentifiers,
)
from tieline.mapping.models import EntityMode, PruneScope, UniqueId

CUSTOMER = {"attribute": "customer", "field": "customer"}
PRUNED = PruneScope(
    block=0,
    schema="contact",
    removal=EntityMode.DELETE,
    anchor_schema=None,
    unique_ids=[UniqueId("customer", "customer", "C1")],
)


def scopes(config: dict[str, Any], payload: Any) -> list[PruneScope]:
    return map_payload(config, payload).scopes


@pytest.mark.parametrize(("removal", "mode"), [("delete", "delete"), ("purge", "purge")])
def test_every_item_is_upserted_and_the_scope_is_told_once(removal: str, mode: str) -> None:
    config = entity(jsonataExpression="items", **query(CUSTOMER, removal=removal))
    result = map_payload(config, {"customer": "C1", "items": [{"id": 1}, {"id": 2}]})
    assert [update.mode for update in result.entities] == [EntityMode.UPSERT] * 2
    [scope] = result.scopes
    assert scope.removal == mode
    assert (scope.block, scope.schema, scope.anchor_schema) == (0, "contact", None)
    assert scope.unique_ids == PRUNED.unique_ids


def test_a_scope_of_relations_names_its_anchor() -> None:
    config = entity(
        jsonataExpression="items",
        **related_to("billing_account", {"attribute": "number", "field": "$.account.no"}),
    )
    [scope] = scopes(config, {"account": {"no": 7}, "items": []})
    assert scope.anchor_schema == "billing_account"
    assert scope.unique_ids == [UniqueId("number", "number", 7)]


@pytest.mark.parametrize(
    ("expression", "payload"),
    [
        ("items", {"items": []}),
        ("items", {"items": None}),
        ("items", {}),
        ("items.{'id': id}", {"items": []}),
        ("items[id > 5]", {"items": [{"id": 1}]}),
        ("Rows.Row", {"Rows": None}),
        ("null", {}),
    ],
)
def test_an_event_without_items_prunes_everything_in_scope(expression: str, payload: Any) -> None:
    result = map_payload(
        entity(jsonataExpression=expression, **query(CUSTOMER)), {"customer": "C1", **payload}
    )
    assert result.entities == []
    assert result.scopes == [PRUNED]


@pytest.mark.parametrize(
    ("enabled", "pruned"),
    [
        (False, False),
        ("false", False),
        ("missing", False),
        ("$count($) > 0", False),
        (True, True),
        ("$count($) = 0", True),
        ("$exists($)", True),
    ],
)
@pytest.mark.parametrize("payload", [{"items": []}, {}])
def test_a_disabled_block_never_prunes(enabled: Any, pruned: bool, payload: Any) -> None:
    config = entity(jsonataExpression="items", enabled=enabled, **query(CUSTOMER))
    assert scopes(config, {"customer": "C1", **payload}) == ([PRUNED] if pruned else [])


def test_a_disabled_block_needs_no_scope_in_the_payload() -> None:
    assert scopes(entity(enabled="false", **query(CUSTOMER)), {"id": 1}) == []


def test_a_guard_in_the_expression_keeps_an_incomplete_event_from_pruning() -> None:
    guarded = "$exists(items) ? items : $error('items are missing')"
    config = entity(jsonataExpression=guarded, **query(CUSTOMER))
    assert scopes(config, {"customer": "C1", "items": []}) == [PRUNED]
    with pytest.raises(ExpressionFailed, match="items are missing"):
        map_payload(config, {"customer": "C1"})


def test_the_scope_looks_at_the_payload_not_at_items_or_what_was_made_of_it() -> None:
    config = entity(
        jsonataExpression="{'customer': 'made', 'id': 1}",
        **query(CUSTOMER, {"attribute": "n", "jsonataExpression": "$.customer & $$.customer"}),
    )
    [scope] = scopes(config, {"customer": "C1"})
    assert [unique_id.value for unique_id in scope.unique_ids] == ["C1", "C1C1"]


def test_hints_and_constants_work_in_a_scope() -> None:
    config = entity(
        **query(
            {"attribute": "mail", "_type": "email", "constant": "a@b.c"},
            {"attribute": "source", "constant": "ERP"},
        )
    )
    [scope] = scopes(config, {"id": 1})
    assert scope.unique_ids == [
        UniqueId("mail", "mail.email", "a@b.c"),
        UniqueId("source", "source", "ERP"),
    ]


@pytest.mark.parametrize("value", [{}, {"customer": None}, {"customer": " "}, {"customer": []}])
@pytest.mark.parametrize("keys", [query, lambda *ids: related_to("account", *ids)])
def test_half_a_scope_is_an_error_that_names_its_place(keys: Any, value: Any) -> None:
    config = entity(**keys({"attribute": "source", "constant": "ERP"}, CUSTOMER))
    with pytest.raises(MissingUniqueIdentifiers) as caught:
        map_payload(config, {"id": 1, **value})
    list_name = config["entities"][0]["scope"]["scope_mode"]
    list_name = "query" if list_name == "query" else "unique_ids"
    assert caught.value.path == f"entities[0].scope.{list_name}[1]"
    assert caught.value.path in caught.value.message
    assert '"customer"' in caught.value.message


def test_a_scope_value_must_be_a_scalar() -> None:
    with pytest.raises(AttributeTypeMismatch, match=r"entities\[0\].scope.query\[0\]"):
        map_payload(entity(**query(CUSTOMER)), {"id": 1, "customer": {"no": 1}})


def test_other_modes_have_no_scope() -> None:
    for mode in ("upsert", "delete", "purge"):
        assert scopes(entity(mode=mode), {"id": 1}) == []


ITEMS = st.lists(st.dictionaries(st.sampled_from(["id", "customer", "x"]), st.integers()))


@settings(deadline=None)
@given(ITEMS, st.sampled_from(["items", "items[x > 0]", "items.{'id': id, 'customer': 0}"]))
def test_a_scope_never_depends_on_the_items(items: list[dict[str, int]], expression: str) -> None:
    items = [{"id": index, **item} for index, item in enumerate(items)]
    config = entity(jsonataExpression=expression, **query(CUSTOMER))
    assert scopes(config, {"customer": "C1", "items": items}) == [PRUNED]
