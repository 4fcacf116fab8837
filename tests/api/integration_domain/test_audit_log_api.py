"""The audit log over the API: what it says about changes and views, and who can read it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from tests.conftest import http_client

from tieline.app import Application
from tieline.http.services import Services
from tieline.kit.ids import new_ulid

LOG = "/api/v1/integration/audit-log"
ERP = "/erp-integration"
SCHEMAS = "/entity/v1/entity/schemas"
NOBODYS = "aud_01J00000000000000000000000"
Found = dict[str, Any]

CONFIGURATION = {
    "entities": [
        {
            "entity_schema": "audited",
            "unique_ids": ["number"],
            "fields": [{"attribute": "number", "field": "id"}],
        }
    ]
}


async def entries(client: httpx.AsyncClient, **query: Any) -> list[Found]:
    """The entries of calls that fit, newest first: the key itself was not made by a call."""
    answer = await client.get(LOG, params=query)
    assert answer.status_code == 200, answer.text
    found: list[Found] = answer.json()["items"]
    return [entry for entry in found if entry["request_id"] is not None]


async def actions(client: httpx.AsyncClient, **query: Any) -> list[str]:
    """The actions of the entries that fit, oldest first."""
    return [entry["action"] for entry in await entries(client, **query)][::-1]


async def carry_out(client: httpx.AsyncClient, *calls: tuple[str, str, Found | None]) -> None:
    """Make calls that must succeed."""
    for method, path, body in calls:
        answer = await client.request(method, path, **({} if body is None else {"json": body}))
        assert answer.is_success, f"{method} {path}: {answer.text}"


def inbound(**different: Any) -> Found:
    usual = {"name": "Contacts", "slug": "contact", "type": "inbound", "enabled": True}
    return {**usual, "configuration": CONFIGURATION, **different}


@pytest.fixture
async def integration(client: httpx.AsyncClient) -> Found:
    """An integration with a use case."""
    body = {"name": "SAP", "use_cases": [inbound()]}
    answer = await client.post(f"{ERP}/v2/integrations", json=body)
    assert answer.status_code == 201, answer.text
    created: Found = answer.json()
    return created


@pytest.fixture
def place(integration: Found) -> str:
    return f"{ERP}/v1/integrations/{integration['id']}"


async def test_an_entry_names_the_key_the_request_and_the_changes(
    client: httpx.AsyncClient, services: Services, org: str, integration: Found, place: str
) -> None:
    answer = await client.put(place, json={"name": "SAP S/4"}, headers={"x-request-id": "req-7"})
    assert answer.status_code == 200

    [entry] = await entries(client, request_id="req-7")
    [key] = [key for key in await services.identity.list_keys(org) if key.name == "test"]
    assert entry["actor"]["kind"] == "key"
    assert entry["actor"]["name"] == "test"
    assert key.id.partition("_")[2] in entry["actor"]["id"]
    assert entry["tenant_id"] == org
    assert entry["source_ip"] == "127.0.0.1"
    assert entry["action"] == "integration.updated"
    assert entry["target"] == {"type": "integration", "id": integration["id"]}
    assert entry["before"]["name"] == "SAP"
    assert entry["after"]["name"] == "SAP S/4"
    assert entry["changes"] == [{"path": "/name", "old": "SAP", "new": "SAP S/4"}]
    assert datetime.fromisoformat(entry["at"]) <= datetime.now(UTC)
    assert (await client.get(f"{LOG}/{entry['id']}")).json() == entry


async def test_a_declarative_put_leaves_an_entry_for_each_use_case_that_it_changes(
    client: httpx.AsyncClient, integration: Found
) -> None:
    kept = integration["use_cases"][0]
    wanted = [
        {**inbound(), "id": kept["id"], "enabled": False},
        inbound(name="New", slug="new"),
    ]
    body = {"name": "SAP", "use_cases": wanted}
    path = f"{ERP}/v2/integrations/{integration['id']}"
    assert (await client.put(path, json=body, headers={"x-request-id": "put-1"})).is_success
    assert (await client.put(path, json={**body, "use_cases": wanted[1:]})).is_success
    assert (await client.put(path, json=body, headers={"x-request-id": "none"})).is_success

    assert sorted(await actions(client, request_id="put-1")) == [
        "use_case.created",
        "use_case.updated",
    ]
    [updated] = await entries(client, request_id="put-1", action="use_case.updated")
    assert {"path": "/enabled", "old": True, "new": False} in updated["changes"]
    everything = await actions(client, target_type="use_case", target_id=kept["id"])
    assert everything == [
        "use_case.created",
        "use_case.updated",
        "use_case.deleted",
        "use_case.created",
    ]


async def test_what_changes_nothing_leaves_no_entry(
    client: httpx.AsyncClient, integration: Found, place: str
) -> None:
    before = len(await entries(client))
    use_case = f"{place}/use-cases/{integration['use_cases'][0]['id']}"
    assert (await client.put(place, json={"name": "SAP"})).is_success
    assert (await client.put(use_case, json={"type": "inbound", "name": "Contacts"})).is_success
    assert (await client.put(use_case, json={"name": 5})).status_code == 400

    assert len(await entries(client)) == before


async def test_the_whole_life_of_an_integration_is_told(
    client: httpx.AsyncClient, integration: Found, place: str
) -> None:
    use_case = f"{place}/use-cases/{integration['use_cases'][0]['id']}"
    component = {"app_id": "6f8c1d9e-0000-7000-8000-000000000001"}
    component["component_id"] = "6f8c1d9e-0000-7000-8000-000000000002"
    sample = {"payload": {"id": "1", "name": "Erika"}, "expected": {}}
    await carry_out(
        client,
        ("PUT", use_case, {"type": "inbound", "enabled": False}),
        ("PUT", f"{use_case}/samples/one", sample),
        ("PUT", f"{use_case}/samples/one", {**sample, "payload": {"id": "2"}}),
        ("DELETE", f"{use_case}/samples/one", None),
        ("PUT", f"{place}/app-mapping", component),
        ("PUT", f"{place}/app-mapping", {**component, "overwrite": True}),
        ("DELETE", f"{place}/app-mapping", component),
        ("DELETE", place, None),
    )

    assert await actions(client) == [
        "integration.created",
        "use_case.created",
        "use_case.updated",
        "sample.created",
        "sample.updated",
        "sample.deleted",
        "app_mapping.created",
        "app_mapping.updated",
        "app_mapping.deleted",
        "use_case.deleted",
        "integration.deleted",
    ]
    [updated] = await entries(client, action="sample.updated")
    assert updated["after"]["payload_changed"] is True
    assert "Erika" not in json.dumps(await entries(client))


async def test_schemas_that_somebody_declares_are_told(client: httpx.AsyncClient) -> None:
    schema = {"name": "thing", "plural": "things", "attributes": [], "capabilities": []}
    await carry_out(
        client,
        ("PUT", f"{SCHEMAS}/thing", schema),
        ("PUT", f"{SCHEMAS}/thing", {**schema, "plural": "stuff"}),
        ("DELETE", f"{SCHEMAS}/thing", None),
        ("POST", "/entity/v1/entity/unheard_of", {"a": 1}),
    )

    created, updated, deleted = (await entries(client))[::-1]
    assert (created["action"], created["before"]) == ("entity_schema.created", None)
    assert updated["changes"] == [{"path": "/plural", "old": "things", "new": "stuff"}]
    assert (deleted["action"], deleted["after"]) == ("entity_schema.deleted", None)
    assert deleted["target"] == {"type": "entity_schema", "id": "thing"}


async def test_a_secret_in_a_configuration_is_not_repeated(
    client: httpx.AsyncClient, integration: Found, place: str
) -> None:
    auth = {
        "type": "oauth2_client_credentials",
        "token_url": "https://idp.test/token",
        "client_id": "tieline",
        "client_secret": "hunter-one",
        "headers": {"X-Reference": "{{env.reference}}"},
    }
    step = {"url": "https://files.test/{{id}}", "method": "GET", "response_type": "binary"}
    body = {
        "name": "Files",
        "type": "file_proxy",
        "enabled": True,
        "configuration": {
            "auth": auth,
            "steps": [step],
            "response": {"body": "$", "encoding": "binary"},
        },
    }
    made = await client.post(f"{place}/use-cases", json=body)
    assert made.status_code == 201, made.text
    auth["client_secret"] = "hunter-two"
    path = f"{place}/use-cases/{made.json()['id']}"
    assert (await client.put(path, json=body)).is_success

    [updated] = await entries(client, action="use_case.updated")
    assert {
        "path": "/configuration/auth/client_secret",
        "old": "<redacted>",
        "new": "<redacted: changed>",
    } in updated["changes"]
    log = json.dumps(await entries(client))
    assert "hunter" not in log
    assert "{{env.reference}}" in log
    assert "https://idp.test/token" in log


async def failed_event(client: httpx.AsyncClient, services: Services, place: str) -> str:
    """The id of an event that failed."""
    event = {
        "use_case_slug": "contact",
        "timestamp": "2026-01-31T08:30:00Z",
        "format": "json",
        "payload": {"name": "without a number"},
    }
    body = {"integration_id": place.rsplit("/", 1)[1], "events": [event]}
    answer = await client.post(f"{ERP}/v3/erp/updates/events", json=body)
    assert answer.status_code == 200, answer.text
    [result] = answer.json()["results"]
    query = {"event_id": result["event_id"]}
    async with asyncio.timeout(30):
        while not (await client.post(f"{place}/dead-letters", json=query)).json()["data"]:
            await asyncio.sleep(0.02)
    return str(result["event_id"])


async def test_replays_and_discards_are_told_with_filter_and_count(
    client: httpx.AsyncClient, services: Services, place: str
) -> None:
    event_id = await failed_event(client, services, place)
    discard = {"filter": {"event_name": "contact"}, "note": "is sent anew"}
    replay = {"event_ids": [event_id]}
    assert (await client.post(f"{place}/dead-letters/discard", json=discard)).is_success
    assert (await client.post(f"{place}/dead-letters/discard", json=discard)).is_success
    assert (await client.post(f"{place}/events/replay", json=replay)).is_success

    [discarded] = await entries(client, action="dead_letters.discarded")
    assert discarded["after"] == {
        "filter": {"event_name": "contact"},
        "count": 1,
        "note": "is sent anew",
    }
    [replayed] = await entries(client, action="events.replayed")
    assert replayed["after"]["event_ids"] == [event_id]


async def test_a_redrive_ends_in_the_name_of_whoever_began_it(
    client: httpx.AsyncClient, services: Services, place: str
) -> None:
    await failed_event(client, services, place)
    answer = await client.post(f"{place}/dead-letters/replay", json={"filter": {}})
    redrive = answer.json()["id"]
    async with asyncio.timeout(30):
        while (await client.get(f"{place}/redrives/{redrive}")).json()["status"] != "done":
            await asyncio.sleep(0.02)

    finished, started = await entries(client, target_type="redrive", target_id=redrive)
    assert (started["action"], finished["action"]) == ("redrive.started", "redrive.finished")
    assert finished["actor"] == started["actor"]
    assert finished["after"]["replayed"] == 1


async def test_whoever_sees_payloads_is_named_with_what_was_seen(
    client: httpx.AsyncClient, services: Services, integration: Found, place: str
) -> None:
    event_id = await failed_event(client, services, place)
    samples = f"{place}/use-cases/{integration['use_cases'][0]['id']}/samples"
    sample = {"payload": {"id": "1"}, "expected": {}}
    assert (await client.put(f"{samples}/one", json=sample)).is_success
    await carry_out(
        client,
        ("POST", f"{place}/events", {"event_name": "contact"}),
        ("POST", f"{place}/events", {"event_name": "nothing of that name"}),
        ("POST", f"{place}/events/remap", {"event_ids": [event_id]}),
        ("GET", samples, None),
        ("GET", f"{samples}/one", None),
        ("POST", f"{samples}/run", {}),
    )
    await client.post(samples, json={"name": "two", "event_id": event_id})

    seen = (await entries(client, action="payload.viewed"))[::-1]
    assert [entry["target"]["type"] for entry in seen] == [
        "event",
        "remap",
        *["sample"] * 3,
        "event",
    ]
    assert seen[0]["target"]["id"] == event_id
    assert seen[0]["after"]["ids"] == [event_id]
    assert seen[0]["after"]["query"]["event_name"] == "contact"


async def test_an_export_has_a_line_for_each_entry_and_is_noted(
    client: httpx.AsyncClient, integration: Found
) -> None:
    listed = (await entries(client))[::-1]
    answer = await client.get(f"{LOG}/export", params={"target_type": "use_case"})

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines == [entry for entry in listed if entry["target"]["type"] == "use_case"]
    [noted] = await entries(client, action="audit_log.exported")
    assert noted["after"] == {"target_type": "use_case"}


async def test_reading_pages_is_not_noted(client: httpx.AsyncClient, integration: Found) -> None:
    before = await entries(client)

    assert await entries(client) == before


async def test_every_entry_is_on_exactly_one_page(
    client: httpx.AsyncClient, integration: Found
) -> None:
    for number in range(5):
        await client.put(f"{ERP}/v1/integrations/{integration['id']}", json={"name": f"N{number}"})
    everything = [entry["id"] for entry in await entries(client)]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await client.get(LOG, params={"limit": 2, **cursor})).json()
        seen += [entry["id"] for entry in page["items"] if entry["request_id"] is not None]
        if page["nextCursor"] is None:
            break
        cursor = {"cursor": page["nextCursor"]}

    assert seen == everything
    assert len(seen) == 7


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-02-01", "to": "2026-01-01"}, "from"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "WzEsMl0"}, "cursor"),
        ({"cursor": "WyJ4IiwieSJd"}, "cursor"),
        ({"actors": "me"}, "actors"),
        ({"search": "\x00"}, "search"),
        ({"search": "x" * 501}, "search"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    client: httpx.AsyncClient, query: dict[str, str], named: str
) -> None:
    answer = await client.get(LOG, params=query)

    assert answer.status_code == 400, answer.text
    assert named in answer.json()["message"]


async def test_an_export_that_cannot_be_is_refused_before_it_begins(
    client: httpx.AsyncClient,
) -> None:
    for name in ("actor", "action", "target_type", "target_id", "request_id", "search"):
        answer = await client.get(f"{LOG}/export", params={name: "a\x00b"})

        assert answer.status_code == 400, answer.text
        assert name in answer.json()["message"]


@pytest.mark.parametrize("entry_id", ["aud_01J00000000000000000000000", "x", "%00", "aud_%ff"])
async def test_an_unknown_entry_is_not_found(client: httpx.AsyncClient, entry_id: str) -> None:
    answer = await client.get(f"{LOG}/{entry_id}")

    assert answer.status_code == 404
    assert answer.json()["code"] == "AUDIT_ENTRY_NOT_FOUND"


@pytest.fixture
async def stranger(
    application: Application, services: Services
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of another organisation."""
    _, key = await services.identity.create_key(f"org-{new_ulid()}", name="stranger")
    async with http_client(application, key) as client:
        yield client


