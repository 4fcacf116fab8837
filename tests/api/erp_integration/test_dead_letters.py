"""Failed events: listed, grouped, replayed in bulk, discarded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.api.erp_integration.conftest import surface_client

from tieline.app import Application
from tieline.http.services import Services
from tieline.kit.ids import new_ulid

Answer = dict[str, Any]
Ask = Callable[..., Awaitable[Answer]]

LENIENT: Answer = {
    "entities": [
        {
            "entity_schema": "contact",
            "unique_ids": ["number"],
            "fields": [
                {"attribute": "number", "field": "id"},
                {"attribute": "log", "jsonataExpression": '{"_append_all": [name]}'},
            ],
        }
    ]
}
STRICT: Answer = {
    "entities": [
        {
            "entity_schema": "contact",
            "unique_ids": ["number"],
            "fields": [
                {"attribute": "number", "field": "id"},
                {"attribute": "amount", "jsonataExpression": "$number(name)"},
            ],
        }
    ]
}


def event(number: str, name: str = "n", **different: Any) -> Answer:
    return {
        "use_case_slug": "contact",
        "timestamp": "2026-01-31T08:30:00Z",
        "format": "json",
        "payload": {"id": number, "name": name},
        **different,
    }


@pytest.fixture
async def contact_case(erp: httpx.AsyncClient, integration: Answer) -> Answer:
    """A use case that fails for names that are no numbers."""
    body = {
        "name": "Contacts",
        "slug": "contact",
        "type": "inbound",
        "enabled": True,
        "configuration": STRICT,
    }
    answer = await erp.post(f"/v1/integrations/{integration['id']}/use-cases", json=body)
    assert answer.status_code == 201, answer.text
    created: Answer = answer.json()
    return created


@pytest.fixture
def change(erp: httpx.AsyncClient, integration: Answer, contact_case: Answer) -> Any:
    """Changes the use case."""

    async def put(**different: Any) -> None:
        answer = await erp.put(
            f"/v1/integrations/{integration['id']}/use-cases/{contact_case['id']}",
            json={"type": "inbound", **different},
        )
        assert answer.status_code == 200, answer.text

    return put


@pytest.fixture
def ask(erp: httpx.AsyncClient, integration: Answer) -> Ask:
    """Calls an operation below the integration."""

    async def call(path: str, body: Any = None, status: int = 200, **headers: str) -> Answer:
        url = f"/v1/integrations/{integration['id']}/{path}"
        if body is None:
            answer = await erp.get(url)
        else:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            answer = await erp.post(url, json=body, headers=named)
        assert answer.status_code == status, answer.text
        found: Answer = answer.json()
        return found

    return call


@pytest.fixture
def post(erp: httpx.AsyncClient, integration: Answer, contact_case: Answer, ask: Ask) -> Any:
    """Sends events and waits for their outcomes; their ids."""

    async def send(*events: Answer, **request: Any) -> list[str]:
        body = {"integration_id": integration["id"], "events": list(events), **request}
        answer = await erp.post("/v3/erp/updates/events", json=body)
        results = answer.json()["results"]
        assert {result["status"] for result in results} == {"success"}, results
        ids = [result["event_id"] for result in results]
        for event_id in ids:
            await outcome(ask, event_id)
        return ids

    return send


async def outcome(ask: Ask, event_id: str) -> Answer:
    """The outcome of an event, once there is one."""
    async with asyncio.timeout(20):
        while True:
            page = await ask("monitoring/inbound-events", {"event_id": event_id})
            if page["data"]:
                found: Answer = page["data"][0]
                return found
            await asyncio.sleep(0.02)


async def ended(ask: Ask, redrive: Answer) -> Answer:
    """A redrive, once it is no longer running."""
    async with asyncio.timeout(20):
        while redrive["status"] == "running":
            await asyncio.sleep(0.02)
            redrive = await ask(f"redrives/{redrive['id']}")
    return redrive


def ids(page: Answer) -> list[str]:
    return [found["event_id"] for found in page["data"]]


# --- looking at them


async def test_a_failed_event_is_a_dead_letter_and_others_are_not(
    post: Any, ask: Ask, contact_case: Answer, integration: Answer
) -> None:
    failed, _fine = await post(event("1", "Ann"), event("2", "17"), correlation_id="run-1")

    page = await ask("dead-letters", {})

    [found] = page["data"]
    assert (page["next_cursor"], page["has_more"]) == (None, False)
    for moment in ("received_at", "failed_at"):
        assert found.pop(moment).endswith("Z")
    message = found.pop("error_message")
    assert '"Ann"' in message
    assert "Ann" not in found["reason"]
    assert found.pop("reason").replace("'…'", '"Ann"').replace("<n>", "1") == message
    assert found == {
        "event_id": failed,
        "event_name": "contact",
        "integration_id": integration["id"],
        "use_case_id": contact_case["id"],
        "use_case_version": 1,
        "correlation_id": "run-1",
        "sync_type": "entity",
        "error_code": "MAPPING_EXPRESSION_FAILED",
        "error_category": "configuration",
        "replay_of": None,
        "status": "open",
        "note": None,
        "replay_event_id": None,
        "resolved_at": None,
        "resolved_by": None,
    }


async def test_every_filter_filters(post: Any, ask: Ask, contact_case: Answer) -> None:
    [wanted] = await post(event("1", "Ann"), correlation_id="a")
    [other] = await post(event("2", payload="{broken", event_name="Other"), correlation_id="b")
    [letter] = (await ask("dead-letters", {"event_id": wanted}))["data"]

    for fits in (
        {"correlation_id": "a"},
        {"event_name": "contact"},
        {"error_code": "MAPPING_EXPRESSION_FAILED"},
        {"error_category": "configuration"},
        {"reason": letter["reason"]},
        {"to_date": letter["failed_at"]},
        {"from_date": letter["failed_at"], "to_date": letter["failed_at"]},
        {"use_case_id": contact_case["id"], "event_name": "contact", "status": "any"},
    ):
        assert ids(await ask("dead-letters", fits)) == [wanted], fits
    assert ids(await ask("dead-letters", {"from_date": letter["failed_at"]})) == [other, wanted]
    for fits_nothing in (
        {"status": "replayed"},
        {"status": "discarded"},
        {"event_id": new_ulid()},
        {"event_id": "no ULID"},
        {"use_case_id": str(uuid4())},
        {"event_name": "contact", "correlation_id": "b"},
        {"from_date": "2999-01-01T00:00:00Z"},
    ):
        assert ids(await ask("dead-letters", fits_nothing)) == [], fits_nothing


@pytest.mark.parametrize("made_by", ["server", "client"])
async def test_every_letter_is_on_exactly_one_page(post: Any, ask: Ask, made_by: str) -> None:
    sent = await post(*(event(str(n), "Ann") for n in range(7)))
    seen: list[str] = []
    body: Answer = {"limit": 3}
    while True:
        page = await ask("dead-letters", body)
        seen += ids(page)
        if not page["has_more"]:
            break
        last = {name: page["data"][-1][name] for name in ("failed_at", "event_id")}
        body["cursor"] = page["next_cursor"] if made_by == "server" else last

    assert sorted(seen) == sorted(sent)


async def test_failures_with_one_cause_are_one_group(
    post: Any, ask: Ask, contact_case: Answer
) -> None:
    failed = await post(*(event(str(n), name) for n, name in enumerate(["Ann", "Bob", "Cleo"])))
    await post(event("9", payload="{broken", event_name="Other"))

    page = await ask("dead-letters/groups", {})

    assert [group["count"] for group in page["data"]] == [3, 1]
    assert page["has_more"] is False
    [group, other] = page["data"]
    assert group["error_code"] == "MAPPING_EXPRESSION_FAILED"
    assert group["use_case_id"] == contact_case["id"]
    assert group["example_event_id"] in failed
    example = await ask("dead-letters", {"event_id": group["example_event_id"]})
    assert group["example_message"] == example["data"][0]["error_message"]
    assert group["first_failed_at"] <= group["last_failed_at"]
    assert "re-map" in group["next_step"]
    assert (other["event_name"], other["error_category"]) == ("Other", "validation")
    found = await ask("dead-letters", {"reason": group["reason"]})
    assert sorted(ids(found)) == sorted(failed)
    assert (await ask("dead-letters/groups", {"limit": 1}))["has_more"] is True
    assert (await ask("dead-letters/groups", {"event_name": "nobody"}))["data"] == []


# --- replaying them


async def test_a_redrive_replays_what_failed_in_the_order_of_acceptance(
    post: Any, ask: Ask, change: Any, client: httpx.AsyncClient
) -> None:
    names = ["Ann", "Bob", "Cleo", "Dan", "Eve"]
    failed = [i for name in names for i in await post(event("R1", name))]
    await change(configuration=LENIENT)

    redrive = await ask("dead-letters/replay", {"filter": {}, "rate_per_second": 1000}, 202)
    assert (redrive["total"], redrive["requested_by"]) == (5, "test")
    redrive = await ended(ask, redrive)

    assert redrive["status"] == "done"
    assert (redrive["replayed"], redrive["ignored"], redrive["not_found"]) == (5, 0, 0)
    assert redrive["finished_at"].endswith("Z")
    assert ids(await ask("dead-letters", {})) == []
    closed = (await ask("dead-letters", {"status": "replayed"}))["data"]
    assert sorted(letter["event_id"] for letter in closed) == sorted(failed)
    assert {letter["resolved_by"] for letter in closed} == {"test"}
    for letter in closed:
        done = await outcome(ask, letter["replay_event_id"])
        assert done["status"] == "success"
        assert done["correlation_id"] == redrive["correlation_id"]
    [found] = (
        await client.post("/entity/v1/entity:search", json={"q": '_schema:contact AND number:"R1"'})
    ).json()["results"]
    assert found["log"] == names


async def test_only_the_selected_letters_are_replayed(post: Any, ask: Ask, change: Any) -> None:
    first, second, third = await post(*(event(str(n), "Ann") for n in range(3)))
    await change(configuration=LENIENT)

    redrive = await ask("dead-letters/replay", {"event_ids": [second, second, new_ulid()]}, 202)
    assert redrive["total"] == 1
    assert (await ended(ask, redrive))["replayed"] == 1
    assert sorted(ids(await ask("dead-letters", {}))) == sorted([first, third])

    redrive = await ask("dead-letters/replay", {"filter": {"error_code": "NO_SUCH"}}, 202)
    assert (redrive["status"], redrive["total"]) == ("done", 0)


async def test_a_replay_that_fails_again_is_a_dead_letter_of_its_own(post: Any, ask: Ask) -> None:
    [failed] = await post(event("1", "Ann"))

    redrive = await ended(ask, await ask("dead-letters/replay", {"filter": {}}, 202))

    assert (redrive["total"], redrive["replayed"]) == (1, 1)
    [old] = (await ask("dead-letters", {"status": "replayed"}))["data"]
    assert (await outcome(ask, old["replay_event_id"]))["status"] == "error"
    [new] = (await ask("dead-letters", {}))["data"]
    assert (old["event_id"], new["event_id"]) == (failed, old["replay_event_id"])
    assert new["replay_of"] == failed


async def test_a_replay_of_single_events_closes_their_letters(
    post: Any, ask: Ask, change: Any
) -> None:
    first, second = await post(event("1", "Ann"), event("2", "Ann"))
    await change(configuration=LENIENT)

    replayed = await ask("events/replay", {"event_ids": [first]})

    assert ids(await ask("dead-letters", {})) == [second]
    [letter] = (await ask("dead-letters", {"status": "replayed"}))["data"]
    assert letter["replay_event_id"] == replayed["results"][0]["replay_event_id"]
    assert letter["resolved_by"] == "test"
    assert letter["resolved_at"].endswith("Z")


async def test_a_letter_that_no_use_case_takes_stays_open(post: Any, ask: Ask, change: Any) -> None:
    [failed] = await post(event("1", "Ann"))
    await change(enabled=False)

    redrive = await ended(ask, await ask("dead-letters/replay", {"filter": {}}, 202))

    assert (redrive["replayed"], redrive["ignored"]) == (0, 1)
    assert ids(await ask("dead-letters", {})) == [failed]


async def test_a_redrive_can_be_cancelled(post: Any, ask: Ask) -> None:
    await post(*(event(str(n), "Ann") for n in range(5)))
    redrive = await ask("dead-letters/replay", {"filter": {}, "rate_per_second": 1}, 202)

    cancelled = await ask(f"redrives/{redrive['id']}/cancel", {})

    assert cancelled["status"] == "cancelled"
    assert await ask(f"redrives/{redrive['id']}/cancel", {}) == cancelled
    assert await ask(f"redrives/{redrive['id']}") == cancelled
    assert cancelled["replayed"] < 5
    left = (await ask("dead-letters", {"event_name": "contact"}))["data"]
    assert len([one for one in left if one["replay_of"] is None]) == 5 - cancelled["replayed"]


async def test_the_redrives_of_an_integration_are_listed_newest_first(post: Any, ask: Ask) -> None:
    await post(event("1", "Ann"))
    begun = [await ask("dead-letters/replay", {"filter": {}}, 202) for _ in range(2)]

    listed = (await ask("redrives"))["redrives"]

    assert [one["id"] for one in listed] == [one["id"] for one in reversed(begun)]


async def test_a_repeated_request_begins_one_redrive(post: Any, ask: Ask) -> None:
    await post(event("1", "Ann"))
    once = {"idempotency_key": new_ulid()}

    first = await ask("dead-letters/replay", {"filter": {}}, 202, **once)
    second = await ask("dead-letters/replay", {"filter": {}}, 202, **once)

    assert first == second


# --- discarding them


async def test_a_discarded_letter_keeps_its_note_and_is_not_replayed(post: Any, ask: Ask) -> None:
    first, second = await post(event("1", "Ann"), event("2", "Bob"))

    assert await ask(
        "dead-letters/discard", {"event_ids": [first], "note": "Sent again by hand."}
    ) == {"discarded": 1}

    [letter] = (await ask("dead-letters", {"status": "discarded"}))["data"]
    assert (letter["event_id"], letter["note"]) == (first, "Sent again by hand.")
    assert (letter["resolved_by"], letter["replay_event_id"]) == ("test", None)
    assert ids(await ask("dead-letters", {})) == [second]
    again = await ask("dead-letters/discard", {"event_ids": [first], "note": "Other"})
    assert again == {"discarded": 0}
    redrive = await ask("dead-letters/replay", {"event_ids": [first]}, 202)
    assert redrive["total"] == 0
    everything = await ask("dead-letters/discard", {"filter": {}, "note": "All"})
    assert everything == {"discarded": 1}


# --- rubbish, scopes, tenants


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("dead-letters", {"limit": 0}, "limit"),
        ("dead-letters", {"limit": 101}, "limit"),
        ("dead-letters", {"limit": "5"}, "limit"),
        ("dead-letters", {"status": "closed"}, "status"),
        ("dead-letters", {"use_case_id": "x"}, "use_case_id"),
        ("dead-letters", {"error_category": "bad"}, "error_category"),
        ("dead-letters", {"event_name": "\x00"}, "event_name"),
        ("dead-letters", {"from_date": "yesterday"}, "from_date"),
        ("dead-letters", {"cursor": {"event_id": "e"}}, "cursor.failed_at"),
        ("dead-letters", [], ""),
        ("dead-letters/groups", {"limit": 101}, "limit"),
        ("dead-letters/groups", {"status": 1}, "status"),
        ("dead-letters/replay", {}, "event_ids"),
        ("dead-letters/replay", {"filter": {}, "event_ids": ["a"]}, "filter"),
        ("dead-letters/replay", {"event_ids": []}, "event_ids"),
        ("dead-letters/replay", {"event_ids": ["a"] * 1001}, "event_ids"),
        ("dead-letters/replay", {"event_ids": [1]}, "event_ids"),
        ("dead-letters/replay", {"filter": {}, "rate_per_second": 0}, "rate_per_second"),
        ("dead-letters/replay", {"filter": {}, "rate_per_second": 1001}, "rate_per_second"),
        ("dead-letters/replay", {"filter": {}, "rate_per_second": 1.5}, "rate_per_second"),
        # A filter with a typing error must not select everything.
        ("dead-letters/replay", {"filter": {"error_cod": "X"}}, "error_cod"),
        ("dead-letters/replay", {"filter": {"error_code": None}}, "error_code is null"),
        ("dead-letters/replay", {"filter": {}, "rate": 5}, "rate"),
        ("dead-letters/discard", {"filter": {"code": "X"}, "note": "n"}, "code"),
        ("dead-letters/discard", {"filter": {}}, "note"),
        ("dead-letters/discard", {"filter": {}, "note": ""}, "note"),
        ("dead-letters/discard", {"filter": {}, "note": " \n"}, "note"),
        ("dead-letters/discard", {"filter": {}, "note": "n" * 2001}, "note"),
        ("dead-letters/discard", {"note": "n"}, "event_ids"),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused(
    ask: Ask, path: str, body: Any, named: str
) -> None:
    answer = await ask(path, body, 400)

    assert named in answer["message"]


async def test_a_redrive_that_does_not_exist_is_not_found(ask: Ask) -> None:
    for answer in (
        await ask(f"redrives/{uuid4()}", status=404),
        await ask(f"redrives/{uuid4()}/cancel", {}, 404),
    ):
        assert answer["code"] == "REDRIVE_NOT_FOUND"
    await ask("redrives/none", status=400)


async def test_another_organisation_reaches_neither_letters_nor_redrives(
    post: Any, ask: Ask, integration: Answer, stranger: httpx.AsyncClient
) -> None:
    [failed] = await post(event("1", "Ann"))
    redrive = await ask("dead-letters/replay", {"event_ids": [failed], "rate_per_second": 1}, 202)
    place = f"/v1/integrations/{integration['id']}"
    own = (await stranger.post("/v1/integrations", json={"name": "Other"})).json()

    for path, body in (
        ("dead-letters", {}),
        ("dead-letters/groups", {}),
        ("dead-letters/replay", {"filter": {}}),
        ("dead-letters/discard", {"filter": {}, "note": "n"}),
        (f"redrives/{redrive['id']}/cancel", {}),
    ):
        answer = await stranger.post(f"{place}/{path}", json=body)
        assert answer.status_code == 404, path
    found = await stranger.get(f"/v1/integrations/{own['id']}/redrives/{redrive['id']}")
    assert found.status_code == 404
    discarded = await stranger.post(
        f"/v1/integrations/{own['id']}/dead-letters/discard",
        json={"event_ids": [failed], "note": "n"},
    )
    assert discarded.json() == {"discarded": 0}


async def test_scopes_divide_looking_from_acting(
    application: Application, services: Services, org: str, integration: Answer
) -> None:
    place = f"/v1/integrations/{integration['id']}"
    _, watcher = await services.identity.create_key(org, name="w", scopes=["erp:monitoring"])
    _, sender = await services.identity.create_key(org, name="s", scopes=["erp:events"])
    calls = {
        "dead-letters": ({}, watcher),
        "dead-letters/groups": ({}, watcher),
        "dead-letters/replay": ({"filter": {}}, sender),
        "dead-letters/discard": ({"filter": {}, "note": "n"}, sender),
    }
    for path, (body, allowed) in calls.items():
        for key in (watcher, sender):
            async with surface_client(application, key) as client:
                answer = await client.post(f"{place}/{path}", json=body)
            assert (answer.status_code == 403) is (key != allowed), path
