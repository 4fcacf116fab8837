"""Looking at accepted events, and replaying them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from tests.api.erp_integration.conftest import surface_client

from tieline.app import Application
from tieline.database import Database
from tieline.http.services import Services
from tieline.inbound.repository import try_lock_lane
from tieline.kit.ids import new_ulid

Answer = dict[str, Any]
Post = Callable[..., Awaitable[list[Answer]]]
Outcome = Callable[[str], Awaitable[Answer]]

CONTACT: Answer = {
    "entities": [
        {
            "entity_schema": "contact",
            "unique_ids": ["number"],
            "fields": [
                {"attribute": "number", "field": "id"},
                {"attribute": "name", "field": "name"},
                {"attribute": "log", "jsonataExpression": '{"_append_all": [name]}'},
            ],
        }
    ]
}
BROKEN: Answer = {
    "entities": [
        {
            "entity_schema": "contact",
            "unique_ids": ["number"],
            "fields": [{"attribute": "number", "jsonataExpression": "$number(name)"}],
        }
    ]
}


def event(number: str, name: str = "n", **different: Any) -> Answer:
    return {
        "use_case_slug": "contact",
        "timestamp": "2026-01-31T08:30:00.250Z",
        "format": "json",
        "payload": {"id": number, "name": name},
        **different,
    }


@pytest.fixture
async def contact_case(erp: httpx.AsyncClient, integration: Answer) -> Answer:
    """The inbound use case `contact` of the integration."""
    body = {
        "name": "Contacts",
        "slug": "contact",
        "type": "inbound",
        "enabled": True,
        "configuration": CONTACT,
    }
    answer = await erp.post(f"/v1/integrations/{integration['id']}/use-cases", json=body)
    assert answer.status_code == 201, answer.text
    created: Answer = answer.json()
    return created


@pytest.fixture
def change(erp: httpx.AsyncClient, integration: Answer, contact_case: Answer) -> Any:
    """Changes the use case."""

    async def put(**different: Any) -> Answer:
        answer = await erp.put(
            f"/v1/integrations/{integration['id']}/use-cases/{contact_case['id']}",
            json={"type": "inbound", **different},
        )
        assert answer.status_code == 200, answer.text
        changed: Answer = answer.json()
        return changed

    return put


@pytest.fixture
def post(erp: httpx.AsyncClient, integration: Answer, contact_case: Answer) -> Post:
    """Sends events; their results."""

    async def send(*events: Answer, **request: Any) -> list[Answer]:
        body = {"integration_id": integration["id"], "events": list(events), **request}
        answer = await erp.post("/v3/erp/updates/events", json=body)
        assert answer.status_code == 200, answer.text
        results: list[Answer] = answer.json()["results"]
        return results

    return send


@pytest.fixture
def outcome(erp: httpx.AsyncClient, integration: Answer) -> Outcome:
    """Waits for the outcome of an event."""

    async def find(event_id: str) -> Answer:
        for _ in range(400):
            answer = await erp.post(
                f"/v1/integrations/{integration['id']}/monitoring/inbound-events",
                json={"event_id": event_id},
            )
            if answer.json()["data"]:
                found: Answer = answer.json()["data"][0]
                return found
            await asyncio.sleep(0.02)
        raise AssertionError("the event reached no terminal state")

    return find


@pytest.fixture
def query(erp: httpx.AsyncClient, integration: Answer) -> Callable[..., Awaitable[Answer]]:
    """Asks for stored events."""

    async def ask(**body: Any) -> Answer:
        answer = await erp.post(f"/v1/integrations/{integration['id']}/events", json=body)
        assert answer.status_code == 200, answer.text
        page: Answer = answer.json()
        return page

    return ask


@pytest.fixture
def replay(erp: httpx.AsyncClient, integration: Answer) -> Callable[..., Awaitable[Answer]]:
    """Replays events."""

    async def ask(*event_ids: str, **headers: str) -> Answer:
        answer = await erp.post(
            f"/v1/integrations/{integration['id']}/events/replay",
            json={"event_ids": list(event_ids)},
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )
        assert answer.status_code == 200, answer.text
        replayed: Answer = answer.json()
        return replayed

    return ask


@pytest.fixture
def contact(client: httpx.AsyncClient) -> Callable[[str], Awaitable[Answer | None]]:
    """Reads a contact by its number."""

    async def find(number: str) -> Answer | None:
        answer = await client.post(
            "/entity/v1/entity:search", json={"q": f'_schema:contact AND number:"{number}"'}
        )
        results: list[Answer] = answer.json()["results"]
        assert len(results) <= 1
        return results[0] if results else None

    return find


def ids(page: Answer) -> list[str]:
    return [found["event_id"] for found in page["data"]]


# --- looking at them


async def test_a_stored_event_is_shown_as_it_was_sent(
    post: Post, query: Any, integration: Answer, contact_case: Answer
) -> None:
    sent = event("1", deduplication_id="d-1", event_name="Partner")
    [result] = await post(sent, correlation_id="run-1")

    page = await query()

    [found] = page["data"]
    assert json.loads(found.pop("payload")) == sent["payload"]
    assert found.pop("event_time").endswith("Z")
    assert found == {
        "event_id": result["event_id"],
        "event_type": "UPDATE",
        "object_type": "Partner",
        "event_name": "Partner",
        "use_case_slug": "contact",
        "timestamp": "2026-01-31T08:30:00.250Z",
        "format": "json",
        "correlation_id": "run-1",
        "deduplication_id": "d-1",
        "integration_id": integration["id"],
        "use_case_id": contact_case["id"],
        "replay_of": None,
    }
    assert (page["next_cursor"], page["has_more"]) == (None, False)


async def test_a_payload_comes_back_as_the_text_that_was_sent(post: Post, query: Any) -> None:
    texts = ['{"id":  "1", "amount": 12345678901234567890.10}', "<a>Straße</a>", "{broken"]
    formats = ["json", "xml", "json"]
    await post(*(event("1", payload=t, format=f) for t, f in zip(texts, formats, strict=True)))

    page = await query()

    assert sorted(found["payload"] for found in page["data"]) == sorted(texts)
    assert {found["payload"]: found["format"] for found in page["data"]}["<a>Straße</a>"] == "xml"


async def test_ignored_events_are_stored_and_skipped_ones_are_not(post: Post, query: Any) -> None:
    first, again, ignored = await post(
        event("1", deduplication_id="d"),
        event("1", deduplication_id="d"),
        event("2", use_case_slug="nobody"),
    )
    assert [first["status"], again["status"], ignored["status"]] == [
        "success",
        "skipped",
        "ignored",
    ]

    assert set(ids(await query())) == {first["event_id"], ignored["event_id"]}
    [found] = (await query(event_id=ignored["event_id"]))["data"]
    assert found["use_case_id"] is None


async def test_every_filter_filters(post: Post, query: Any, database: Database, org: str) -> None:
    [wanted] = await post(event("1", use_case_slug=None, event_name="contact"), correlation_id="c")
    [named] = await post(event("2", event_name="Other"), correlation_id="d")
    async with database.organisation(org) as tx:  # as an older ingest version would store it
        await tx.execute(
            "UPDATE inbound_events SET event_type = 'DELETE' WHERE org_id = $1 AND event_id = $2",
            wanted["event_id"],
        )

    for fits in (
        {"event_id": wanted["event_id"]},
        {"event_type": "DELETE"},
        {"correlation_id": "c"},
        {"object_type": "contact"},
        {"event_name": "contact"},
        {"event_name": "contact", "object_type": "contact", "correlation_id": "c"},
    ):
        assert ids(await query(**fits)) == [wanted["event_id"]], fits
    assert ids(await query(event_type="UPDATE")) == [named["event_id"]]
    for fits_nothing in (
        {"event_id": new_ulid()},
        {"event_id": "no ULID"},
        {"event_id": "Z" * 26},
        {"event_id": ""},
        {"event_type": "CREATE"},
        {"event_name": "contact", "object_type": "Other"},
        {"correlation_id": "e"},
    ):
        assert await query(**fits_nothing) == {"data": [], "next_cursor": None, "has_more": False}


@pytest.mark.parametrize("made_by", ["server", "client"])
async def test_every_event_is_on_exactly_one_page_newest_first(
    post: Post, query: Any, made_by: str
) -> None:
    # Events of one request share a millisecond: pages end in the middle of a moment.
    sent = [result for _ in range(3) for result in await post(*(event("1") for _ in range(20)))]
    pages: list[Answer] = []
    body: Answer = {}
    while not pages or pages[-1]["has_more"]:
        pages.append(await query(**body))
        last = pages[-1]["data"][-1]
        from_last = {key: last[key] for key in ("event_time", "event_id")}
        body["cursor"] = pages[-1]["next_cursor"] if made_by == "server" else from_last

    assert [len(page["data"]) for page in pages] == [25, 25, 10]
    seen = [found for page in pages for found in page["data"]]
    assert sorted(ids({"data": seen})) == sorted(result["event_id"] for result in sent)
    moments = [found["event_time"] for found in seen]
    assert moments == sorted(moments, reverse=True)
    assert pages[-1]["next_cursor"] is None


async def test_a_cursor_without_an_event_continues_below_its_moment(post: Post, query: Any) -> None:
    await post(event("1"))
    [found] = (await query())["data"]

    assert ids(await query(cursor={"event_time": found["event_time"]})) == []
    assert ids(await query(cursor={"event_time": "2999-01-01T00:00:00Z"})) == [found["event_id"]]
    assert ids(await query(cursor={})) == [found["event_id"]]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 26}, "limit"),
        ({"limit": "5"}, "limit"),
        ({"event_type": "TRIGGER"}, "event_type"),
        ({"event_id": "\x00"}, "event_id"),
        ({"cursor": {"event_id": "e"}}, "cursor.event_time"),
        ({"cursor": {"event_time": "x"}}, "cursor.event_time"),
        ([], ""),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    erp: httpx.AsyncClient, integration: Answer, body: Any, named: str
) -> None:
    answer = await erp.post(f"/v1/integrations/{integration['id']}/events", json=body)

    assert answer.status_code == 400
    assert named in answer.json()["message"]


# --- replaying them


async def test_a_replay_is_a_new_event_that_names_the_old_one(
    post: Post, replay: Any, query: Any, outcome: Outcome
) -> None:
    [sent] = await post(event("1"), correlation_id="run-1")
    await outcome(sent["event_id"])

    answer = await replay(sent["event_id"])

    [result] = answer["results"]
    assert answer["event_ids"] == [sent["event_id"]]
    assert answer["replayed"] == 1
    assert (result["event_id"], result["status"]) == (sent["event_id"], "queued")
    assert result["message"]
    new_id = result["replay_event_id"]
    assert new_id != sent["event_id"]
    applied = await outcome(new_id)
    assert applied["status"] == "success"
    assert applied["correlation_id"] == answer["correlation_id"]
    assert applied["correlation_id"].startswith("replay_")
    [old] = (await query(event_id=sent["event_id"]))["data"]
    [new] = (await query(correlation_id=answer["correlation_id"]))["data"]
    assert (old["correlation_id"], old["replay_of"]) == ("run-1", None)
    assert (new["event_id"], new["replay_of"]) == (new_id, sent["event_id"])
    for unchanged in ("payload", "timestamp", "format", "event_name", "use_case_slug"):
        assert new[unchanged] == old[unchanged]


async def test_a_failed_event_succeeds_once_its_use_case_is_corrected(
    post: Post, replay: Any, change: Any, outcome: Outcome, contact: Any
) -> None:
    await change(configuration=BROKEN)
    [sent] = await post(event("F1", "Ann", deduplication_id="once"))
    assert (await outcome(sent["event_id"]))["status"] == "error"
    await change(configuration=CONTACT)

    [result] = (await replay(sent["event_id"]))["results"]

    assert (await outcome(result["replay_event_id"]))["status"] == "success"
    assert (await contact("F1"))["name"] == "Ann"
    assert (await outcome(sent["event_id"]))["status"] == "error"


async def test_an_outcome_names_the_version_by_which_its_event_was_mapped(
    post: Post,
    replay: Any,
    change: Any,
    outcome: Outcome,
    database: Database,
    org: str,
    integration: Answer,
) -> None:
    integration_id = UUID(integration["id"])
    async with database.organisation(org) as tx:
        # Keeps the workers away until the use case has changed.
        assert await try_lock_lane(tx, integration_id, 0)
        [sent] = await post(event("V1", "Ann"))
        changed = await change(configuration=BROKEN)

    first = await outcome(sent["event_id"])
    [result] = (await replay(sent["event_id"]))["results"]
    second = await outcome(result["replay_event_id"])

    assert first["status"] == "success"
    assert second["status"] == "error"
    assert second["use_case_version"] == changed["version"] == first["use_case_version"] + 1


async def test_the_deduplication_id_stays_with_the_original(
    post: Post, replay: Any, query: Any
) -> None:
    sent = event("1", deduplication_id="once")
    [first] = await post(sent)

    [result] = (await replay(first["event_id"]))["results"]

    assert result["status"] == "queued"
    [new] = (await query(event_id=result["replay_event_id"]))["data"]
    assert "deduplication_id" not in new
    [later] = await post(sent)
    assert later["status"] == "skipped"


async def test_an_ignored_event_is_applied_once_its_use_case_is_enabled(
    post: Post, replay: Any, change: Any, outcome: Outcome, contact: Any
) -> None:
    await change(enabled=False)
    [sent] = await post(event("I1"))
    [still] = (await replay(sent["event_id"]))["results"]
    assert still["status"] == "ignored"
    assert "disabled" in still["message"]
    assert (await outcome(still["replay_event_id"]))["error_code"] == "USE_CASE_DISABLED"
    await change(enabled=True)

    # The replay that was ignored is an event as well, and can be replayed like the original.
    answer = await replay(sent["event_id"], still["replay_event_id"])

    assert [result["status"] for result in answer["results"]] == ["queued", "queued"]
    for result in answer["results"]:
        assert (await outcome(result["replay_event_id"]))["status"] == "success"
    assert await contact("I1")


async def test_an_event_that_nobody_took_goes_where_its_slug_leads_now(
    erp: httpx.AsyncClient, integration: Answer, post: Post, replay: Any, outcome: Outcome
) -> None:
    # Its name would lead elsewhere, but the slug wins on replay as it did on arrival.
    [sent] = await post(event("1", use_case_slug="later", event_name="contact"))
    assert sent["status"] == "ignored"
    [still] = (await replay(sent["event_id"]))["results"]
    assert still["status"] == "ignored"
    assert "later" in still["message"]
    body = {"name": "L", "slug": "later", "type": "inbound", "enabled": True}
    created = await erp.post(
        f"/v1/integrations/{integration['id']}/use-cases", json={**body, "configuration": CONTACT}
    )

    [result] = (await replay(sent["event_id"]))["results"]

    assert result["status"] == "queued"
    applied = await outcome(result["replay_event_id"])
    assert (applied["status"], applied["use_case_id"]) == ("success", created.json()["id"])


async def test_an_event_stays_with_its_use_case_when_that_is_renamed(
    post: Post, replay: Any, change: Any, outcome: Outcome, contact_case: Answer
) -> None:
    [sent] = await post(event("1", use_case_slug=None, event_name="Contacts"))
    await outcome(sent["event_id"])
    await change(name="Partners")

    [result] = (await replay(sent["event_id"]))["results"]

    assert (await outcome(result["replay_event_id"]))["use_case_id"] == contact_case["id"]


async def test_an_event_whose_use_case_is_gone_goes_to_the_one_that_took_its_slug(
    erp: httpx.AsyncClient, integration: Answer, post: Post, replay: Any, outcome: Outcome
) -> None:
    [sent] = await post(event("1"))
    await outcome(sent["event_id"])
    place = f"/v2/integrations/{integration['id']}"
    emptied = await erp.put(place, json={"name": "SAP", "use_cases": []})
    assert emptied.status_code == 200, emptied.text
    [gone] = (await replay(sent["event_id"]))["results"]
    assert gone["status"] == "ignored"
    assert (await outcome(gone["replay_event_id"]))["error_code"] == "EVENT_NOT_CONFIGURED"
    body = {"name": "C", "slug": "contact", "type": "inbound", "enabled": True}
    again = await erp.put(
        place, json={"name": "SAP", "use_cases": [{**body, "configuration": CONTACT}]}
    )

    [result] = (await replay(sent["event_id"]))["results"]

    applied = await outcome(result["replay_event_id"])
    assert applied["use_case_id"] == again.json()["use_cases"][0]["id"]


async def test_a_change_that_this_process_has_not_heard_of_counts(
    post: Post, replay: Any, database: Database, org: str, contact_case: Answer
) -> None:
    [sent] = await post(event("1"))
    async with database.organisation(org) as tx:  # silently, as if the news were still on its way
        await tx.execute(
            "UPDATE use_cases SET enabled = false WHERE org_id = $1 AND id = $2",
            UUID(contact_case["id"]),
        )

    [result] = (await replay(sent["event_id"]))["results"]

    assert result["status"] == "ignored"


async def test_events_are_applied_in_their_first_order_whatever_the_request_says(
    post: Post, replay: Any, outcome: Outcome, contact: Any
) -> None:
    sent = [result["event_id"] for result in await post(*(event("O1", n) for n in "abc"))]
    await outcome(sent[-1])

    answer = await replay(*reversed(sent))

    assert [result["event_id"] for result in answer["results"]] == sent[::-1]
    for result in answer["results"]:
        await outcome(result["replay_event_id"])
    assert (await contact("O1"))["log"] == [*"abc", *"abc"]


async def test_a_replay_takes_effect_exactly_once(
    post: Post, replay: Any, outcome: Outcome, contact: Any, query: Any
) -> None:
    [sent] = await post(event("E1", "x"))
    await outcome(sent["event_id"])

    first = await replay(sent["event_id"], sent["event_id"], idempotency_key="k")
    repeated = await replay(sent["event_id"], sent["event_id"], idempotency_key="k")

    assert first == repeated
    assert [result["status"] for result in first["results"]] == ["queued", "skipped"]
    assert first["replayed"] == 1
    assert first["results"][1]["replay_event_id"] is None
    await outcome(first["results"][0]["replay_event_id"])
    assert (await contact("E1"))["log"] == ["x", "x"]
    assert len((await query())["data"]) == 2


async def test_what_is_not_stored_is_not_found_and_spares_the_others(
    post: Post, replay: Any
) -> None:
    [kept, doubled] = await post(event("1", deduplication_id="d"), event("1", deduplication_id="d"))
    strange = [new_ulid(), "no ULID", "Z" * 26, "", "é", doubled["event_id"]]

    answer = await replay(*strange, kept["event_id"])

    assert answer["event_ids"] == [*strange, kept["event_id"]]
    assert [result["status"] for result in answer["results"]] == ["not_found"] * 6 + ["queued"]
    assert {result["replay_event_id"] for result in answer["results"][:-1]} == {None}
    assert all(result["message"] for result in answer["results"])
    assert answer["replayed"] == 1


async def test_events_of_others_do_not_exist(
    erp: httpx.AsyncClient,
    stranger: httpx.AsyncClient,
    integration: Answer,
    post: Post,
    query: Any,
) -> None:
    [sent] = await post(event("1"))
    wish = {"event_ids": [sent["event_id"]]}
    for caller in (erp, stranger):
        other = (await caller.post("/v1/integrations", json={"name": "Other"})).json()
        place = f"/v1/integrations/{other['id']}/events"
        answer = (await caller.post(f"{place}/replay", json=wish)).json()
        assert [result["status"] for result in answer["results"]] == ["not_found"]
        assert (await caller.post(place, json={})).json()["data"] == []
        by_id = await caller.post(place, json={"event_id": sent["event_id"]})
        assert by_id.json()["data"] == []

    place = f"/v1/integrations/{integration['id']}/events"
    for path, body in ((place, {}), (f"{place}/replay", wish)):
        refused = await stranger.post(path, json=body)
        assert (refused.status_code, refused.json()["code"]) == (404, "INTEGRATION_NOT_FOUND")
    assert len((await query())["data"]) == 1


@pytest.mark.parametrize(
    ("path", "body"), [("events", {}), ("events/replay", {"event_ids": ["e"]})]
)
async def test_an_unknown_integration_is_not_found(
    erp: httpx.AsyncClient, path: str, body: Answer
) -> None:
    answer = await erp.post(f"/v1/integrations/{uuid4()}/{path}", json=body)

    assert (answer.status_code, answer.json()["code"]) == (404, "INTEGRATION_NOT_FOUND")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"event_ids": []},
        {"event_ids": ["e"] * 101},
        {"event_ids": "e"},
        {"event_ids": [1]},
        {"event_ids": ["\x00"]},
    ],
    ids=["none", "empty", "101", "text", "number", "nul"],
)
async def test_one_to_a_hundred_ids_are_taken(
    erp: httpx.AsyncClient, integration: Answer, body: Answer
) -> None:
    place = f"/v1/integrations/{integration['id']}/events/replay"

    answer = await erp.post(place, json=body)
    assert answer.status_code == 400
    assert "event_ids" in answer.json()["message"]


async def test_a_hundred_events_are_replayed_at_once(
    post: Post, replay: Any, outcome: Outcome, contact: Any
) -> None:
    sent = await post(*(event("H1", str(number)) for number in range(100)))
    await outcome(sent[-1]["event_id"])

    answer = await replay(*(result["event_id"] for result in sent))

    assert answer["replayed"] == 100
    await outcome(answer["results"][-1]["replay_event_id"])
    assert (await contact("H1"))["log"] == [str(number) for number in range(100)] * 2


@pytest.mark.parametrize(
    ("path", "body", "scope", "other"),
    [
        ("events", {}, "erp:monitoring", "erp:events"),
        ("events/replay", {"event_ids": ["e"]}, "erp:events", "erp:monitoring"),
    ],
)
async def test_each_call_needs_its_scope(
    application: Application,
    services: Services,
    org: str,
    integration: Answer,
    path: str,
    body: Answer,
    scope: str,
    other: str,
) -> None:
    statuses = {}
    for given in (scope, other):
        _, key = await services.identity.create_key(org, name="narrow", scopes=[given])
        async with surface_client(application, key) as narrow:
            answer = await narrow.post(f"/v1/integrations/{integration['id']}/{path}", json=body)
            statuses[given] = answer.status_code

    assert statuses == {scope: 200, other: 403}
