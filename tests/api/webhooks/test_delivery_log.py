"""The log of deliveries: lists, one delivery, its attempts and why it waits, replays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
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
    ids,
    paused_webhook,
    webhook,
)
from tests.conftest import http_client

from tieline.app import Application
from tieline.audit.models import AuditQuery
from tieline.database import Database
from tieline.http.services import Services
from tieline.kit.ids import new_ulid, new_uuid, uuid_time

RANDOM_ID = "0d9f3c1e-2f6a-4b5c-9d7e-112233445566"
TIMED_ID = "019f0000-0000-7000-8000-000000000001"
ATTEMPT = {
    "round": 1,
    "number": 1,
    "outcome": "failed",
    "started_at": datetime(2026, 1, 31, 8, tzinfo=UTC),
    "milliseconds": 12.5,
    "url": "https://receiver.invalid/hook",
    "address": "203.0.113.7",
    "request_headers": '[["webhook-id", "msg_1"], ["authorization", "***"]]',
    "status_code": 503,
    "response_headers": '[["retry-after", "5"]]',
    "response_body": b'{"error": "busy"}',
    "response_bytes": 17,
    "error_code": "HTTP_503",
    "error": "The receiver answered 503 Service Unavailable. Look at its own log.",
}


async def attempted(database: Database, org: str, delivery_id: str, **different: Any) -> None:
    """Note an attempt of a delivery."""
    row = {**ATTEMPT, **different}
    moment = uuid_time(UUID(delivery_id))
    async with database.organisation(org) as tx:
        await tx.copy(
            "delivery_attempts",
            ("created_at", "delivery_id", *row),
            [(moment, UUID(delivery_id), *row.values())],
        )


def events(hook: Found, version: int = 1) -> str:
    return f"/webhooks/v{version}/webhooks/configs/{hook['id']}/events"


async def page(client: httpx.AsyncClient, hook: Found, **asked: Any) -> Found:
    answer = await client.post(events(hook, 2), json=asked)
    assert answer.status_code == 200, answer.text
    found: Found = answer.json()
    return found


async def waiting(client: httpx.AsyncClient, hook: Found, delivery_id: str) -> Found:
    answer = await client.get(f"{events(hook)}/{delivery_id}/attempts")
    assert answer.status_code == 200, answer.text
    found: Found = answer.json()["waiting"]
    return found


# --- lists


async def test_a_list_shows_what_was_sent_and_what_came_of_it_newest_first(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await paused_webhook(client)
    entity = uuid4()
    first, second = await deliver(
        database,
        org,
        delivery(hook, body=b'{"a": 1}', entity_id=entity, correlation_id="c-1"),
        delivery(hook, ending=FAILED),
    )

    found = await page(client, hook)

    assert ids(found) == [second, first]
    assert found["has_more"] is False
    assert found["next_cursor"] is None
    newest, oldest = found["data"]
    assert (newest["status"], newest["http_response"]["code"]) == ("failed", "HTTP_500")
    assert newest["http_response"]["message"] == "The receiver answered 500."
    assert oldest["status"] == "in_progress"
    assert oldest["payload"] == '{"a": 1}'
    assert "http_response" not in oldest
    assert (oldest["entity_id"], oldest["correlation_id"]) == (str(entity), "c-1")
    assert (oldest["org_id"], oldest["webhook_config_id"]) == (org, hook["id"])
    assert oldest["metadata"] == {"webhook_name": "Hook"}


async def test_pages_follow_each_other_without_gaps_or_repetitions(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await paused_webhook(client)
    made = await deliver(database, org, *(delivery(hook) for _ in range(7)))

    seen, cursor = [], None
    while True:
        found = await page(client, hook, limit=3, **({"cursor": cursor} if cursor else {}))
        seen += ids(found)
        cursor = found["next_cursor"]
        if not found["has_more"]:
            break

    assert seen == made[::-1]


@pytest.mark.parametrize("status", ["failed", "skipped", "succeeded"])
async def test_a_list_is_narrowed_by_status(
    client: httpx.AsyncClient, database: Database, org: str, status: str
) -> None:
    hook = await paused_webhook(client)
    failed, skipped, done, _ = await deliver(
        database,
        org,
        delivery(hook, ending=FAILED),
        delivery(hook, ending=SKIPPED, body=None),
        delivery(hook),
        delivery(hook),
    )
    await succeed(database, org, done)

    found = await page(client, hook, status=status)

    assert ids(found) == [{"failed": failed, "skipped": skipped, "succeeded": done}[status]]


async def succeed(database: Database, org: str, delivery_id: str) -> None:
    async with database.organisation(org) as tx:
        await tx.execute(
            "DELETE FROM delivery_queue WHERE org_id = $1 AND delivery_id = $2", UUID(delivery_id)
        )
        await tx.execute(
            "UPDATE deliveries SET state = 'succeeded', status_code = 204, attempts = 1 "
            "WHERE org_id = $1 AND id = $2",
            UUID(delivery_id),
        )


async def test_a_list_is_narrowed_by_time_and_id(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await paused_webhook(client)
    first, second = await deliver(database, org, delivery(hook), delivery(hook))
    moment = uuid_time(UUID(first))
    assert moment is not None
    day = timedelta(days=1)

    assert ids(await page(client, hook, event_id=second)) == [second]
    assert ids(await page(client, hook, event_id="evt_1")) == []
    assert ids(await page(client, hook, event_id=str(new_uuid()))) == []
    later = {"from": (moment + day).isoformat()}
    assert ids(await page(client, hook, timestamp=later)) == []
    around = {"from": (moment - day).isoformat(), "to": (moment + day).isoformat()}
    assert ids(await page(client, hook, timestamp=around)) == [second, first]


async def test_version_1_pages_through_what_is_on_its_way(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await paused_webhook(client)
    made = await deliver(database, org, *(delivery(hook) for _ in range(30)))
    await deliver(database, org, delivery(hook, ending=FAILED))

    first = await client.get(events(hook), params={"status": "in_progress"})
    second = await client.get(
        events(hook), params={"status": "in_progress", "cursor": first.json()["cursor"]}
    )

    assert first.headers["deprecation"].startswith("@")
    assert "successor-version" in first.headers["link"]
    assert ids(first.json()) + ids(second.json()) == made[::-1]
    assert "cursor" not in second.json()
    everything = await client.get(events(hook))
    assert len(ids(everything.json())) == 25


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"limit": 26}, "limit"),
        ({"limit": "3"}, "limit"),
        ({"status": "in_progress"}, "status"),
        ({"cursor": {"event_id": "x"}}, "cursor.created_at"),
        ({"cursor": {"created_at": "2026-01-01T00:00:00Z", "event_id": "x"}}, "cursor.event_id"),
        ({"timestamp": {"from": "yesterday"}}, "timestamp"),
        ({"event_id": "a\x00"}, "U+0000"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    client: httpx.AsyncClient, body: Found, words: str
) -> None:
    hook = await webhook(client)
    answer = await client.post(events(hook, 2), json=body)
    refused(answer, 400, "INVALID_REQUEST", words)


@pytest.mark.parametrize("cursor", ["x", "W10", "WyJ4IiwieSIsbnVsbF0", "WzFd", "😀"])
async def test_a_cursor_of_another_list_is_refused(client: httpx.AsyncClient, cursor: str) -> None:
    hook = await webhook(client)
    answer = await client.get(events(hook), params={"cursor": cursor})
    refused(answer, 400, "INVALID_REQUEST", "cursor")


# --- one delivery and its attempts


async def test_a_delivery_shows_its_last_answer_while_it_is_on_its_way(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await paused_webhook(client)
    [made] = await deliver(database, org, delivery(hook))
    await attempted(database, org, made)
    await attempted(database, org, made, number=2, response_body=b"busy", status_code=502)

    found = (await client.get(f"{events(hook)}/{made}")).json()

    assert found["status"] == "in_progress"
    assert found["attempts"] == 2
    assert found["http_response"]["status_code"] == 502
    assert found["http_response"]["body"] == {"text": "busy"}


async def test_each_attempt_is_shown_with_what_was_sent_and_answered(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await paused_webhook(client)
    [made] = await deliver(database, org, delivery(hook))
    await attempted(database, org, made)
    await attempted(database, org, made, round=2, outcome="lost", response_body=None)

    answer = await client.get(f"{events(hook)}/{made}/attempts")

    first, second = answer.json()["attempts"]
    assert (first["round"], first["number"], first["outcome"]) == (1, 1, "failed")
    assert first["response_body"] == '{"error": "busy"}'
    assert ["authorization", "***"] in first["request_headers"]
    assert first["milliseconds"] == 12.5
    assert (second["round"], second["outcome"], second["response_body"]) == (2, "lost", None)


async def test_secrets_in_an_answer_are_not_shown(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await paused_webhook(client)
    [made] = await deliver(database, org, delivery(hook))
    echoed = b'{"token": "Bearer abcdefghijklmnop"}'
    await attempted(database, org, made, response_body=echoed)

    for address in (f"{events(hook)}/{made}", f"{events(hook)}/{made}/attempts"):
        answer = await client.get(address)
        assert "abcdefghijklmnop" not in answer.text


async def test_what_waits_says_that_the_webhook_is_paused_or_disabled(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await paused_webhook(client)
    [made] = await deliver(database, org, delivery(hook))

    paused = await waiting(client, hook, made)
    assert paused["reason"] == "paused"
    assert paused["since"] is not None
    assert "Resume" in paused["message"]

    fields = {"name": "Hook", "eventName": "ContractChanged", "enabled": False}
    answer = await client.put(f"{CONFIGS}/{hook['id']}", json={**fields, "url": hook["url"]})
    assert answer.status_code == 200, answer.text
    assert (await waiting(client, hook, made))["reason"] == "disabled"


async def test_what_waits_for_its_entity_names_the_delivery_before_it(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await webhook(client, transport="pull", url=None)
    entity = uuid4()
    first, second, other = await deliver(
        database,
        org,
        delivery(hook, entity_id=entity),
        delivery(hook, entity_id=entity),
        delivery(hook, entity_id=uuid4()),
    )

    behind = await waiting(client, hook, second)

    assert (behind["reason"], behind["behind_event_id"]) == ("order", first)
    assert first in behind["message"]
    assert (await waiting(client, hook, other))["reason"] == "consumer"


async def test_what_has_ended_does_not_wait(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await paused_webhook(client)
    [made] = await deliver(database, org, delivery(hook, ending=SKIPPED, body=None))
    answer = (await client.get(f"{events(hook)}/{made}/attempts")).json()
    assert (answer["waiting"], answer["attempts"]) == (None, [])
    assert answer["reason"] == "amount is 3, not above 10."


@pytest.mark.parametrize("address", ["{id}", "{id}/attempts"])
@pytest.mark.parametrize(
    "event_id", ["x", "%00", RANDOM_ID, TIMED_ID], ids=["word", "NUL", "random", "timed"]
)
async def test_an_unknown_delivery_is_404(
    client: httpx.AsyncClient, address: str, event_id: str
) -> None:
    hook = await webhook(client)
    answer = await client.get(f"{events(hook)}/{address.format(id=event_id)}")
    refused(answer, 404, "DELIVERY_NOT_FOUND")


async def test_looking_is_noted(
    client: httpx.AsyncClient, services: Services, database: Database, org: str
) -> None:
    hook = await paused_webhook(client)
    [made] = await deliver(database, org, delivery(hook))
    await page(client, hook)
    await client.get(f"{events(hook)}/{made}")

    found = await services.audit.query(org, AuditQuery(target_type="delivery"), limit=10)

    assert [entry.action for entry in found.entries] == ["payload.viewed"] * 2
    assert found.entries[0].target_id == made


# --- sending again


async def test_a_replay_has_identical_bytes_and_the_same_message_id(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await paused_webhook(client)
    body = '{"b":2,  "a":"ü"}'.encode()
    [made] = await deliver(database, org, delivery(hook, body=body, ending=FAILED))

    answer = await client.post(f"{events(hook)}/{made}/replay")
    assert (answer.status_code, answer.content) == (204, b"")

    again, original = (await page(client, hook))["data"]
    assert original["event_id"] == made
    assert original["status"] == "failed"
    assert (again["kind"], again["replay_of"]) == ("replay", made)
    assert again["status"] == "in_progress"
    for same in ("payload", "message_id", "event_name", "catalog_event_id", "metadata"):
        assert again[same] == original[same]


async def test_a_batch_is_replayed_in_its_order_each_once(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await paused_webhook(client)
    made = await deliver(database, org, *(delivery(hook, ending=FAILED) for _ in range(3)))
    wanted = [made[2], made[0], made[2]]

    answer = await client.post(f"{events(hook)}/replay-batch", json={"eventIds": wanted})

    assert answer.status_code == 202
    assert answer.json()["replayed_event_ids"] == [made[2], made[0]]
    new = [each["replay_event_id"] for each in answer.json()["replays"]]
    found = (await page(client, hook))["data"]
    assert [(each["event_id"], each["replay_of"]) for each in found[:2]] == [
        (new[1], made[0]),
        (new[0], made[2]),
    ]


async def test_a_batch_with_an_unknown_id_is_not_replayed_at_all(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await paused_webhook(client)
    [made] = await deliver(database, org, delivery(hook, ending=FAILED))
    unknown = str(new_uuid())

    answer = await client.post(f"{events(hook)}/replay-batch", json={"eventIds": [made, unknown]})

    refused(answer, 404, "DELIVERY_NOT_FOUND", unknown)
    assert made not in answer.json()["message"]
    assert ids(await page(client, hook)) == [made]


async def test_what_was_never_rendered_cannot_be_replayed(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await paused_webhook(client)
    [made] = await deliver(database, org, delivery(hook, ending=SKIPPED, body=None))
    answer = await client.post(f"{events(hook)}/{made}/replay")
    refused(answer, 409, "DELIVERY_NOT_REPLAYABLE", made)


async def test_nothing_is_replayed_to_a_webhook_that_is_disabled(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await webhook(client, enabled=False)
    [made] = await deliver(database, org, delivery(hook, ending=FAILED))
    answer = await client.post(f"{events(hook)}/{made}/replay")
    refused(answer, 409, "WEBHOOK_DISABLED")


@pytest.mark.parametrize("wanted", [[], [RANDOM_ID] * 101, [1], None, "x"])
async def test_a_batch_has_1_to_100_ids(client: httpx.AsyncClient, wanted: Any) -> None:
    hook = await webhook(client)
    answer = await client.post(f"{events(hook)}/replay-batch", json={"eventIds": wanted})
    refused(answer, 400, "INVALID_REQUEST", "eventIds")


async def test_a_repeated_request_replays_once(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await paused_webhook(client)
    [made] = await deliver(database, org, delivery(hook, ending=FAILED))
    headers = {"idempotency-key": "once"}

    for _ in range(2):
        answer = await client.post(f"{events(hook)}/{made}/replay", headers=headers)
        assert answer.status_code == 204

    assert len((await page(client, hook))["data"]) == 2


# --- pausing


async def test_pausing_and_resuming_say_what_waits(
    client: httpx.AsyncClient, services: Services, database: Database, org: str
) -> None:
    hook = await paused_webhook(client)
    await deliver(database, org, delivery(hook), delivery(hook), delivery(hook, ending=FAILED))

    backlog = (await client.get(f"{CONFIGS}/{hook['id']}/backlog")).json()
    assert backlog["paused_at"] is not None
    assert (backlog["queued"], backlog["in_flight"], backlog["dead"]) == (2, 0, 1)
    assert backlog["oldest_created_at"] is not None

    resumed = await client.post(f"{CONFIGS}/{hook['id']}/resume")
    assert resumed.status_code == 200
    assert resumed.json()["paused_at"] is None
    assert resumed.json()["queued"] == 2
    found = await services.audit.query(org, AuditQuery(target_type="webhook"), limit=10)
    assert {"webhook.paused", "webhook.resumed"} <= {entry.action for entry in found.entries}


# --- who may


async def test_the_deliveries_of_others_are_not_there(
    application: Application,
    services: Services,
    client: httpx.AsyncClient,
    database: Database,
    org: str,
) -> None:
    hook = await paused_webhook(client)
    [made] = await deliver(database, org, delivery(hook, ending=FAILED))
    _, key = await services.identity.create_key(f"org-{new_ulid()}", name="stranger")

    async with http_client(application, key) as stranger:
        for method, address in (
            ("GET", events(hook)),
            ("POST", events(hook, 2)),
            ("GET", f"{events(hook)}/{made}"),
            ("GET", f"{events(hook)}/{made}/attempts"),
            ("POST", f"{events(hook)}/{made}/replay"),
            ("GET", f"{CONFIGS}/{hook['id']}/backlog"),
            ("POST", f"{CONFIGS}/{hook['id']}/pause"),
        ):
            answer = await stranger.request(method, address)
            refused(answer, 404, "WEBHOOK_NOT_FOUND")


async def test_an_application_sees_the_deliveries_of_its_own_webhooks_only(
    application: Application, client: httpx.AsyncClient, database: Database, org: str
) -> None:
    registered = await created(client, "applications", display_name="Portal")
    other = await paused_webhook(client)
    [made] = await deliver(database, org, delivery(other, ending=FAILED))

    async with await calling_for(application, org, registered) as portal:
        own = await paused_webhook(portal)
        [mine] = await deliver(database, org, delivery(own, ending=FAILED))
        assert ids(await page(portal, own)) == [mine]
        refused(await portal.get(f"{events(other)}/{made}"), 404, "WEBHOOK_NOT_FOUND")


async def test_a_delivery_of_another_webhook_is_not_there(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    one, other = await paused_webhook(client), await paused_webhook(client)
    [made] = await deliver(database, org, delivery(one))
    refused(await client.get(f"{events(other)}/{made}"), 404, "DELIVERY_NOT_FOUND")
    assert ids(await page(client, other, event_id=made)) == []


async def test_the_log_outlives_the_webhook(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await paused_webhook(client)
    [failed] = await deliver(database, org, delivery(hook, ending=FAILED))
    [waiting] = await deliver(database, org, delivery(hook))
    assert (await client.delete(f"{CONFIGS}/{hook['id']}")).status_code == 204

    assert set(ids(await page(client, hook))) == {failed, waiting}
    shown = await client.get(f"{events(hook)}/{failed}/attempts")
    assert shown.status_code == 200, shown.text
    refused(await client.post(f"{events(hook)}/{failed}/replay"), 404, "WEBHOOK_NOT_FOUND")
    refused(await client.get(f"{CONFIGS}/{hook['id']}/backlog"), 404, "WEBHOOK_NOT_FOUND")
