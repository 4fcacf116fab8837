"""Activities: what a change belongs to, and the feed that shows it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

Create = Callable[..., Awaitable[dict[str, Any]]]

BASE = "/entity/v1/entity"


async def feed(client: httpx.AsyncClient, entity: dict[str, Any], **params: Any) -> dict[str, Any]:
    url = f"{BASE}/{entity['_schema']}/{entity['_id']}/activity"
    response = await client.get(url, params=params)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def types(answer: dict[str, Any]) -> list[str]:
    return [activity["type"] for activity in answer["results"]]


async def new_activity(client: httpx.AsyncClient, *entities: str, **body: Any) -> dict[str, Any]:
    content = {"type": "Custom", "title": "Title", "message": "Message", **body}
    params = {"entities": ",".join(entities)} if entities else {}
    response = await client.post(f"{BASE}/activity", json=content, params=params)
    assert response.status_code == 200, response.text
    activity: dict[str, Any] = response.json()
    return activity


async def test_every_change_is_in_the_feed(client: httpx.AsyncClient, create: Create) -> None:
    entity = await create("contact", name="Jane", a=1)
    url = f"{BASE}/contact/{entity['_id']}"
    await client.patch(url, json={"a": 2, "b": 3})
    await client.put(url, json={"name": "Jane"})
    await client.delete(url)
    await client.patch(f"{url}:restore")
    answer = await feed(client, entity)
    assert types(answer) == [
        "EntityRestored",
        "EntitySoftDeleted",
        "EntityUpdated",
        "EntityUpdated",
        "EntityCreated",
    ]
    assert answer["total"] == 5
    created = answer["results"][-1]["operations"][0]
    assert created["operation"] == "createEntity"
    assert created["payload"]["a"] == 1
    assert created["diff"]["added"]["name"] == "Jane"
    patched = answer["results"][-2]["operations"][0]
    assert patched["diff"] == {"added": {"b": 3}, "updated": {"a": 1}, "deleted": {}}
    assert patched["payload"]["a"] == 2
    replaced = answer["results"][-3]["operations"][0]
    assert replaced["diff"]["deleted"] == {"a": 2, "b": 3}
    assert replaced["params"] == {"id": entity["_id"], "slug": "contact"}
    assert replaced["activity_type"] == "EntityUpdated"


async def test_changes_can_share_an_activity(client: httpx.AsyncClient, create: Create) -> None:
    activity = await new_activity(client)
    params = {"activity_id": activity["_id"]}
    first = (await client.post(f"{BASE}/contact", json={}, params=params)).json()
    await client.post(f"{BASE}/order", json={}, params=params)
    found = (await client.get(f"{BASE}/activity/{activity['_id']}")).json()
    assert found["operations_total"] == 2
    assert [operation["params"]["slug"] for operation in found["operations"]] == [
        "contact",
        "order",
    ]
    page = {"operations_size": 1, "operations_from": 1}
    second = (await client.get(f"{BASE}/activity/{activity['_id']}", params=page)).json()
    assert [operation["params"]["slug"] for operation in second["operations"]] == ["order"]
    assert types(await feed(client, first)) == ["Custom"]
    unknown = {"activity_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}
    refused = await client.post(f"{BASE}/contact", json={}, params=unknown)
    assert refused.status_code == 404
    empty = await client.post(f"{BASE}/contact", json={}, params={"activity_id": ""})
    assert empty.status_code == 201


async def test_a_pending_activity_shows_once_it_is_filled(
    client: httpx.AsyncClient, create: Create
) -> None:
    entity = await create("contact", a=1)
    activity = await new_activity(client, entity["_id"], pending=True)
    assert types(await feed(client, entity)) == ["EntityCreated"]
    params = {"activity_id": activity["_id"], "fill_activity": True}
    await client.patch(f"{BASE}/contact/{entity['_id']}", json={"a": 2}, params=params)
    answer = await feed(client, entity)
    assert types(answer) == ["Custom", "EntityCreated"]
    assert answer["results"][0]["pending"] is False
    assert answer["results"][0]["operations"][0]["diff"]["updated"] == {"a": 1}


async def test_activities_are_attached_to_entities(
    client: httpx.AsyncClient, create: Create
) -> None:
    entity = await create("contact", a=1)
    activity = await new_activity(client, payload={"x": 1})
    url = f"{BASE}/activity/{activity['_id']}:attach"
    attached = await client.post(url, params={"entities": entity["_id"]})
    assert attached.json() == activity
    answer = await feed(client, entity)
    assert types(answer) == ["Custom", "EntityCreated"]
    assert answer["results"][0]["payload"] == {"x": 1}
    unknown = {"entities": "00000000-0000-4000-8000-000000000000"}
    assert (await client.post(url, params=unknown)).status_code == 404
    assert (await client.post(f"{BASE}/activity", json=_BODY, params=unknown)).status_code == 404


_BODY = {"type": "Custom", "title": "Title", "message": "Message"}


async def test_filters_the_feed(client: httpx.AsyncClient, create: Create) -> None:
    entity = await create("contact", a=1)
    await new_activity(client, entity["_id"])
    await new_activity(client, entity["_id"], type="Note")
    whole = await feed(client, entity)
    assert types(whole) == ["Note", "Custom", "EntityCreated"]
    assert types(await feed(client, entity, type="Note,Custom")) == ["Note", "Custom"]
    assert types(await feed(client, entity, exclude_activity_groups="entity")) == ["Note", "Custom"]
    page = await feed(client, entity, size=1, **{"from": 1})
    assert types(page) == ["Custom"]
    assert page["total"] == 3
    assert len((await feed(client, entity, preset_range="today"))["results"]) == 3
    assert types(await feed(client, entity, preset_range="last_week")) == []
    created = whole["results"][-1]["timestamp"]
    newest = whole["results"][0]["timestamp"]
    assert created not in [
        r["timestamp"] for r in (await feed(client, entity, after=created))["results"]
    ]
    assert newest not in [
        r["timestamp"] for r in (await feed(client, entity, before=newest))["results"]
    ]
    bounds = {"start_date": created, "end_date": newest}
    assert len((await feed(client, entity, **bounds))["results"]) == 3


async def test_a_feed_can_include_related_entities(
    client: httpx.AsyncClient, create: Create
) -> None:
    child = await create("contact", a=1)
    parent = await create("order", contacts={"$relation": [{"entity_id": child["_id"]}]})
    assert len((await feed(client, parent))["results"]) == 1
    assert len((await feed(client, parent, include_relations=True))["results"]) == 2
    assert len((await feed(client, child, include_relations=True))["results"]) == 2


@pytest.mark.parametrize("purge", [False, True])
async def test_a_purge_removes_the_history(
    client: httpx.AsyncClient, create: Create, purge: bool
) -> None:
    entity = await create("contact", secret="hidden")
    activity_id = (await feed(client, entity))["results"][0]["_id"]
    await client.delete(f"{BASE}/contact/{entity['_id']}", params={"purge": purge})
    activity = (await client.get(f"{BASE}/activity/{activity_id}")).json()
    assert activity["operations_total"] == (0 if purge else 1)


async def test_one_activity_can_change_the_same_entity_again_and_again(client):
    activity = (
        await client.post(
            "/entity/v1/entity/activity", json={"type": "T", "title": "t", "message": "m"}
        )
    ).json()["_id"]
    made = await client.post(f"/entity/v1/entity/contact?activity_id={activity}", json={"n": 0})
    url = f"/entity/v1/entity/contact/{made.json()['_id']}?activity_id={activity}"
    for n in range(1, 4):
        response = await client.patch(url, json={"n": n})
        assert response.status_code == 200, response.text
    found = (await client.get(f"/entity/v1/entity/activity/{activity}")).json()
    assert found["operations_total"] == 4
    assert [operation["payload"]["n"] for operation in found["operations"]] == [0, 1, 2, 3]
