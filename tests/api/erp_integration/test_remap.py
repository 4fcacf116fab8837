"""The re-map: what stored events would do with the present configuration, changing nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.api.erp_integration.conftest import surface_client

from tieline.app import Application
from tieline.database import Database
from tieline.http.services import Services
from tieline.inbound.application.errors import PruneScopeTooLarge, StateNotLoaded
from tieline.inbound.batch import Applying, Batch
from tieline.kit.ids import new_ulid

Answer = dict[str, Any]
Remap = Callable[..., Awaitable[Answer]]


def mapping(*fields: Answer, mode: str = "upsert") -> Answer:
    return {
        "entities": [
            {
                "entity_schema": "contact",
                "unique_ids": ["number"],
                "mode": mode,
                "fields": [{"attribute": "number", "field": "id"}, *fields],
            }
        ]
    }


NAME = {"attribute": "name", "field": "name"}
LOG = {"attribute": "log", "jsonataExpression": '{"_append_all": [name]}'}
AMOUNT = {"attribute": "amount", "jsonataExpression": "$number(name)"}


@pytest.fixture
async def use_cases(erp: httpx.AsyncClient, integration: Answer) -> list[Answer]:
    """Two use cases: `contact` stores names, `amount` fails for names that are no numbers."""
    made = []
    for slug, configuration in (("contact", mapping(NAME)), ("amount", mapping(AMOUNT))):
        body = {
            "name": slug,
            "slug": slug,
            "type": "inbound",
            "enabled": True,
            "configuration": configuration,
        }
        answer = await erp.post(f"/v1/integrations/{integration['id']}/use-cases", json=body)
        assert answer.status_code == 201, answer.text
        made.append(answer.json())
    return made


@pytest.fixture
def change(erp: httpx.AsyncClient, integration: Answer, use_cases: list[Answer]) -> Any:
    """Changes a use case, the first if none is named."""

    async def put(index: int = 0, **different: Any) -> None:
        answer = await erp.put(
            f"/v1/integrations/{integration['id']}/use-cases/{use_cases[index]['id']}",
            json={"type": "inbound", **different},
        )
        assert answer.status_code == 200, answer.text

    return put


@pytest.fixture
def post(erp: httpx.AsyncClient, integration: Answer, use_cases: list[Answer]) -> Any:
    """Sends an event and waits for its outcome; its id."""

    async def send(number: str, name: str, slug: str = "contact", **different: Any) -> str:
        event = {
            "use_case_slug": slug,
            "timestamp": "2026-01-31T08:30:00Z",
            "format": "json",
            "payload": {"id": number, "name": name},
            **different,
        }
        body = {"integration_id": integration["id"], "events": [event]}
        answer = await erp.post("/v3/erp/updates/events", json=body)
        event_id: str = answer.json()["results"][0]["event_id"]
        async with asyncio.timeout(20):
            while True:
                page = await erp.post(
                    f"/v1/integrations/{integration['id']}/monitoring/inbound-events",
                    json={"event_id": event_id},
                )
                if page.json()["data"]:
                    return event_id
                await asyncio.sleep(0.02)

    return send


@pytest.fixture
def remap(erp: httpx.AsyncClient, integration: Answer) -> Remap:
    """Asks for a re-map."""

    async def ask(status: int = 200, **body: Any) -> Answer:
        answer = await erp.post(f"/v1/integrations/{integration['id']}/events/remap", json=body)
        assert answer.status_code == status, answer.text
        found: Answer = answer.json()
        return found

    return ask


async def everything(database: Database, org: str) -> list[int]:
    """How many rows there are of all that a re-map must not touch."""
    counts = []
    async with database.reading(org) as tx:
        for table in (
            "entities",
            "entity_index",
            "indexed_attributes",
            "entity_operations",
            "activities",
            "inbound_events",
            "inbound_outcomes",
            "inbound_dead_letters",
            "inbound_pending",
            "meter_readings",
        ):
            counts.append(await tx.fetchval(f"SELECT count(*) FROM {table} WHERE org_id = $1"))
    return counts


async def test_the_present_configuration_shows_what_it_would_change(
    post: Any, remap: Remap, change: Any, use_cases: list[Answer], database: Database, org: str
) -> None:
    sent = await post("1", "Ann")
    await change(configuration=mapping({**NAME, "attribute": "full_name"}, LOG))
    before = await everything(database, org)

    page = await remap(event_ids=[sent])

    assert await everything(database, org) == before
    [event] = page["data"]
    assert (page["has_more"], page["not_found"]) == (False, [])
    [entity] = event.pop("entities")
    assert entity.pop("id")
    assert entity == {
        "schema": "contact",
        "change": "updated",
        "added": {"full_name": "Ann", "log": ["Ann"]},
        "updated": {},
        "deleted": {},
    }
    assert event.pop("received_at").endswith("Z")
    assert event == {
        "event_id": sent,
        "event_name": "contact",
        "use_case_id": use_cases[0]["id"],
        "use_case_version": 2,
        "accepted_version": 1,
        "failed_before": None,
        "status": "success",
        "error_code": None,
        "error_message": None,
        "meter_readings": [],
        "warnings": [],
    }


async def test_each_event_is_on_top_of_those_before_it(
    post: Any, remap: Remap, change: Any, client: httpx.AsyncClient
) -> None:
    ids = [await post("1", name) for name in ("Ann", "Bob", "Bob")]
    await change(configuration=mapping(NAME, LOG))

    events = (await remap(event_ids=ids[::-1]))["data"]

    assert [event["event_id"] for event in events] == ids
    first, second, third = (event["entities"][0] for event in events)
    # Bob is stored: the first event would bring Ann back.
    assert first["updated"] == {"name": {"old": "Bob", "new": "Ann"}}
    assert first["added"] == {"log": ["Ann"]}
    assert second["updated"] == {
        "name": {"old": "Ann", "new": "Bob"},
        "log": {"old": ["Ann"], "new": ["Ann", "Bob"]},
    }
    assert third["updated"] == {"log": {"old": ["Ann", "Bob"], "new": ["Ann", "Bob", "Bob"]}}
    search = {"q": '_schema:contact AND number:"1"'}
    [stored] = (await client.post("/entity/v1/entity:search", json=search)).json()["results"]
    assert stored["name"] == "Bob"
    assert "log" not in stored


async def test_events_that_are_new_unchanged_or_deleting_say_so(
    post: Any, remap: Remap, change: Any
) -> None:
    stored = await post("1", "Ann")
    failed = await post("2", "Bob", "amount")
    assert (await remap(event_ids=[stored]))["data"][0]["entities"][0]["change"] == "unchanged"

    await change(1, configuration=mapping(NAME))
    [event] = (await remap(event_ids=[failed]))["data"]
    [entity] = event["entities"]
    assert (entity["change"], entity["added"]) == ("created", {"number": "2", "name": "Bob"})

    for mode, kind in (("delete", "deleted"), ("purge", "purged")):
        await change(configuration=mapping(NAME, mode=mode))
        [event] = (await remap(event_ids=[stored]))["data"]
        assert [entity["change"] for entity in event["entities"]] == [kind]


async def test_failing_ignored_and_unknown_events_are_told_apart(
    post: Any, remap: Remap, change: Any
) -> None:
    failed = await post("1", "Ann", "amount")
    fine = await post("2", "Bob")
    gone = new_ulid()

    page = await remap(event_ids=[failed, fine, gone, "no ULID"])
    assert [event["status"] for event in page["data"]] == ["error", "success"]
    [event, _] = page["data"]
    assert event["error_code"] == "MAPPING_EXPRESSION_FAILED"
    assert event["failed_before"]["error_code"] == "MAPPING_EXPRESSION_FAILED"
    assert event["entities"] == []
    assert page["not_found"] == sorted([gone, "no ULID"])

    await change(1, enabled=False)
    [event, _] = (await remap(event_ids=[failed, fine]))["data"]
    assert (event["status"], event["error_code"]) == ("ignored", "USE_CASE_DISABLED")


async def test_an_event_that_fails_leaves_no_trace_for_the_next(
    post: Any, remap: Remap, change: Any
) -> None:
    first, second = await post("1", "Ann"), await post("1", "17")
    await change(configuration=mapping(NAME, AMOUNT))

    events = (await remap(event_ids=[first, second]))["data"]

    assert [event["status"] for event in events] == ["error", "success"]
    assert events[1]["entities"][0]["added"] == {"amount": 17}


async def test_the_newest_events_of_a_selection_are_taken_in_the_order_of_acceptance(
    post: Any, remap: Remap, use_cases: list[Answer]
) -> None:
    ids = [await post(str(n), "Ann") for n in range(3)]
    failed = [await post(str(n), "Ann", "amount", event_name="Other") for n in range(2)]

    async def selected(**body: Any) -> tuple[list[str], bool]:
        page = await remap(**body)
        return [event["event_id"] for event in page["data"]], page["has_more"]

    assert await selected() == ([*ids, *failed], False)
    assert await selected(limit=2) == (failed, True)
    assert await selected(only_failed=True) == (failed, False)
    assert await selected(only_failed=True, limit=1) == (failed[1:], True)
    assert await selected(only_failed=True, use_case_id=use_cases[0]["id"]) == ([], False)
    assert await selected(use_case_id=use_cases[0]["id"]) == (ids, False)
    assert await selected(event_name="Other") == (failed, False)
    assert await selected(event_name="Other", use_case_id=use_cases[0]["id"]) == ([], False)
    assert await selected(to_date="2020-01-01T00:00:00Z") == ([], False)
    assert await selected(from_date="2020-01-01T00:00:00Z", limit=5) == ([*ids, *failed], False)
    assert await selected(from_date="2999-01-01T00:00:00Z") == ([], False)


async def test_a_new_looked_up_attribute_is_not_registered_by_a_dry_run(
    post: Any, remap: Remap, change: Any, database: Database, org: str
) -> None:
    sent = await post("1", "Ann")
    by_expression = {
        "attribute": "site",
        "relations": {
            "operation": "_set",
            "jsonataExpression": (
                '[{"entity_schema": "site", '
                '"unique_ids": [{"attribute": "code", "constant": name}]}]'
            ),
        },
    }
    await change(configuration=mapping(NAME, by_expression))
    before = await everything(database, org)

    [event] = (await remap(event_ids=[sent]))["data"]

    assert sorted(one["change"] for one in event["entities"]) == ["created", "updated"]
    assert await everything(database, org) == before


async def test_readings_are_shown_and_not_written(
    post: Any,
    remap: Remap,
    change: Any,
    client: httpx.AsyncClient,
    database: Database,
    org: str,
) -> None:
    def readings(value: str) -> Answer:
        return {
            "meter_readings": [
                {
                    "meter": {"unique_ids": [{"attribute": "number", "field": "id"}]},
                    "fields": [
                        {"attribute": "external_id", "field": "name"},
                        {"attribute": "timestamp", "constant": "2026-01-31T08:00:00Z"},
                        {"attribute": "value", "jsonataExpression": value},
                        {"attribute": "source", "constant": "ERP"},
                    ],
                }
            ]
        }

    made = await client.post("/entity/v1/entity/meter", json={"number": "M1"})
    assert made.status_code == 201, made.text
    await change(configuration=readings("17"))
    sent = await post("M1", "R1")
    before = await everything(database, org)

    for value, operation in (("17", "unchanged"), ("18", "updated")):
        await change(configuration=readings(value))
        [event] = (await remap(event_ids=[sent]))["data"]
        [reading] = event["meter_readings"]
        assert (reading["operation"], reading["external_ids"]) == (operation, ["R1"])
        assert event["status"] == "success"
    assert await everything(database, org) == before
    async with database.reading(org) as tx:
        stored = await tx.fetchval("SELECT value FROM meter_readings WHERE org_id = $1")
    assert stored == 17


async def test_what_only_applying_shows_is_called_unknown(
    post: Any, remap: Remap, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = await post("1", "Ann")
    monkeypatch.setattr(Batch, "apply", lambda *_: Applying(StateNotLoaded(), 0))

    [event] = (await remap(event_ids=[sent]))["data"]

    assert (event["status"], event["error_code"]) == ("unknown", "DEPENDS_ON_EARLIER_EVENT")
    assert "alone" in event["error_message"]


async def test_events_that_prune_too_much_together_have_to_be_fewer(
    post: Any, remap: Remap, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: Any) -> Batch:
        raise PruneScopeTooLarge

    first, second = await post("1", "Ann"), await post("2", "Bob")
    monkeypatch.setattr(Batch, "load", refuse)

    [alone] = (await remap(event_ids=[first]))["data"]
    assert (alone["status"], alone["error_code"]) == ("error", "PRUNE_SCOPE_TOO_LARGE")
    refused = await remap(422, event_ids=[first, second])
    assert refused["code"] == "PRUNE_SCOPE_TOO_LARGE"


async def test_an_idempotency_key_does_not_make_it_write(
    erp: httpx.AsyncClient,
    post: Any,
    change: Any,
    integration: Answer,
    database: Database,
    org: str,
) -> None:
    sent = await post("1", "Ann")
    await change(configuration=mapping(NAME, LOG))
    before = await everything(database, org)
    url = f"/v1/integrations/{integration['id']}/events/remap"
    headers = {"idempotency-key": new_ulid()}

    first = await erp.post(url, json={"event_ids": [sent]}, headers=headers)
    second = await erp.post(url, json={"event_ids": [sent]}, headers=headers)

    assert first.json()["data"][0]["entities"][0]["added"] == {"log": ["Ann"]}
    assert second.json() == first.json()
    assert await everything(database, org) == before


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"event_ids": []}, "event_ids"),
        ({"event_ids": ["a"] * 101}, "event_ids"),
        ({"event_ids": [1]}, "event_ids"),
        ({"event_ids": ["a"], "limit": 5}, "event_ids"),
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"use_case_id": "contact"}, "use_case_id"),
        ({"from_date": "x"}, "from_date"),
        ({"only_faild": True}, "only_faild"),
        ({"event_name": "\x00"}, "event_name"),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused(
    remap: Remap, body: Answer, named: str
) -> None:
    assert named in (await remap(400, **body))["message"]


async def test_it_needs_the_scopes_for_events_and_for_entities(
    application: Application, services: Services, org: str, integration: Answer
) -> None:
    for scopes, status in (
        (["erp:monitoring"], 403),
        (["entity:read"], 403),
        (["erp:monitoring", "entity:read"], 200),
    ):
        _, key = await services.identity.create_key(org, name="k", scopes=scopes)
        async with surface_client(application, key) as client:
            answer = await client.post(
                f"/v1/integrations/{integration['id']}/events/remap", json={}
            )
        assert answer.status_code == status, answer.text


async def test_another_organisation_maps_nothing(
    post: Any, integration: Answer, stranger: httpx.AsyncClient
) -> None:
    sent = await post("1", "Ann")
    own = (await stranger.post("/v1/integrations", json={"name": "Other"})).json()

    for place in (integration["id"], str(uuid4())):
        answer = await stranger.post(f"/v1/integrations/{place}/events/remap", json={})
        assert answer.status_code == 404
    answer = await stranger.post(
        f"/v1/integrations/{own['id']}/events/remap", json={"event_ids": [sent]}
    )
    assert answer.json() == {"data": [], "has_more": False, "not_found": [sent]}