async def test_another_organisation_sees_nothing_of_it(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, integration: Found
) -> None:
    [entry, *_] = await entries(client)

    assert integration["id"] not in json.dumps(await entries(stranger))
    assert integration["id"] not in (await stranger.get(f"{LOG}/export")).text
    assert (await stranger.get(f"{LOG}/{entry['id']}")).status_code == 404


async def test_reading_needs_its_own_scope(
    application: Application, services: Services, org: str
) -> None:
    _, key = await services.identity.create_key(org, name="editor", scopes=["erp:write"])
    async with http_client(application, key) as editor:
        for path in (LOG, f"{LOG}/export", f"{LOG}/{NOBODYS}"):
            answer = await editor.get(path)
            assert answer.status_code == 403
            assert "audit:read" in answer.json()["message"]


async def test_the_log_can_be_read_but_not_written(client: httpx.AsyncClient) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in (LOG, f"{LOG}/{NOBODYS}"):
            assert (await client.request(method, path, json={})).status_code == 405


async def test_a_call_without_a_key_is_nobody_elses(
    application: Application, client: httpx.AsyncClient, integration: Found
) -> None:
    before = len(await entries(client))
    async with http_client(application, None) as nobody:
        refused = await nobody.put(f"{ERP}/v1/integrations/{integration['id']}", json={"name": "x"})

    assert refused.status_code == 401
    assert len(await entries(client)) == before
