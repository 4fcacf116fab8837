from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapping_factories import account, entity, reading, relations

from tieline.kit import json as lossless_json
from tieline.mapping.configuration import parse_configuration
from tieline.mapping.errors import InvalidConfiguration
from tieline.mapping.models import EntityMode

SCOPE_QUERY = {"scope_mode": "query", "query": [{"attribute": "id", "field": "id"}]}
SCOPE_RELATIONS = {
    "scope_mode": "relations",
    "schema": "billing_account",
    "unique_ids": [{"attribute": "id", "constant": 1}],
}
REF = {
    "entity_schema": "contact",
    "unique_ids": [{"attribute": "id", "field": "id"}],
    "path": "address",
    "value": {"attribute": "address", "operation": "_append", "jsonataExpression": "address"},
}


def refs(**config: Any) -> dict[str, Any]:
    return {"attribute": "x", "relation_refs": {"operation": "_set", **config}}


def file(**config: Any) -> dict[str, Any]:
    return {"attribute": "x", "file_proxy_url": config}


GOOD = [
    entity(),
    entity(mode=None, enabled=None, jsonataExpression=None, scope=None),
    entity(mode="purge"),
    entity(mode="upsert-prune-scope-purge", scope=SCOPE_QUERY),
    entity(mode="upsert-prune-scope-delete", scope=SCOPE_RELATIONS),
    entity(relations(account(field="x"))),
    entity(relations(jsonataExpression="x")),
    entity(refs(items=[REF])),
    entity(refs(jsonataExpression="x")),
    entity(file(use_case_slug="s", params={"a": {"field": "a"}, "b": {"constant": None}})),
    entity(file(use_case_id="u")),
    reading(),
    {**entity(), **reading()},
]


@pytest.mark.parametrize("config", GOOD)
def test_a_good_configuration_has_no_warnings(config: dict[str, Any]) -> None:
    _, warnings = parse_configuration(config)
    assert warnings == []


def test_the_parsed_form() -> None:
    configuration, _ = parse_configuration(
        entity(mode="upsert-prune-scope-purge", scope=SCOPE_QUERY)
    )
    [block] = configuration.entities
    assert (block.index, block.schema, block.unique_ids) == (0, "contact", ("id",))
    assert block.mode is EntityMode.UPSERT
    assert block.pruning is not None
    assert block.pruning.removal is EntityMode.PURGE


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({}, "entities"),
        ({"entities": [], "meter_readings": None}, "entities"),
        ({**entity(), "extra": 1}, "extra"),
        (entity(colour="red"), "entities[0].colour"),
        (entity(scope=SCOPE_QUERY), "entities[0].scope"),
        (
            entity({"attribute": "x", "constant": 1, "env_var_ref": 1}),
            "entities[0].fields[1].env_var_ref",
        ),
        (entity({"attribute": "x"}), "entities[0].fields[1].field"),
        (entity({"attribute": "x", "field": " "}), "entities[0].fields[1].field"),
        (entity({"attribute": "x", "constant": 1, "field": "x"}), "entities[0].fields[1].field"),
        (
            entity({"attribute": "x", "jsonataExpression": "1", "field": "x"}),
            "entities[0].fields[1].field",
        ),
        (entity({**relations(account(field="x")), "field": "x"}), "entities[0].fields[1].field"),
        (
            entity({**relations(account(field="x")), **file(use_case_id="u")}),
            "entities[0].fields[1].file_proxy_url",
        ),
        (
            entity({"attribute": "x", "relations": {"items": [account(field="x")]}}),
            "entities[0].fields[1].relations.operation",
        ),
        (
            entity(relations(jsonataExpression="x", items=[])),
            "entities[0].fields[1].relations.items",
        ),
        (
            entity(relations({**account(field="x"), "tags": []})),
            "entities[0].fields[1].relations.items[0].tags",
        ),
        (
            entity(relations(account(field="x", value=1))),
            "entities[0].fields[1].relations.items[0].unique_ids[0].value",
        ),
        (entity(refs(items=[REF], x=1)), "entities[0].fields[1].relation_refs.x"),
        (reading(enabled=True), "meter_readings[0].enabled"),
        (reading(scope={"x": 1}), "meter_readings[0].scope.x"),
        (reading(scope={"source": "ERP"}), "meter_readings[0].scope"),
        (
            reading(mode="upsert-prune-scope", scope={"source": "SAP"}),
            "meter_readings[0].scope.source",
        ),
        (
            entity(mode="upsert-prune-scope-purge", scope={**SCOPE_QUERY, "schema": "x"}),
            "entities[0].scope.schema",
        ),
        (
            entity(mode="upsert-prune-scope-purge", scope={**SCOPE_RELATIONS, "query": []}),
            "entities[0].scope.query",
        ),
        (
            entity(mode="upsert-prune-scope-purge", scope={**SCOPE_QUERY, "x": 1}),
            "entities[0].scope.x",
        ),
        (
            entity(refs(items=[{**REF, "path": "addresses"}])),
            "entities[0].fields[1].relation_refs.items[0].path",
        ),
        (
            entity(refs(items=[{**REF, "value": {"attribute": "address", "field": "a"}}])),
            "entities[0].fields[1].relation_refs.items[0].value.operation",
        ),
        (
            entity(refs(items=[REF], jsonataExpression="x")),
            "entities[0].fields[1].relation_refs.items",
        ),
        (
            entity(file(use_case_id="u", params={"orgId": {"constant": "x"}})),
            "entities[0].fields[1].file_proxy_url.params.orgId",
        ),
        (
            entity(file(use_case_id="u", params={"p": {"constant": "x", "field": "x"}})),
            "entities[0].fields[1].file_proxy_url.params.p.field",
        ),
    ],
)
def test_what_has_no_effect_is_a_warning(config: dict[str, Any], path: str) -> None:
    _, warnings = parse_configuration(config)
    assert path in [warning.path for warning in warnings]
    for warning in warnings:
        assert warning.message.startswith(warning.path)


