"""Deliveries that failed for good: listed, grouped, redriven in bulk, discarded."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from tests.api.integration_domain.domain_records import calling_for, created, refused
from tests.api.webhooks.delivery_records import (
    CONFIGS,
    FAILED,
    SKIPPED,
    Found,
    deliver,
    delivery,
    eventually,
    ids,
    paused_webhook,
)
from tests.conftest import http_client

from tieline.app import Application
from tieline.audit.models import AuditQuery
from tieline.database import Database
from tieline.http.services import Services
from tieline.kit.ids import new_ulid
from tieline.kit.time import utc_now
from tieline.outbound.deliveries.models import DeliveryState, Ending
from tieline.records.identifiers import UuidForm

LETTERS = "/webhooks/v1/webhooks/dead-letters"
REDRIVES = "/webhooks/v1/webhooks/redrives"
TIMEOUT = Ending(DeliveryState.FAILED, "EGRESS_TIMEOUT", "The receiver did not answer in time.")


async def asked(client: httpx.AsyncClient, path: str, body: Any, status: int = 200) -> Found:
    answer = await client.post(f"{LETTERS}{path}", json=body)
    assert answer.status_code == status, answer.text
    found: Found = answer.json()
    return found


async def ended(client: httpx.AsyncClient, redrive: Found) -> Found:
    """A redrive once it is no longer running."""

    async def look() -> Found:
        answer = await client.get(f"{REDRIVES}/{redrive['id']}")
        found: Found = answer.json()
        return found

    found: Found = await eventually(look, lambda each: each["status"] != "running")
    return found


async def status_of(client: httpx.AsyncClient, hook: Found, delivery_id: str) -> str:
    answer = await client.get(f"{CONFIGS}/{hook['id']}/events/{delivery_id}")
    found: str = answer.json()["status"]
    return found


# --- looking at them


async def test_only_what_failed_is_a_dead_letter(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await paused_webhook(client)
    entity = uuid4()
    failed, _, _ = await deliver(
        database,
        org,
        delivery(hook, ending=FAILED, entity_id=entity),
        delivery(hook, ending=SKIPPED, body=None),
        delivery(hook),
    )

    found = await asked(client, "", {})

    [letter] = found["data"]
    assert letter["event_id"] == failed
    assert letter["webhook_config_id"] == hook["id"]
    assert (letter["error_code"], letter["reason"]) == ("HTTP_500", "The receiver answered 500.")
    assert letter["entity_id"] == str(entity)
    assert letter["sendable"] is True
    assert letter["status"] == "open"
    assert "redrive" in letter["next_step"]
    assert (found["has_more"], found["next_cursor"]) == (False, None)


async def test_letters_are_found_by_webhook_event_error_entity_time_and_id(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    one, other = await paused_webhook(client), await paused_webhook(client)
    entity = uuid4()
    first, second = await deliver(
        database,
        org,
        delivery(one, ending=FAILED, entity_id=entity),
        delivery(other, ending=TIMEOUT, event_name="OtherEvent"),
    )
    hour = timedelta(hours=1)

    for wanted, expected in (
        ({"webhook_config_id": one["id"]}, [first]),
        ({"webhook_config_id": UuidForm("whk").to_wire(UUID(one["id"]))}, [first]),
        ({"event_name": "OtherEvent"}, [second]),
        ({"error_code": "EGRESS_TIMEOUT"}, [second]),
        ({"entity_id": str(entity)}, [first]),
        ({"event_id": first}, [first]),
        ({"from_date": (utc_now() + hour).isoformat()}, []),
        ({"to_date": (utc_now() - hour).isoformat()}, []),
        ({"from_date": (utc_now() - hour).isoformat()}, [second, first]),
        ({"status": "discarded"}, []),
        ({}, [second, first]),
    ):
        assert ids(await asked(client, "", wanted)) == expected, wanted


async def test_pages_of_letters_follow_each_other(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await paused_webhook(client)
    made = await deliver(database, org, *(delivery(hook, ending=FAILED) for _ in range(5)))
    first = await asked(client, "", {"limit": 3})
    second = await asked(client, "", {"limit": 3, "cursor": first["next_cursor"]})
    assert ids(first) + ids(second) == made[::-1]
    assert second["has_more"] is False


async def test_groups_count_by_webhook_and_error(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    one, other = await paused_webhook(client), await paused_webhook(client)
    made = await deliver(
        database,
        org,
        delivery(one, ending=FAILED),
        delivery(one, ending=FAILED),
        delivery(one, ending=TIMEOUT),
        delivery(other, ending=FAILED),
        delivery(other, ending=FAILED),
        delivery(other, ending=FAILED),
    )

    found = await asked(client, "/groups", {"limit": 2})

    assert found["has_more"] is True
    assert [(each["webhook_config_id"], each["count"]) for each in found["data"]] == [
        (other["id"], 3),
        (one["id"], 2),
    ]
    assert found["data"][0]["example_event_id"] == made[-1]
    assert found["data"][0]["next_step"]


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("", {"limit": 101}, "limit"),
        ("", {"unknown": 1}, "unknown"),
        ("", {"cursor": {"event_id": str(uuid4())}}, "cursor.created_at"),
        ("", {"webhook_config_id": "x"}, "webhook_config_id"),
        ("", {"event_name": "a\x00"}, "U+0000"),
        ("/redrive", {}, "either event_ids or filter"),
        ("/redrive", {"filter": {}, "event_ids": [str(uuid4())]}, "either event_ids or filter"),
        ("/redrive", {"filter": {"webhook_id": str(uuid4())}}, "webhook_id"),
        ("/redrive", {"filter": {"event_name": None}}, "event_name is null"),
        ("/redrive", {"filter": {}, "rate_per_second": 0}, "rate_per_second"),
        ("/redrive", {"event_ids": []}, "event_ids"),
        ("/discard", {"filter": {}}, "note"),
        ("/discard", {"filter": {}, "note": " "}, "note"),
        ("/discard", {"filter": {}, "note": "a\x00"}, "U+0000"),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused(
    client: httpx.AsyncClient, path: str, body: Found, words: str
) -> None:
    refused(await client.post(f"{LETTERS}{path}", json=body), 400, "INVALID_REQUEST", words)


# --- sending them again


async def test_a_redrive_sends_the_same_delivery_again_in_another_round(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await paused_webhook(client)
    made = await deliver(database, org, *(delivery(hook, ending=FAILED) for _ in range(3)))
    before = (await client.get(f"{CONFIGS}/{hook['id']}/events/{made[0]}")).json()

    redrive = await asked(client, "/redrive", {"filter": {}}, 202)
    assert (redrive["status"], redrive["total"]) == ("running", 3)
    done = await ended(client, redrive)

    assert (done["redriven"], done["not_sendable"]) == (3, 0)
    assert ids(await asked(client, "", {})) == []
    after = (await client.get(f"{CONFIGS}/{hook['id']}/events/{made[0]}")).json()
    assert after["status"] == "in_progress"
    for same in ("event_id", "message_id", "payload"):
        assert after[same] == before[same]
    queued = (await client.get(f"{CONFIGS}/{hook['id']}/backlog")).json()["queued"]
    assert queued == 3


async def test_only_what_is_selected_is_redriven(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await paused_webhook(client)
    first, second, third = await deliver(
        database,
        org,
        delivery(hook, ending=FAILED),
        delivery(hook, ending=FAILED),
        delivery(hook, ending=TIMEOUT),
    )

    await ended(client, await asked(client, "/redrive", {"event_ids": [first, first]}, 202))
    assert ids(await asked(client, "", {})) == [third, second]
    wanted = {"filter": {"error_code": "EGRESS_TIMEOUT"}}
    done = await ended(client, await asked(client, "/redrive", wanted, 202))
    assert done["redriven"] == 1
    assert ids(await asked(client, "", {})) == [second]


async def test_what_cannot_be_sent_stays_and_is_counted(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook, gone = await paused_webhook(client), await paused_webhook(client)
    unrendered = Ending(DeliveryState.FAILED, "MAPPING_EXPRESSION_FAILED", "No such function.")
    first, second, _ = await deliver(
        database,
        org,
        delivery(hook, ending=unrendered, body=None),
        delivery(gone, ending=FAILED),
        delivery(hook, ending=FAILED),
    )
    assert (await client.delete(f"{CONFIGS}/{gone['id']}")).status_code == 204

    done = await ended(client, await asked(client, "/redrive", {"filter": {}}, 202))

    assert (done["redriven"], done["not_sendable"]) == (1, 2)
    left = await asked(client, "", {})
    assert ids(left) == [second, first]
    assert [each["sendable"] for each in left["data"]] == [False, False]
    assert "trigger the event anew" in left["data"][1]["next_step"]


async def test_a_redrive_keeps_to_its_rate_and_can_be_cancelled(
    client: httpx.AsyncClient, services: Services, database: Database, org: str
) -> None:
    hook = await paused_webhook(client)
    await deliver(database, org, *(delivery(hook, ending=FAILED) for _ in range(200)))

    redrive = await asked(client, "/redrive", {"filter": {}, "rate_per_second": 1}, 202)
    answer = await client.post(f"{REDRIVES}/{redrive['id']}/cancel")

    assert answer.status_code == 200
    assert answer.json()["status"] == "cancelled"
    assert answer.json()["redriven"] <= 2
    assert (await client.post(f"{REDRIVES}/{redrive['id']}/cancel")).json() == answer.json()
    listed = (await client.get(REDRIVES)).json()["redrives"]
    assert [each["id"] for each in listed] == [redrive["id"]]
    query = AuditQuery(target_type="delivery_redrive")
    found = await services.audit.query(org, query, limit=10)
    assert [entry.action for entry in found.entries] == [
        "delivery_redrive.cancelled",
        "delivery_redrive.started",
    ]


async def test_two_redrives_of_the_same_letters_share_the_work(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await paused_webhook(client)
    await deliver(database, org, *(delivery(hook, ending=FAILED) for _ in range(40)))
    body = {"filter": {}, "rate_per_second": 1_000}

    both = await asyncio.gather(*(asked(client, "/redrive", body, 202) for _ in range(2)))
    done = [await ended(client, each) for each in both]

    assert sum(each["redriven"] for each in done) == 40
    assert (await client.get(f"{CONFIGS}/{hook['id']}/backlog")).json()["queued"] == 40


async def test_a_redrive_of_nothing_is_done_at_once(client: httpx.AsyncClient) -> None:
    redrive = await asked(client, "/redrive", {"filter": {}}, 202)
    assert (redrive["status"], redrive["total"]) == ("done", 0)
    assert redrive["finished_at"] is not None


@pytest.mark.parametrize("method_and_path", [("GET", "{id}"), ("POST", "{id}/cancel")])
async def test_an_unknown_redrive_is_404(
    client: httpx.AsyncClient, method_and_path: tuple[str, str]
) -> None:
    method, path = method_and_path
    answer = await client.request(method, f"{REDRIVES}/{path.format(id=uuid4())}")
    refused(answer, 404, "DELIVERY_REDRIVE_NOT_FOUND")


# --- discarding them


async def test_a_discarded_letter_is_off_the_list_with_its_note(
    client: httpx.AsyncClient, services: Services, database: Database, org: str
) -> None:
    hook = await paused_webhook(client)
    first, second = await deliver(
        database, org, delivery(hook, ending=FAILED), delivery(hook, ending=FAILED)
    )

    answer = await asked(client, "/discard", {"event_ids": [first], "note": "sent by hand"})

    assert answer == {"discarded": 1}
    assert ids(await asked(client, "", {})) == [second]
    [letter] = (await asked(client, "", {"status": "discarded"}))["data"]
    assert (letter["event_id"], letter["note"]) == (first, "sent by hand")
    assert letter["discarded_by"] == "test"
    assert letter["discarded_at"] is not None
    assert await status_of(client, hook, first) == "failed"
    again = await asked(client, "/discard", {"event_ids": [first], "note": "twice"})
    assert again == {"discarded": 0}
    done = await ended(client, await asked(client, "/redrive", {"filter": {}}, 202))
    assert done["redriven"] == 1
    found = await services.audit.query(org, AuditQuery(target_type="delivery"), limit=10)
    assert "dead_deliveries.discarded" in [entry.action for entry in found.entries]


# --- who may


async def test_the_letters_of_others_are_neither_seen_nor_touched(
    application: Application,
    services: Services,
    client: httpx.AsyncClient,
    database: Database,
    org: str,
) -> None:
    hook = await paused_webhook(client)
    [made] = await deliver(database, org, delivery(hook, ending=FAILED))
    redrive = await asked(client, "/redrive", {"event_ids": [str(uuid4())]}, 202)
    _, key = await services.identity.create_key(f"org-{new_ulid()}", name="stranger")

    async with http_client(application, key) as stranger:
        assert ids(await asked(stranger, "", {"event_id": made})) == []
        assert (await asked(stranger, "/groups", {}))["data"] == []
        body = {"event_ids": [made], "note": "mine"}
        assert await asked(stranger, "/discard", body) == {"discarded": 0}
        assert (await asked(stranger, "/redrive", {"event_ids": [made]}, 202))["total"] == 0
        answer = await stranger.get(f"{REDRIVES}/{redrive['id']}")
        refused(answer, 404, "DELIVERY_REDRIVE_NOT_FOUND")

    assert ids(await asked(client, "", {})) == [made]


async def test_an_application_deals_with_its_own_letters_only(
    application: Application, client: httpx.AsyncClient, database: Database, org: str
) -> None:
    registered = await created(client, "applications", display_name="Portal")
    other = await paused_webhook(client)
    [made] = await deliver(database, org, delivery(other, ending=FAILED))
    everything = await asked(client, "/redrive", {"event_ids": [str(uuid4())]}, 202)

    async with await calling_for(application, org, registered) as portal:
        own = await paused_webhook(portal)
        [mine] = await deliver(database, org, delivery(own, ending=FAILED))
        assert ids(await asked(portal, "", {})) == [mine]
        assert [g["count"] for g in (await asked(portal, "/groups", {}))["data"]] == [1]
        redrive = await asked(portal, "/redrive", {"filter": {}}, 202)
        assert (await ended(portal, redrive))["redriven"] == 1
        assert (await asked(portal, "/discard", {"filter": {}, "note": "n"}))["discarded"] == 0
        listed = (await portal.get(REDRIVES)).json()["redrives"]
        assert [each["id"] for each in listed] == [redrive["id"]]
        answer = await portal.get(f"{REDRIVES}/{everything['id']}")
        refused(answer, 404, "DELIVERY_REDRIVE_NOT_FOUND")

    assert ids(await asked(client, "", {})) == [made]
