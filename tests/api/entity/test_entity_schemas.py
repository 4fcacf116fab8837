"""Schemas: declared ones, those that come into being, their versions, and validation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

Create = Callable[..., Awaitable[dict[str, Any]]]

URL = "/entity/v1/entity/schemas"
SCHEMA: dict[str, Any] = {
    "slug": "meter",
    "name": "Meter",
    "plural": "Meters",
    "title_template": "Meter {{number}}",
    "attributes": [
        {"name": "number", "label": "Number", "type": "string", "required": True},
        {"name": "size", "label": "Size", "type": "number"},
        {"name": "active", "label": "Active", "type": "boolean"},
        {"name": "since", "label": "Since", "type": "date"},
        {"name": "kind", "label": "Kind", "type": "select", "options": ["water", {"value": "gas"}]},
        {"name": "labels", "label": "Labels", "type": "tags"},
        {"name": "notes", "label": "Notes", "type": "string", "repeatable": True},
        {"name": "owner", "label": "Owner", "type": "relation"},
    ],
    "capabilities": [],
}
VALID = {
    "number": "1",
    "size": "12.5",
    "active": True,
    "since": "2026-01-31",
    "kind": "gas",
    "labels": ["a"],
    "notes": ["x", "y"],
    "owner": {"$relation": []},
    "anything": {"else": 1},
}


@pytest.fixture
async def declared(client: httpx.AsyncClient) -> dict[str, Any]:
    response = await client.put(f"{URL}/meter", json=SCHEMA)
    assert response.status_code == 200, response.text
    schema: dict[str, Any] = response.json()
    return schema


async def test_a_declared_schema_can_be_read(
    client: httpx.AsyncClient, declared: dict[str, Any]
) -> None:
    assert declared["version"] == 1
    assert {name: declared[name] for name in SCHEMA} == SCHEMA
    assert (await client.get(f"{URL}/meter")).json() == declared


async def test_each_put_is_a_new_version(
    client: httpx.AsyncClient, declared: dict[str, Any]
) -> None:
    second = (await client.put(f"{URL}/meter", json={**declared, "name": "Counter"})).json()
    assert second["version"] == 2
    assert second["id"] != declared["id"]
    first = (await client.get(f"{URL}/meter", params={"id": declared["id"]})).json()
    assert first["name"] == "Meter"
    assert first["latest"] is False
    page = {"versions_size": 1, "fields": "name,version"}
    versions = (await client.get(f"{URL}/meter/versions", params=page)).json()
    assert versions["versions"] == [{"version": 2, "name": "Counter"}]
    assert versions["versions_more"] is True
    rest = (await client.get(f"{URL}/meter/versions", params={**page, "versions_from": 1})).json()
    assert rest["versions"][0]["version"] == 1
    assert rest["versions_more"] is False


async def test_a_schema_comes_into_being_with_its_first_entity(
    client: httpx.AsyncClient, create: Create, declared: dict[str, Any]
) -> None:
    await create("support_ticket", a=1)
    schemas = (await client.get(URL)).json()["results"]
    assert {schema["slug"]: schema["name"] for schema in schemas} == {
        "meter": "Meter",
        "support_ticket": "Support ticket",
    }
    included = (await client.get(URL, params={"include": "meter,other"})).json()["results"]
    assert [schema["slug"] for schema in included] == ["meter"]
    excluded = (await client.get(URL, params={"exclude": "meter"})).json()["results"]
    assert [schema["slug"] for schema in excluded] == ["support_ticket"]


async def test_the_second_list_shows_summaries(client: httpx.AsyncClient) -> None:
    summary = {"list_item": {"summary_attributes": ["size", {"name": "kind"}]}}
    await client.put(f"{URL}/meter", json={**SCHEMA, "ui_config": summary})
    [short] = (await client.get("/entity/v2/entity/schemas")).json()["results"]
    assert [attribute["name"] for attribute in short["attributes"]] == ["size", "kind"]
    assert short["_summary"] is True
    full = await client.get("/entity/v2/entity/schemas", params={"full": True})
    assert len(full.json()["results"][0]["attributes"]) == len(SCHEMA["attributes"])


async def test_a_deleted_schema_is_gone_and_its_entities_stay(
    client: httpx.AsyncClient, create: Create, declared: dict[str, Any]
) -> None:
    entity = await create("meter", number="1")
    assert (await client.delete(f"{URL}/meter")).status_code == 200
    assert (await client.get(f"{URL}/meter")).status_code == 404
    assert (await client.get(f"/entity/v1/entity/meter/{entity['_id']}")).status_code == 200


@pytest.mark.usefixtures("declared")
class TestDeclared:
    async def test_titles_follow_the_template(self, create: Create) -> None:
        assert (await create("meter", number="0815"))["_title"] == "Meter 0815"

    async def test_an_entity_that_fits_is_valid(self, client: httpx.AsyncClient) -> None:
        for version in (1, 2):
            answer = await client.post(f"/entity/v{version}/entity/meter:validate", json=VALID)
            assert answer.status_code == 200
            assert answer.json() == {"status": "success", "errors": []}

    @pytest.mark.parametrize(
        ("change", "name", "rule"),
        [
            ({"number": None}, "number", "required"),
            ({"number": ""}, "number", "required"),
            ({"number": 5}, "number", "type"),
            ({"size": "big"}, "size", "type"),
            ({"size": True}, "size", "type"),
            ({"active": "true"}, "active", "type"),
            ({"since": "31.01.2026"}, "since", "format"),
            ({"since": 5}, "since", "type"),
            ({"kind": "oil"}, "kind", "enum"),
            ({"labels": "a"}, "labels", "type"),
            ({"notes": ["x", 5]}, "notes", "type"),
            ({"owner": "x"}, "owner", "type"),
        ],
    )
    async def test_what_does_not_fit_is_named(
        self, client: httpx.AsyncClient, change: dict[str, Any], name: str, rule: str
    ) -> None:
        body = {**VALID, **change}
        old = await client.post("/entity/v1/entity/meter:validate", json=body)
        assert old.status_code == 422
        assert old.json()["status"] == "error"
        [fault] = old.json()["errors"]
        assert fault["path"] == [name]
        assert fault["code"] == rule
        new = await client.post("/entity/v2/entity/meter:validate", json=body)
        assert new.status_code == 422
        [fault] = new.json()["errors"]
        assert fault["keyword"] == rule
        assert name in fault["message"]

    async def test_writes_are_validated_on_request(
        self, client: httpx.AsyncClient, create: Create
    ) -> None:
        url = "/entity/v1/entity/meter"
        refused = await client.post(url, json={"size": 1}, params={"validate": True})
        assert refused.status_code == 422
        assert refused.json()["status"] == "error"
        assert refused.json()["errors"][0]["params"] == {"missingProperty": "number"}
        assert (await client.post(url, json={"size": 1})).status_code == 201
        entity = await create("meter", number="1")
        patch = {"size": "big"}
        refused = await client.patch(
            f"{url}/{entity['_id']}", json=patch, params={"validate": True}
        )
        assert refused.status_code == 422
        upsert = {"unique_key": ["size"], "entity": {"size": 5}}
        refused = await client.patch(f"{url}:upsert", json=upsert, params={"validate": True})
        assert refused.status_code == 422
        found = await client.post("/entity/v1/entity:search", json={"q": "size:5"})
        assert found.json()["hits"] == 0

    async def test_undeclared_schemas_accept_everything(self, client: httpx.AsyncClient) -> None:
        answer = await client.post("/entity/v1/entity/free:validate", json={"a": [1, {"b": None}]})
        assert answer.json() == {"status": "success", "errors": []}


async def test_a_template_has_a_length_that_filling_it_in_can_bear(
    client: httpx.AsyncClient,
) -> None:
    body = {**SCHEMA, "title_template": "{{number}}" * 201}
    response = await client.put(f"{URL}/meter", json=body)
    assert response.status_code == 400
    assert "title_template" in response.json()["error"]
