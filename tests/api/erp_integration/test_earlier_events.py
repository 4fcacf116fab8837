"""Versions 1 and 2 of the ingest, and which integration a component belongs to."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from tests.conftest import http_client

from tieline.app import Application, openapi_pages
from tieline.database import Database
from tieline.http import metrics
from tieline.http.services import Services
from tieline.integrations.app_mappings import AppMappings
from tieline.integrations.repository import announce_change
from tieline.integrations.routes import RouteCache

Answer = dict[str, Any]

V1 = "/v1/erp/updates/events"
V2 = "/v2/erp/updates/events"
DEPRECATED = {
    V1: "processErpUpdatesEvents",
    V2: "processErpUpdatesEventsV2",
}


@pytest.fixture
async def mapped(erp: httpx.AsyncClient, use_case: Any) -> Answer:
    """An integration that maps customers, with a component of an application."""
    body = {"name": "SAP", "use_cases": [use_case(), use_case(slug="other", name="Other")]}
    answer = await erp.post("/v2/integrations", json=body)
    assert answer.status_code == 201, answer.text
    component = {"app_id": str(uuid4()), "component_id": str(uuid4())}
    integration_id = answer.json()["id"]
    set_answer = await erp.put(mapping_of(integration_id), json=component)
    assert set_answer.status_code == 200, set_answer.text
    return {"id": integration_id, **component}


def mapping_of(integration_id: str) -> str:
    return f"/v1/integrations/{integration_id}/app-mapping"


def event(**different: Any) -> Answer:
    usual = {
        "event_type": "UPDATE",
        "object_type": "customers",
        "timestamp": "2026-01-31T08:00:00Z",
        "format": "json",
        "payload": {"customerId": "C1", "first": "Anna", "last": "Schmidt"},
    }
    return {key: value for key, value in (usual | different).items() if value is not None}


def request(path: str, mapped: Answer, *events: Any, **different: Any) -> Answer:
    if path == V1:
        addressed = {key: mapped[key] for key in ("app_id", "component_id")}
        return {**addressed, "meta": {}, "events": list(events), **different}
    return {"integration_id": mapped["id"], "events": list(events), **different}


async def outcomes(erp: httpx.AsyncClient, mapped: Answer, count: int, **query: Any) -> list[Any]:
    """The outcomes that a query finds, as soon as there are so many."""
    found: list[Any] = []
    for _ in range(400):
        url = f"/v1/integrations/{mapped['id']}/monitoring/inbound-events"
        found = (await erp.post(url, json=query)).json()["data"]
        if len(found) >= count:
            break
        await asyncio.sleep(0.02)
    assert len(found) == count, found
    return found


@pytest.mark.parametrize("path", [V1, V2])
async def test_an_event_is_stored_with_what_it_says_about_the_object(
    erp: httpx.AsyncClient, mapped: Answer, path: str
) -> None:
    answer = await erp.post(path, json=request(path, mapped, event(event_type="CREATE")))

    assert answer.status_code == 200, answer.text
    [result] = answer.json()["results"]
    assert result["status"] == "success"
    [stored] = (await erp.post(f"/v1/integrations/{mapped['id']}/events", json={})).json()["data"]
    assert stored["event_id"] == result["event_id"]
    assert (stored["event_type"], stored["object_type"]) == ("CREATE", "customers")
    [outcome] = await outcomes(erp, mapped, 1, event_id=result["event_id"], sync_type="entity")
    assert (outcome["status"], outcome["event_type"]) == ("success", "CREATE")


@pytest.mark.parametrize("path", [V1, V2])
async def test_a_deprecated_request_says_so_and_is_counted(
    erp: httpx.AsyncClient, mapped: Answer, path: str
) -> None:
    counter = metrics.DEPRECATED_REQUESTS.labels(DEPRECATED[path])
    before = counter._value.get()
    correlation = (
        {"meta": {"correlation_id": "night"}} if path == V1 else {"correlation_id": "night"}
    )

    answer = await erp.post(path, json=request(path, mapped, event(), event(), **correlation))

    assert answer.headers["deprecation"] == "@1767225600"
    assert (
        '/erp-integration/v3/erp/updates/events>; rel="successor-version"'
        in (answer.headers["link"])
    )
    assert 'rel="deprecation"' in answer.headers["link"]
    assert counter._value.get() == before + 1
    [row] = await outcomes(erp, mapped, 1, sync_type="api_deprecation")
    assert row["event_id"] == answer.json()["results"][0]["event_id"]
    assert (row["status"], row["error_code"]) == ("warning", "DEPRECATED_ENDPOINT")
    assert DEPRECATED[path] in row["error_message"]
    assert row["correlation_id"] == "night"
    await outcomes(erp, mapped, 2, sync_type="entity", correlation_id="night")


async def test_a_deprecated_request_without_a_usable_event_is_told_of_too(
    erp: httpx.AsyncClient, mapped: Answer
) -> None:
    answer = await erp.post(V2, json=request(V2, mapped, "no event"))

    [result] = answer.json()["results"]
    assert result["status"] == "error"
    [row] = await outcomes(erp, mapped, 1, sync_type="api_deprecation")
    assert row["event_id"] == result["event_id"]


async def test_version_3_is_not_deprecated(erp: httpx.AsyncClient, mapped: Answer) -> None:
    sent = event(use_case_slug="customers")
    answer = await erp.post("/v3/erp/updates/events", json=request(V2, mapped, sent))

    assert answer.status_code == 200
    assert "deprecation" not in answer.headers
    event_id = answer.json()["results"][0]["event_id"]
    [outcome] = await outcomes(erp, mapped, 1, event_id=event_id)
    assert outcome["sync_type"] == "entity"
    # What earlier versions say about the object has no meaning any more.
    assert outcome.get("event_type") is None


@pytest.mark.parametrize("path", [V1, V2])
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"event_type": None}, "event_type"),
        ({"event_type": "create"}, "event_type"),
        ({"event_type": "TRIGGER"}, "event_type"),
        ({"event_type": ["CREATE"]}, "event_type"),
        ({"object_type": None}, "object_type"),
        ({"object_type": ""}, "object_type"),
        ({"object_type": "a\0b"}, "object_type"),
        ({"object_type": 5}, "object_type"),
        ({"timestamp": None}, "timestamp"),
        ({"format": "csv"}, "format"),
        ({"payload": None}, "payload"),
        ({"payload": {}}, "payload"),
        ({"deduplication_id": "no no"}, "deduplication_id"),
    ],
)
async def test_an_unusable_event_costs_only_itself(
    erp: httpx.AsyncClient, mapped: Answer, path: str, change: Answer, field: str
) -> None:
    answer = await erp.post(path, json=request(path, mapped, event(**change), event()))

    refused, accepted = answer.json()["results"]
    assert refused["status"] == "error"
    assert refused["message"].startswith(f"{field}:")
    assert accepted["status"] == "success"


@pytest.mark.parametrize("path", [V1, V2])
async def test_duplicates_and_unknown_names_are_told_apart(
    erp: httpx.AsyncClient, mapped: Answer, path: str
) -> None:
    twice = {"deduplication_id": f"d-{uuid4().hex}"}
    events = [event(**twice), event(**twice), event(object_type="nobody", event_type="DELETE")]

    answer = await erp.post(path, json=request(path, mapped, *events))

    statuses = [result["status"] for result in answer.json()["results"]]
    assert statuses == ["success", "skipped", "ignored"]
    [ignored] = await outcomes(erp, mapped, 1, event_id=answer.json()["results"][2]["event_id"])
    assert (ignored["error_code"], ignored["event_type"]) == ("EVENT_NOT_CONFIGURED", "DELETE")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (V1, b"", "app_id"),
        (V1, b"{", "valid request"),
        (V1, b"[]", "valid request"),
        (V1, b'{"app_id": "x", "component_id": "y", "events": []}', "app_id"),
        (V2, b"", "integration_id"),
        (V2, b'{"integration_id": 5, "events": []}', "integration_id"),
    ],
)
async def test_a_request_that_is_none_is_refused(
    erp: httpx.AsyncClient, path: str, body: bytes, field: str
) -> None:
    answer = await erp.post(path, content=body)

    assert answer.status_code == 400
    assert field in answer.json()["message"]


@pytest.mark.parametrize(
    ("path", "change", "field"),
    [
        (V1, {"component_id": None}, "component_id"),
        (V1, {"meta": []}, "meta"),
        (V1, {"meta": {"correlation_id": 5}}, "meta.correlation_id"),
        (V1, {"meta": {"correlation_id": ""}}, "meta.correlation_id"),
        (V1, {"events": None}, "events"),
        (V1, {"events": {}}, "events"),
        (V2, {"correlation_id": "x" * 256}, "correlation_id"),
        (V2, {"events": None}, "events"),
    ],
)
async def test_a_request_with_a_wrong_field_is_refused(
    erp: httpx.AsyncClient, mapped: Answer, path: str, change: Answer, field: str
) -> None:
    answer = await erp.post(path, json=request(path, mapped, **change))

    assert answer.status_code == 400
    assert field in answer.json()["message"]


async def test_too_many_events_are_refused_as_a_whole(
    erp: httpx.AsyncClient, mapped: Answer
) -> None:
    answer = await erp.post(V1, json=request(V1, mapped, *[event()] * 101))
    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_MANY_EVENTS")


async def test_an_unknown_integration_is_not_found(erp: httpx.AsyncClient) -> None:
    answer = await erp.post(V2, json=request(V2, {"id": str(uuid4())}, event()))
    assert answer.status_code == 404


async def test_a_component_without_an_integration_is_told_how_to_get_one(
    erp: httpx.AsyncClient, mapped: Answer
) -> None:
    other = {**mapped, "component_id": str(uuid4())}
    answer = await erp.post(V1, json=request(V1, other, event()))
    assert (answer.status_code, answer.json()["code"]) == (400, "APP_NOT_MAPPED")
    assert "PUT /erp-integration/v1/integrations/" in answer.json()["message"]


@pytest.mark.parametrize("path", [V1, V2])
async def test_a_key_without_the_scope_may_not_send(
    application: Application, services: Services, org: str, mapped: Answer, path: str
) -> None:
    _, key = await services.identity.create_key(org, name="reader", scopes=["erp:read"])
    async with http_client(application, key) as reader:
        answer = await reader.post(f"/erp-integration{path}", json=request(path, mapped, event()))
    assert answer.status_code == 403


async def test_a_repeated_request_with_an_idempotency_key_leaves_one_event(
    erp: httpx.AsyncClient, mapped: Answer
) -> None:
    headers = {"idempotency-key": uuid4().hex}
    body = request(V1, mapped, event())
    first = await erp.post(V1, json=body, headers=headers)
    second = await erp.post(V1, json=body, headers=headers)

    assert first.json() == second.json()
    await outcomes(erp, mapped, 2, event_id=first.json()["results"][0]["event_id"])


# --- app mappings


async def test_a_component_moves_only_when_it_is_meant_to(
    erp: httpx.AsyncClient, mapped: Answer, use_case: Any
) -> None:
    body = {"name": "Other", "use_cases": [use_case(slug="elsewhere")]}
    other = (await erp.post("/v2/integrations", json=body)).json()
    component = {key: mapped[key] for key in ("app_id", "component_id")}

    refused = await erp.put(mapping_of(other["id"]), json=component)
    again = await erp.put(mapping_of(mapped["id"]), json=component)
    assert refused.status_code == again.status_code == 409
    assert refused.json()["code"] == "APP_MAPPING_EXISTS"
    [result] = (await erp.post(V1, json=request(V1, mapped, event()))).json()["results"]
    assert result["status"] == "success"

    moved = await erp.put(mapping_of(other["id"]), json={**component, "overwrite": True})
    assert moved.json() == {"integration_id": other["id"]}
    sent = request(V1, mapped, event(object_type="elsewhere"))
    [result] = (await erp.post(V1, json=sent)).json()["results"]
    assert result["status"] == "success"


async def test_a_mapping_is_deleted_under_its_own_integration_only(
    erp: httpx.AsyncClient, mapped: Answer, integration: Answer
) -> None:
    component = {key: mapped[key] for key in ("app_id", "component_id")}

    strange = await erp.request("DELETE", mapping_of(integration["id"]), json=component)
    assert (strange.status_code, strange.json()["code"]) == (404, "APP_MAPPING_NOT_FOUND")
    own = await erp.request("DELETE", mapping_of(mapped["id"]), json=component)
    assert own.status_code == 200
    again = await erp.request("DELETE", mapping_of(mapped["id"]), json=component)
    assert again.status_code == 404
    assert (await erp.post(V1, json=request(V1, mapped, event()))).status_code == 400


async def test_a_deleted_integration_takes_its_mappings_along(
    erp: httpx.AsyncClient, mapped: Answer, integration: Answer
) -> None:
    assert (await erp.post(V1, json=request(V1, mapped, event()))).status_code == 200
    await erp.delete(f"/v1/integrations/{mapped['id']}")

    answer = await erp.post(V1, json=request(V1, mapped, event()))
    assert answer.json()["code"] == "APP_NOT_MAPPED"
    component = {key: mapped[key] for key in ("app_id", "component_id")}
    assert (await erp.put(mapping_of(integration["id"]), json=component)).status_code == 200


async def test_no_mapping_leads_to_an_integration_that_is_not_there(
    erp: httpx.AsyncClient, stranger: httpx.AsyncClient, mapped: Answer
) -> None:
    component = {"app_id": str(uuid4()), "component_id": str(uuid4())}
    assert (await erp.put(mapping_of(str(uuid4())), json=component)).status_code == 404
    assert (await stranger.put(mapping_of(mapped["id"]), json=component)).status_code == 404


async def test_two_organisations_may_map_the_same_component(
    erp: httpx.AsyncClient, stranger: httpx.AsyncClient, mapped: Answer, use_case: Any
) -> None:
    assert (await stranger.post(V1, json=request(V1, mapped, event()))).status_code == 400
    body = {"name": "Theirs", "use_cases": [use_case()]}
    theirs = (await stranger.post("/v2/integrations", json=body)).json()
    component = {key: mapped[key] for key in ("app_id", "component_id")}
    assert (await stranger.put(mapping_of(theirs["id"]), json=component)).status_code == 200

    [result] = (await stranger.post(V1, json=request(V1, mapped, event()))).json()["results"]
    stored = await stranger.post(f"/v1/integrations/{theirs['id']}/events", json={})
    assert [e["event_id"] for e in stored.json()["data"]] == [result["event_id"]]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"app_id": None}, "app_id"),
        ({"component_id": "x"}, "component_id"),
        ({"overwrite": "yes"}, "overwrite"),
    ],
)
async def test_an_invalid_mapping_is_refused_with_the_field_named(
    erp: httpx.AsyncClient, integration: Answer, change: Answer, field: str
) -> None:
    body = {"app_id": str(uuid4()), "component_id": str(uuid4()), **change}
    answer = await erp.put(mapping_of(integration["id"]), json=body)
    assert answer.status_code == 400
    assert field in answer.json()["message"]


async def test_a_key_without_the_scope_may_not_map(
    application: Application, services: Services, org: str, mapped: Answer
) -> None:
    _, key = await services.identity.create_key(org, name="sender", scopes=["erp:events"])
    component = {key: mapped[key] for key in ("app_id", "component_id")}
    url = f"/erp-integration{mapping_of(mapped['id'])}"
    async with http_client(application, key) as sender:
        put = await sender.put(url, json=component)
        deleted = await sender.request("DELETE", url, json=component)
    assert put.status_code == deleted.status_code == 403


async def test_mappings_are_remembered_until_another_process_changes_them(
    database: Database, org: str, mapped: Answer, integration: Answer
) -> None:
    component = UUID(mapped["app_id"]), UUID(mapped["component_id"])
    routes = RouteCache(database)
    await routes.listener.start()
    try:
        await routes.listener.wait_until_alive()
        mappings = AppMappings(database, routes)
        assert await mappings.find(org, *component) == UUID(mapped["id"])
        async with database.organisation(org) as tx:
            moved = "UPDATE app_mappings SET integration_id = $2 WHERE org_id = $1"
            await tx.execute(moved, UUID(integration["id"]))
        assert await mappings.find(org, *component) == UUID(mapped["id"])

        async with database.organisation(org) as tx:
            await announce_change(tx, UUID(integration["id"]))
        async with asyncio.timeout(5):
            while await mappings.find(org, *component) == UUID(mapped["id"]):
                await asyncio.sleep(0)
        assert await mappings.find(org, *component) == UUID(integration["id"])
    finally:
        await routes.listener.stop()


async def test_mappings_are_remembered_only_while_changes_are_heard_of(
    database: Database, org: str, mapped: Answer, integration: Answer
) -> None:
    component = UUID(mapped["app_id"]), UUID(mapped["component_id"])
    mappings = AppMappings(database, RouteCache(database))
    assert await mappings.find(org, *component) == UUID(mapped["id"])
    async with database.organisation(org) as tx:
        moved = "UPDATE app_mappings SET integration_id = $2 WHERE org_id = $1"
        await tx.execute(moved, UUID(integration["id"]))

    assert await mappings.find(org, *component) == UUID(integration["id"])


async def test_no_more_mappings_are_remembered_than_there_is_room_for(
    database: Database, org: str, mapped: Answer, integration: Answer
) -> None:
    component = UUID(mapped["app_id"]), UUID(mapped["component_id"])
    routes = RouteCache(database)
    await routes.listener.start()
    try:
        await routes.listener.wait_until_alive()
        mappings = AppMappings(database, routes, capacity=0)
        assert await mappings.find(org, *component) == UUID(mapped["id"])
        async with database.organisation(org) as tx:
            moved = "UPDATE app_mappings SET integration_id = $2 WHERE org_id = $1"
            await tx.execute(moved, UUID(integration["id"]))
        assert await mappings.find(org, *component) == UUID(integration["id"])
    finally:
        await routes.listener.stop()


# --- what the event type means


@pytest.fixture
def sent(erp: httpx.AsyncClient, mapped: Answer) -> Any:
    """Sends an event by version 2; its outcome."""

    async def send(event_type: str, **different: Any) -> Any:
        sent_event = event(event_type=event_type, **different)
        answer = await erp.post(V2, json=request(V2, mapped, sent_event))
        event_id = answer.json()["results"][0]["event_id"]
        [found] = await outcomes(erp, mapped, 1, event_id=event_id, sync_type="entity")
        return found

    return send


@pytest.fixture
def names(client: httpx.AsyncClient) -> Any:
    """Reads the names of all living customers."""

    async def read() -> list[str]:
        query = {"q": "_schema:contact AND customer_number:C1"}
        answer = await client.post("/entity/v1/entity:search", json=query)
        return [entity.get("full_name") for entity in answer.json()["results"]]

    return read


def customer(first: str) -> Answer:
    return {"payload": {"customerId": "C1", "first": first, "last": "Schmidt"}}


async def test_create_fails_for_what_exists_and_changes_nothing(sent: Any, names: Any) -> None:
    assert (await sent("CREATE", **customer("Anna")))["status"] == "success"

    again = await sent("CREATE", **customer("Berta"))

    assert (again["status"], again["error_code"]) == ("error", "ENTITY_ALREADY_EXISTS")
    assert await names() == ["Anna Schmidt"]


async def test_update_creates_or_updates(sent: Any, names: Any) -> None:
    assert (await sent("UPDATE", **customer("Anna")))["status"] == "success"
    assert (await sent("UPDATE", **customer("Berta")))["status"] == "success"
    assert await names() == ["Berta Schmidt"]


async def test_delete_removes_by_what_identifies_and_create_brings_back(
    sent: Any, names: Any
) -> None:
    await sent("UPDATE", **customer("Anna"))

    deleted = await sent("DELETE", payload={"customerId": "C1"})

    assert deleted["status"] == "success"
    assert await names() == []
    assert (await sent("CREATE", **customer("Carla")))["status"] == "warning"
    assert await names() == ["Carla Schmidt"]


def test_the_api_page_calls_them_deprecated() -> None:
    paths = openapi_pages()["erp-integration"]["paths"]
    assert all(paths[path]["post"]["deprecated"] for path in (V1, V2))
    assert "deprecated" not in paths["/v3/erp/updates/events"]["post"]