FIELDS = "entities[0].fields[1]"


@pytest.mark.parametrize(
    ("config", "path"),
    [
        (None, ""),
        ([], ""),
        ({"entities": {}}, "entities"),
        ({"entities": [1]}, "entities[0]"),
        ({"entities": [{}]}, "entities[0].entity_schema"),
        (entity(entity_schema=5), "entities[0].entity_schema"),
        (entity(entity_schema=" "), "entities[0].entity_schema"),
        (entity(fields=None), "entities[0].fields"),
        (entity(fields=[None]), "entities[0].fields[0]"),
        (entity(fields=[{}]), "entities[0].fields[0].attribute"),
        (entity(unique_ids=None), "entities[0].unique_ids"),
        (entity(unique_ids="id"), "entities[0].unique_ids"),
        (entity(unique_ids=[]), "entities[0].unique_ids"),
        (entity(unique_ids=[1]), "entities[0].unique_ids[0]"),
        (entity(unique_ids=["id", "other"]), "entities[0].unique_ids[1]"),
        (entity({"attribute": "x"}, unique_ids=["x"]), "entities[0].unique_ids[0]"),
        (entity(relations(), unique_ids=["account"]), "entities[0].unique_ids[0]"),
        (entity(file(use_case_id="u"), unique_ids=["x"]), "entities[0].unique_ids[0]"),
        (entity(mode="replace"), "entities[0].mode"),
        (entity(mode=5), "entities[0].mode"),
        (entity(mode=[]), "entities[0].mode"),
        (entity(enabled=1), "entities[0].enabled"),
        (entity(jsonataExpression={}), "entities[0].jsonataExpression"),
        (entity(mode="upsert-prune-scope-purge"), "entities[0].scope"),
        (entity(mode="upsert-prune-scope-purge", scope={}), "entities[0].scope.scope_mode"),
        (
            entity(mode="upsert-prune-scope-purge", scope={"scope_mode": "all"}),
            "entities[0].scope.scope_mode",
        ),
        (
            entity(mode="upsert-prune-scope-purge", scope={"scope_mode": "relations"}),
            "entities[0].scope.schema",
        ),
        (
            entity(mode="upsert-prune-scope-purge", scope={"scope_mode": "query", "query": []}),
            "entities[0].scope.query",
        ),
        (entity({"attribute": "x", "field": 5}), f"{FIELDS}.field"),
        (entity({"attribute": "x", "field": "x", "_type": "fax"}), f"{FIELDS}._type"),
        (entity({"attribute": "x", "field": "x", "enabled": []}), f"{FIELDS}.enabled"),
        (entity({"attribute": "x", "relations": []}), f"{FIELDS}.relations"),
        (
            entity({"attribute": "x", "relations": {"operation": "_set"}}),
            f"{FIELDS}.relations.items",
        ),
        (entity(relations(operation="_merge")), f"{FIELDS}.relations.operation"),
        (entity(relations({})), f"{FIELDS}.relations.items[0].entity_schema"),
        (
            entity(relations({"entity_schema": "x", "unique_ids": []})),
            f"{FIELDS}.relations.items[0].unique_ids",
        ),
        (entity(relations(account())), f"{FIELDS}.relations.items[0].unique_ids[0].field"),
        (
            entity(relations({**account(field="x"), "_tags": "A"})),
            f"{FIELDS}.relations.items[0]._tags",
        ),
        (
            entity({"attribute": "x", "relation_refs": {"items": []}}),
            f"{FIELDS}.relation_refs.operation",
        ),
        (entity(refs()), f"{FIELDS}.relation_refs.items"),
        (entity(refs(items=[{**REF, "path": None}])), f"{FIELDS}.relation_refs.items[0].path"),
        (entity(refs(items=[{**REF, "value": None}])), f"{FIELDS}.relation_refs.items[0].value"),
        (
            entity(refs(items=[{**REF, "value": {"attribute": "address"}}])),
            f"{FIELDS}.relation_refs.items[0].value.field",
        ),
        (
            entity(refs(items=[{**REF, "unique_ids": []}])),
            f"{FIELDS}.relation_refs.items[0].unique_ids",
        ),
        (entity(refs(operation="_merge", items=[])), f"{FIELDS}.relation_refs.operation"),
        (entity(file()), f"{FIELDS}.file_proxy_url.use_case_slug"),
        (entity(file(use_case_slug="No Slug")), f"{FIELDS}.file_proxy_url.use_case_slug"),
        (entity(refs(items=[REF]), unique_ids=["x"]), "entities[0].unique_ids[0]"),
        (
            entity(file(use_case_id="u", use_case_slug="s")),
            f"{FIELDS}.file_proxy_url.use_case_slug",
        ),
        (
            entity(file(use_case_id="u", params={"a": {}})),
            f"{FIELDS}.file_proxy_url.params.a",
        ),
        (entity(entity_schema="x" * 129), "entities[0].entity_schema"),
        (entity({"attribute": "x" * 257, "field": "x"}), f"{FIELDS}.attribute"),
        (
            entity(relations(account(attribute="x" * 257, field="x"))),
            f"{FIELDS}.relations.items[0].unique_ids[0].attribute",
        ),
        (reading(meter=None), "meter_readings[0].meter"),
        (reading(meter={"unique_ids": []}), "meter_readings[0].meter.unique_ids"),
        (reading(meter_counter={}), "meter_readings[0].meter_counter.unique_ids"),
        (reading(mode="purge"), "meter_readings[0].mode"),
        (reading(reading_matching="date"), "meter_readings[0].reading_matching"),
        (reading(scope=[]), "meter_readings[0].scope"),
    ],
)
def test_what_can_never_work_is_an_error_at_its_path(config: Any, path: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        parse_configuration(config)
    error = caught.value
    assert (error.code, error.http_status, error.category) == (
        "INVALID_CONFIGURATION",
        400,
        "configuration",
    )
    assert error.path == path
    assert (path or "The configuration") in error.message
    assert error.message.endswith(".")


@pytest.mark.parametrize(
    ("sources", "winner", "ignored"),
    [
        ({"field": "a", "jsonataExpression": "a"}, "jsonataExpression", ["field"]),
        ({"field": "a", "constant": None}, "constant", ["field"]),
        (
            {"field": "a", "jsonataExpression": "a", "constant": 1},
            "constant",
            ["jsonataExpression", "field"],
        ),
        ({"field": "a", "jsonataExpression": " "}, "field", []),
    ],
)
def test_a_warning_names_the_source_that_wins(
    sources: dict[str, Any], winner: str, ignored: list[str]
) -> None:
    _, warnings = parse_configuration(entity({"attribute": "x", **sources}))
    assert [warning.path for warning in warnings] == [f"{FIELDS}.{key}" for key in ignored]
    assert all(f"because {winner} comes first" in warning.message for warning in warnings)


BLOCK_KEYS = [
    "entities",
    "meter_readings",
    "entity_schema",
    "unique_ids",
    "fields",
    "mode",
    "scope",
]
FIELD_KEYS = ["attribute", "field", "constant", "enabled", "relations", "relation_refs", "meter"]
OTHER_KEYS = ["operation", "items", "file_proxy_url", "params"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*BLOCK_KEYS, *FIELD_KEYS, *OTHER_KEYS]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(JSON)
def test_any_json_is_either_a_configuration_or_a_clear_error(raw: Any) -> None:
    with suppress(InvalidConfiguration):
        configuration, _ = parse_configuration(raw)
        assert len(configuration.entities) == len(raw.get("entities") or [])


@settings(deadline=None)
@given(JSON)
def test_what_was_accepted_is_accepted_again_and_means_the_same(raw: Any) -> None:
    with suppress(InvalidConfiguration):
        parsed = parse_configuration(raw)
        assert parse_configuration(lossless_json.loads(lossless_json.dumps(raw))) == parsed


@pytest.mark.parametrize("config", GOOD)
def test_a_good_configuration_survives_its_own_json(config: dict[str, Any]) -> None:
    again = lossless_json.loads(lossless_json.dumps(config))
    assert parse_configuration(again) == parse_configuration(config)
