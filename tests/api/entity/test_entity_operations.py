"""Creating, reading, changing, deleting and restoring entities."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

Create = Callable[..., Awaitable[dict[str, Any]]]

BASE = "/entity/v1/entity"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


async def test_a_created_entity_can_be_read(client: httpx.AsyncClient, org: str) -> None:
    body = {"first_name": "Jane", "last_name": "Doe", "_tags": ["vip"], "balance": 0.10}
    created = await client.post(f"{BASE}/contact", json=body)
    assert created.status_code == 201
    document = created.json()
    assert document["_org"] == org
    assert document["_schema"] == "contact"
    assert document["_title"] == "Jane Doe"
    assert {name: document[name] for name in body} == body
    read = await client.get(f"/entity/v2/entity/contact/{document['_id']}")
    assert read.json() == document
    pair = (await client.get(f"{BASE}/contact/{document['_id']}")).json()
    assert pair == {"entity": document, "relations": []}


async def test_numbers_keep_their_digits(client: httpx.AsyncClient) -> None:
    body = b'{"exact": 12345678901234567890.10, "huge": 123456789012345678901234567890}'
    headers = {"content-type": "application/json"}
    created = await client.post(f"{BASE}/thing", content=body, headers=headers)
    assert b"12345678901234567890.10" in created.content
    read = await client.get(f"/entity/v2/entity/thing/{created.json()['_id']}")
    assert b"12345678901234567890.10" in read.content
    assert b"123456789012345678901234567890" in read.content


async def test_stamped_properties_of_a_client_are_ignored(
    client: httpx.AsyncClient, org: str
) -> None:
    body = {"_id": UNKNOWN, "_org": "x", "_schema": "x", "_created_at": "x", "_acl": {"view": []}}
    document = (await client.post(f"{BASE}/contact", json={**body, "a": 1})).json()
    assert document["_id"] != UNKNOWN
    assert document["_org"] == org
    assert document["_schema"] == "contact"
    assert "_acl" not in document


async def test_put_replaces_the_attributes(client: httpx.AsyncClient, create: Create) -> None:
    entity = await create("contact", a=1, b=2, _tags=["kept"])
    answer = await client.put(f"{BASE}/contact/{entity['_id']}", json={"a": 3})
    assert answer.status_code == 200
    document = answer.json()
    assert document["a"] == 3
    assert "b" not in document
    assert document["_tags"] == ["kept"]
    assert document["_created_at"] == entity["_created_at"]


async def test_patch_changes_only_what_is_sent(client: httpx.AsyncClient, create: Create) -> None:
    entity = await create("contact", a=1, b={"c": 1, "d": 2}, e="x")
    patch = {"b": {"c": 5}, "e": None}
    document = (await client.patch(f"{BASE}/contact/{entity['_id']}", json=patch)).json()
    assert document["a"] == 1
    assert document["b"] == {"c": 5}
    assert document["e"] is None


async def test_a_title_follows_the_entity_until_one_is_given(
    client: httpx.AsyncClient, create: Create
) -> None:
    entity = await create("contact", name="Old")
    url = f"{BASE}/contact/{entity['_id']}"
    # What was read is sent back whole: its title was computed and stays so.
    renamed = await client.put(url, json={**entity, "name": "New"})
    assert renamed.json()["_title"] == "New"
    given = await client.patch(url, json={"_title": "Given"})
    assert given.json()["_title"] == "Given"
    assert (await client.patch(url, json={"name": "Newer"})).json()["_title"] == "Given"
    assert (await client.patch(url, json={"_title": None})).json()["_title"] == "Newer"


async def test_an_outdated_patch_is_refused(client: httpx.AsyncClient, create: Create) -> None:
    entity = await create("contact", a=1)
    url = f"{BASE}/contact/{entity['_id']}"
    stamp = entity["_updated_at"]
    fresh = await client.patch(url, json={"a": 2, "_updated_at": stamp})
    assert fresh.status_code == 200
    stale = "2020-01-01T00:00:00.000Z"
    refused = await client.patch(url, json={"a": 3, "_updated_at": stale})
    assert refused.status_code == 409
    assert refused.json()["code"] == "ENTITY_CHANGED"
    assert (await client.get(f"/entity/v2/entity/contact/{entity['_id']}")).json()["a"] == 2
    nonsense = await client.patch(url, json={"a": 3, "_updated_at": "yesterday"})
    assert nonsense.status_code == 400


async def test_nothing_changed_is_no_change(client: httpx.AsyncClient, create: Create) -> None:
    entity = await create("contact", a=1)
    answer = await client.patch(f"{BASE}/contact/{entity['_id']}", json={"a": 1})
    assert answer.json() == entity
    feed = (await client.get(f"{BASE}/contact/{entity['_id']}/activity")).json()
    assert feed["total"] == 1


async def test_a_dry_run_shows_the_result_and_stores_nothing(
    client: httpx.AsyncClient, create: Create
) -> None:
    entity = await create("contact", a=1)
    url = f"{BASE}/contact/{entity['_id']}"
    answer = await client.patch(f"{url}?dry_run=true", json={"a": 2})
    assert answer.json()["a"] == 2
    assert (await client.get(f"/entity/v2/entity/contact/{entity['_id']}")).json() == entity
    upsert = {"unique_key": ["number"], "entity": {"number": "1"}}
    tried = await client.patch(f"{BASE}/contact:upsert?dry_run=true", json=upsert)
    assert tried.status_code == 201
    again = await client.patch(f"{BASE}/contact:upsert?dry_run=true", json=upsert)
    assert again.status_code == 201


class TestUpsert:
    async def test_creates_then_patches(self, client: httpx.AsyncClient) -> None:
        url = f"{BASE}/contact:upsert"
        body = {"unique_key": ["email.0.email"], "entity": {"email": [{"email": "a@b.c"}], "x": 1}}
        created = await client.patch(url, json=body)
        assert created.status_code == 201
        body["entity"] = {"email": [{"email": "a@b.c"}], "y": 2}
        patched = await client.patch(url, json=body)
        assert patched.status_code == 200
        assert patched.json()["_id"] == created.json()["_id"]
        assert patched.json()["x"] == 1
        assert patched.json()["y"] == 2

    async def test_finds_entities_from_before_the_key_was_first_used(
        self, client: httpx.AsyncClient, create: Create
    ) -> None:
        entity = await create("contact", number=4711, source="erp")
        await create("contact", number=4711, source="shop")
        body = {"unique_key": ["number", "source"], "entity": {"number": "4711", "source": "erp"}}
        patched = await client.patch(f"{BASE}/contact:upsert", json=body)
        assert patched.status_code == 200
        assert patched.json()["_id"] == entity["_id"]

    async def test_finds_by_id(self, client: httpx.AsyncClient, create: Create) -> None:
        entity = await create("contact", a=1)
        body = {"unique_key": ["_id"], "entity": {"_id": entity["_id"], "a": 2}}
        patched = await client.patch(f"{BASE}/contact:upsert", json=body)
        assert patched.status_code == 200
        assert patched.json()["_id"] == entity["_id"]

    async def test_several_matches_are_refused_if_strict(
        self, client: httpx.AsyncClient, create: Create
    ) -> None:
        oldest = await create("contact", number="1")
        await create("contact", number="1")
        body = {"unique_key": ["number"], "entity": {"number": "1", "x": 1}}
        refused = await client.patch(f"{BASE}/contact:upsert?strict=true", json=body)
        assert refused.status_code == 409
        patched = await client.patch(f"{BASE}/contact:upsert", json=body)
        assert patched.json()["_id"] == oldest["_id"]

    async def test_a_deleted_match_is_refused(
        self, client: httpx.AsyncClient, create: Create
    ) -> None:
        entity = await create("contact", number="1")
        await client.delete(f"{BASE}/contact/{entity['_id']}")
        body = {"unique_key": ["number"], "entity": {"number": "1"}}
        refused = await client.patch(f"{BASE}/contact:upsert", json=body)
        assert refused.status_code == 405
        assert "Restore" in refused.json()["error"]

    @pytest.mark.parametrize(
        ("body", "word"),
        [
            ({"unique_key": [], "entity": {}}, "unique_key"),
            ({"unique_key": ["a"], "entity": {}}, "'a'"),
            ({"unique_key": ["a"], "entity": {"a": ""}}, "'a'"),
            ({"unique_key": ["a"], "entity": {"a": {"b": 1}}}, "'a'"),
            ({"unique_key": ["a.0.b"], "entity": {"a": []}}, "'a.0.b'"),
            ({"unique_key": ["0"], "entity": {"0": 1}}, "unique_key"),
            ({"unique_key": "a", "entity": {}}, "unique_key"),
            ({"unique_key": ["a"]}, "entity"),
            ({"unique_key": ["a"], "entity": {"a": 1}, "more": 1}, "more"),
        ],
    )
    async def test_refuses_keys_that_identify_nothing(
        self, client: httpx.AsyncClient, body: Any, word: str
    ) -> None:
        refused = await client.patch(f"{BASE}/contact:upsert", json=body)
        assert refused.status_code == 400
        assert word in refused.json()["error"]


async def test_upserts_of_one_new_key_at_the_same_moment_make_one_entity(
    client: httpx.AsyncClient,
) -> None:
    answers = await asyncio.gather(
        *(
            client.patch(
                f"{BASE}/contact:upsert",
                json={"unique_key": ["number"], "entity": {"number": "1", f"a{n}": n}},
            )
            for n in range(8)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    [entity_id] = {answer.json()["_id"] for answer in answers}
    entity = (await client.get(f"/entity/v2/entity/contact/{entity_id}")).json()
    assert [entity[f"a{n}"] for n in range(8)] == list(range(8))


async def test_patches_at_the_same_moment_all_count(
    client: httpx.AsyncClient, create: Create
) -> None:
    entity = await create("contact", name="x")
    url = f"{BASE}/contact/{entity['_id']}"
    answers = await asyncio.gather(*(client.patch(url, json={f"a{n}": n}) for n in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    after = (await client.get(f"/entity/v2/entity/contact/{entity['_id']}")).json()
    assert [after[f"a{n}"] for n in range(8)] == list(range(8))


class TestDeleting:
    async def test_a_deleted_entity_can_be_restored(
        self, client: httpx.AsyncClient, create: Create
    ) -> None:
        entity = await create("contact", a=1)
        url = f"{BASE}/contact/{entity['_id']}"
        assert (await client.delete(url)).status_code == 200
        assert (await client.get(url)).status_code == 404
        assert (await client.patch(url, json={"a": 2})).status_code == 404
        assert (await client.put(url, json={"a": 2})).status_code == 404
        assert (await client.delete(url)).status_code == 404
        restored = await client.patch(f"{url}:restore", json={})
        assert restored.status_code == 200
        assert restored.json()["a"] == 1
        assert "_deleted_at" not in restored.json()
        assert (await client.get(url)).status_code == 200
        assert (await client.patch(f"{url}:restore")).status_code == 400

    async def test_a_purged_entity_is_gone(self, client: httpx.AsyncClient, create: Create) -> None:
        entity = await create("contact", a=1)
        url = f"{BASE}/contact/{entity['_id']}"
        await client.delete(url)
        assert (await client.delete(f"{url}?purge=true")).status_code == 200
        assert (await client.patch(f"{url}:restore")).status_code == 404
        assert (await client.get(f"{url}/activity")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/v1/entity/contact/{UNKNOWN}"),
        ("GET", f"/v2/entity/contact/{UNKNOWN}"),
        ("PUT", f"/v1/entity/contact/{UNKNOWN}"),
        ("PATCH", f"/v1/entity/contact/{UNKNOWN}"),
        ("DELETE", f"/v1/entity/contact/{UNKNOWN}"),
        ("PATCH", f"/v1/entity/contact/{UNKNOWN}:restore"),
        ("GET", f"/v1/entity/contact/{UNKNOWN}/relations"),
        ("GET", f"/v2/entity/contact/{UNKNOWN}/relations"),
        ("GET", f"/v3/entity/contact/{UNKNOWN}/relations"),
        ("GET", f"/v2/entity/contact/{UNKNOWN}/relations/count"),
        ("DELETE", f"/v1/entity/contact/{UNKNOWN}/relations/a/{UNKNOWN}"),
        ("PUT", f"/v1/entity/contact/{UNKNOWN}/relations/a/{UNKNOWN}"),
        ("GET", f"/v1/entity/contact/{UNKNOWN}/activity"),
        ("GET", "/v1/entity/activity/01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        ("GET", "/v1/entity/schemas/unknown"),
        ("DELETE", "/v1/entity/schemas/unknown"),
        ("GET", "/v1/entity/schemas/unknown/versions"),
    ],
)
async def test_what_does_not_exist_is_not_found(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    body = None if method in {"GET", "DELETE"} else {}
    response = await client.request(method, f"/entity{path}", json=body)
    assert response.status_code == 404
    assert response.json()["status"] == 404
    assert response.json()["error"]


async def test_an_entity_has_one_schema(client: httpx.AsyncClient, create: Create) -> None:
    entity = await create("contact", a=1)
    assert (await client.get(f"{BASE}/account/{entity['_id']}")).status_code == 404
    assert (await client.patch(f"{BASE}/account/{entity['_id']}", json={})).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "word"),
    [
        ("GET", "/v1/entity/contact/no-uuid", None, "id"),
        ("GET", "/v2/entity/con.tact/x", None, "slug"),
        ("POST", "/v1/entity/con%20tact", {}, "slug"),
        ("POST", "/v1/entity/contact", [1], "object"),
        ("POST", "/v1/entity/contact", "text", "object"),
        ("POST", "/v1/entity/contact", {"_tags": "vip"}, "_tags"),
        ("POST", "/v1/entity/contact", {"_title": 5}, "_title"),
        ("POST", "/v1/entity/contact", {"a": {"$relation": {}}}, "a.$relation"),
        ("POST", "/v1/entity/contact", {"a": {"$relation": [{}]}}, "a.$relation[0].entity_id"),
        (
            "POST",
            "/v1/entity/contact",
            {"a": {"$relation": [{"entity_id": UNKNOWN, "_tags": 1}]}},
            "a.$relation[0]._tags",
        ),
        ("POST", "/v1/entity/contact?activity_id=x", {}, "activity_id"),
        ("POST", "/v1/entity/contact?validate=perhaps", {}, "validate"),
        ("GET", f"/v1/entity/contact/{UNKNOWN}/relations?size=0", None, "size"),
        ("GET", f"/v1/entity/contact/{UNKNOWN}/relations?from=-1", None, "from"),
        ("GET", f"/v3/entity/contact/{UNKNOWN}/relations?mode=up", None, "mode"),
        ("GET", f"/v2/entity/contact/{UNKNOWN}/relations?query=(", None, "query"),
        ("POST", f"/v1/entity/contact/{UNKNOWN}/relations", [], "relation"),
        ("POST", f"/v1/entity/contact/{UNKNOWN}/relations", [{"attribute": "a"}], "entity_id"),
        ("POST", f"/v1/entity/contact/{UNKNOWN}/relations", {"a": 1}, "list"),
        ("GET", f"/v1/entity/contact/{UNKNOWN}/activity?after=x", None, "after"),
        ("GET", f"/v1/entity/contact/{UNKNOWN}/activity?start_date=2024-01-01", None, "start_date"),
        (
            "GET",
            f"/v1/entity/contact/{UNKNOWN}/activity?preset_range=today&after=2024-01-01",
            None,
            "preset_range",
        ),
        ("GET", "/v1/entity/activity/x", None, "id"),
        ("POST", "/v1/entity/activity", {"type": "x", "title": "x"}, "message"),
        (
            "POST",
            "/v1/entity/activity?entities=x",
            {"type": "x", "title": "x", "message": "x"},
            "x",
        ),
        ("POST", "/v1/entity/activity/01ARZ3NDEKTSV4RRFFQ69G5FAV:attach?entities=x", None, "x"),
        ("PUT", "/v1/entity/schemas/contact", {"name": "Contact"}, "plural"),
        (
            "PUT",
            "/v1/entity/schemas/contact",
            {"name": "C", "plural": "C", "attributes": [{"name": "a"}], "capabilities": []},
            "attributes[0].label",
        ),
    ],
)
async def test_malformed_requests_are_refused_by_name(
    client: httpx.AsyncClient, method: str, path: str, body: Any, word: str
) -> None:
    response = await client.request(method, f"/entity{path}", json=body)
    assert response.status_code == 400, response.text
    assert word in response.json()["error"], response.text


async def test_an_idempotent_create_happens_once(client: httpx.AsyncClient) -> None:
    headers = {"idempotency-key": "create-1"}
    first = await client.post(f"{BASE}/contact", json={"a": 1}, headers=headers)
    second = await client.post(f"{BASE}/contact", json={"a": 1}, headers=headers)
    assert first.json() == second.json()
    found = await client.post("/entity/v1/entity:search", json={"q": "_schema:contact"})
    assert found.json()["hits"] == 1


async def test_a_verdict_with_an_idempotency_key_is_repeated(client: httpx.AsyncClient) -> None:
    attribute = {"name": "name", "label": "Name", "type": "string", "required": True}
    schema = {"name": "Pet", "plural": "Pets", "attributes": [attribute], "capabilities": []}
    await client.put("/entity/v1/entity/schemas/pet", json=schema)
    headers = {"idempotency-key": "validate-1"}
    answers = [
        await client.post(f"{BASE}/pet:validate", json={}, headers=headers) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].json() == answers[1].json()


async def test_names_that_no_index_takes_are_refused(client: httpx.AsyncClient) -> None:
    name = "".join(str(uuid4()) for _ in range(200))
    relation = {"$relation": [{"entity_id": str(uuid4())}]}
    created = await client.post(f"{BASE}/contact", json={name: relation})
    upserted = await client.patch(
        f"{BASE}/contact:upsert", json={"unique_key": [name], "entity": {name: "x"}}
    )
    for response in (created, upserted):
        assert response.status_code == 400, response.text
        assert response.json()["code"] == "UNSTORABLE_VALUE"


async def test_too_long_field_names_are_refused(client: httpx.AsyncClient) -> None:
    body = {"q": "*", "fields": ["x" * 513]}
    response = await client.post("/entity/v1/entity:search", json=body)
    assert response.status_code == 400
    assert "fields" in response.json()["error"]
