"""A consumer pulls its messages, acknowledges them, gives them back, or vanishes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from tests.api.integration_domain.domain_records import calling_for, created, refused
from tests.api.webhooks.delivery_records import (
    CONFIGS,
    Found,
    deliver,
    delivery,
    eventually,
    ids,
    webhook,
)
from tests.conftest import http_client

from tieline.app import Application
from tieline.database import Database
from tieline.http.services import Services
from tieline.identity.models import Scope
from tieline.kit.ids import new_ulid, new_uuid
from tieline.kit.time import utc_now
from tieline.outbound.pulling.duties import pulling_duties


async def pulled_webhook(client: httpx.AsyncClient, **different: Any) -> Found:
    return await webhook(client, **{"url": None, "transport": "pull", **different})


async def asked(
    client: httpx.AsyncClient, hook: Found, operation: str, status: int = 200, **body: Any
) -> Found:
    answer = await client.post(f"{CONFIGS}/{hook['id']}/messages/{operation}", json=body)
    assert answer.status_code == status, answer.text
    found: Found = answer.json()
    return found


async def pull(client: httpx.AsyncClient, hook: Found, **body: Any) -> list[Found]:
    found: list[Found] = (await asked(client, hook, "pull", **body))["messages"]
    return found


async def said(client: httpx.AsyncClient, hook: Found, operation: str, **body: Any) -> list[str]:
    """What became of each message that was named."""
    answer = await asked(client, hook, operation, **body)
    assert [each["id"] for each in answer["results"]] == list(dict.fromkeys(body["ids"]))
    return [each["status"] for each in answer["results"]]


async def lease_ends(database: Database, org: str, *messages: Found) -> None:
    """Let the time of leases be over."""
    async with database.organisation(org) as tx:
        await tx.execute(
            "UPDATE delivery_queue SET leased_at = leased_at - interval '1 day', "
            "leased_until = leased_until - interval '1 day' "
            "WHERE org_id = $1 AND delivery_id = ANY($2::uuid[])",
            [UUID(each["event_id"]) for each in messages],
        )


async def attempts(client: httpx.AsyncClient, hook: Found, delivery_id: str) -> Found:
    answer = await client.get(f"{CONFIGS}/{hook['id']}/events/{delivery_id}/attempts")
    found: Found = answer.json()
    return found


# --- pulling and acknowledging


async def test_a_message_is_pulled_once_and_gone_when_it_is_acknowledged(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await pulled_webhook(client)
    entity = uuid4()
    [made] = await deliver(
        database, org, delivery(hook, body=b'{"a": "\xc3\xbc"}', entity_id=entity)
    )

    [message] = await pull(client, hook)

    assert message["event_id"] == made
    assert (message["body"], message["content_type"]) == ('{"a": "ü"}', "application/json")
    assert (message["event_name"], message["entity_id"]) == ("ContractChanged", str(entity))
    assert message["attempt"] == 1
    assert message["lease_until"] > message["created_at"]
    assert await pull(client, hook) == []

    assert await said(client, hook, "ack", ids=[message["id"]]) == ["acknowledged"]
    assert await pull(client, hook) == []
    shown = await attempts(client, hook, made)
    assert (shown["status"], shown["waiting"]) == ("succeeded", None)
    assert [each["outcome"] for each in shown["attempts"]] == ["succeeded"]
    config = (await client.get(f"{CONFIGS}/{hook['id']}")).json()
    assert config["lastDeliveryStatus"] == "succeeded"


async def test_messages_come_in_their_order_as_many_as_are_wanted(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await pulled_webhook(client)
    made = await deliver(database, org, *(delivery(hook) for _ in range(5)))
    first = await pull(client, hook, max=2)
    second = await pull(client, hook, max=100)
    assert [each["event_id"] for each in first + second] == made


async def test_a_message_is_signed_as_if_it_were_sent(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await pulled_webhook(client)
    secret = base64.b64decode(hook["signingSecret"].removeprefix("whsec_"))
    await deliver(database, org, delivery(hook))

    [message] = await pull(client, hook)

    headers = message["headers"]
    assert headers["webhook-id"] == message["message_id"]
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{message['body']}"
    expected = base64.b64encode(hmac.digest(secret, signed.encode(), hashlib.sha256)).decode()
    asymmetric, symmetric = headers["webhook-signature"].split(" ")
    assert symmetric == f"v1,{expected}"
    assert asymmetric.startswith("v1a,")


async def test_a_large_backlog_comes_in_answers_of_bounded_size(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await pulled_webhook(client)
    body = b'"' + b"x" * 3_000_000 + b'"'
    await deliver(database, org, *(delivery(hook, body=body) for _ in range(3)))
    assert len(await pull(client, hook, max=100)) == 2
    assert len(await pull(client, hook, max=100)) == 1


# --- in order


async def test_the_next_message_of_an_entity_comes_when_the_one_before_is_acknowledged(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await pulled_webhook(client)
    one, other = uuid4(), uuid4()
    first, second, third, free = await deliver(
        database,
        org,
        *(delivery(hook, entity_id=one) for _ in range(3)),
        delivery(hook, entity_id=other),
    )

    messages = await pull(client, hook)
    assert [each["event_id"] for each in messages] == [first, free]
    assert await pull(client, hook) == []

    await said(client, hook, "ack", ids=[messages[0]["id"]])
    [message] = await pull(client, hook)
    assert message["event_id"] == second
    await said(client, hook, "nack", ids=[message["id"]], delay_seconds=3600)
    assert await pull(client, hook) == []
    waiting = (await attempts(client, hook, third))["waiting"]
    assert (waiting["reason"], waiting["behind_event_id"]) == ("order", second)


async def test_a_dead_message_lets_the_next_one_of_its_entity_through(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await pulled_webhook(client, retryPolicy={"enabled": False})
    entity = uuid4()
    first, second = await deliver(
        database, org, *(delivery(hook, entity_id=entity) for _ in range(2))
    )
    [message] = await pull(client, hook)
    assert await said(client, hook, "nack", ids=[message["id"]], reason="no") == ["dead"]
    [message] = await pull(client, hook)
    assert message["event_id"] == second
    [letter] = (await asked(client, hook, "dead"))["data"]
    assert letter["event_id"] == first
    assert letter["reason"] == "Given up after one attempt. The last one: no"


async def test_many_messages_of_one_entity_do_not_hide_those_of_others(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await pulled_webhook(client)
    entity = uuid4()
    made = await deliver(
        database, org, *(delivery(hook, entity_id=entity) for _ in range(4_500)), delivery(hook)
    )
    messages = await pull(client, hook)
    assert [each["event_id"] for each in messages] == [made[0]]
    [message] = await pull(client, hook)
    assert message["event_id"] == made[-1]


# --- leases


async def test_a_message_comes_again_when_its_lease_is_over_and_the_attempt_is_noted(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await pulled_webhook(client)
    await deliver(database, org, delivery(hook))
    [message] = await pull(client, hook)
    await lease_ends(database, org, message)

    [again] = await pull(client, hook)

    assert again["message_id"] == message["message_id"]
    assert again["body"] == message["body"]
    assert again["attempt"] == 2
    assert again["id"] != message["id"]
    shown = await attempts(client, hook, message["event_id"])
    assert [(each["outcome"], each["error_code"]) for each in shown["attempts"]] == [
        ("lost", "LEASE_EXPIRED")
    ]
    assert shown["waiting"]["reason"] == "in_flight"


async def test_whoever_acknowledges_too_late_is_told(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await pulled_webhook(client)
    await deliver(database, org, delivery(hook))
    [slow] = await pull(client, hook)
    await lease_ends(database, org, slow)
    [quick] = await pull(client, hook)

    for operation in ("ack", "nack", "extend"):
        assert await said(client, hook, operation, ids=[slow["id"]]) == ["lease_lost"]
    assert await said(client, hook, "ack", ids=[quick["id"]]) == ["acknowledged"]
    assert await said(client, hook, "ack", ids=[slow["id"]]) == ["already_acknowledged"]


async def test_an_acknowledgement_in_time_for_nobody_else_counts(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await pulled_webhook(client)
    await deliver(database, org, delivery(hook))
    [message] = await pull(client, hook)
    await lease_ends(database, org, message)
    assert await said(client, hook, "ack", ids=[message["id"]]) == ["acknowledged"]
    assert await said(client, hook, "ack", ids=[message["id"]]) == ["already_acknowledged"]


async def test_a_lease_can_be_extended(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await pulled_webhook(client)
    await deliver(database, org, delivery(hook))
    [message] = await pull(client, hook)
    await lease_ends(database, org, message)
    assert await said(client, hook, "extend", ids=[message["id"]], lease_seconds=60) == ["extended"]
    assert await pull(client, hook) == []


async def test_each_message_that_is_named_has_its_own_answer(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook, other = await pulled_webhook(client), await pulled_webhook(client)
    await deliver(database, org, delivery(hook), delivery(other))
    [message] = await pull(client, hook)
    [strange] = await pull(client, other)
    unknown = f"{new_uuid()}.{uuid4()}"

    became = await said(
        client, hook, "ack", ids=["x", message["id"], strange["id"], unknown, message["id"]]
    )

    assert became == ["not_found", "acknowledged", "not_found", "not_found"]
    assert await said(client, other, "ack", ids=[strange["id"]]) == ["acknowledged"]


# --- giving back, and the end


async def test_what_is_given_back_comes_again_after_its_delay_with_the_reason_on_record(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await pulled_webhook(client)
    await deliver(database, org, delivery(hook))
    [message] = await pull(client, hook)
    back = {"ids": [message["id"]], "delay_seconds": 0, "reason": "the database is down"}
    assert await said(client, hook, "nack", **back) == ["returned"]

    [again] = await pull(client, hook)

    assert again["attempt"] == 2
    [first] = (await attempts(client, hook, message["event_id"]))["attempts"]
    assert (first["outcome"], first["error_code"]) == ("failed", "RETURNED_BY_CONSUMER")
    assert first["error"] == "the database is down"


async def test_without_a_delay_the_schedule_of_retries_holds(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await pulled_webhook(client)
    await deliver(database, org, delivery(hook))
    [message] = await pull(client, hook)
    await said(client, hook, "nack", ids=[message["id"]])
    assert await pull(client, hook) == []
    waiting = (await attempts(client, hook, message["event_id"]))["waiting"]
    assert waiting["reason"] == "retry"
    assert waiting["until"] is not None


async def test_a_message_is_dead_after_its_last_attempt_and_can_be_redriven(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await pulled_webhook(client, retryPolicy={"enabled": True, "maxAttempts": 1})
    await deliver(database, org, delivery(hook))
    [message] = await pull(client, hook)
    await lease_ends(database, org, message)
    [message] = await pull(client, hook)
    await lease_ends(database, org, message)
    assert await pull(client, hook) == []

    [letter] = (await asked(client, hook, "dead"))["data"]
    assert (letter["error_code"], letter["attempts"]) == ("LEASE_EXPIRED", 2)
    assert await said(client, hook, "ack", ids=[message["id"]]) == ["dead"]

    await asked(client, hook, "redrive", 202, event_ids=[letter["event_id"]])
    again = await pull(client, hook, wait_seconds=20)
    assert [each["message_id"] for each in again] == [message["message_id"]]
    assert again[0]["attempt"] == 1
    await said(client, hook, "ack", ids=[again[0]["id"]])
    shown = await attempts(client, hook, letter["event_id"])
    assert [(each["round"], each["number"]) for each in shown["attempts"]] == [
        (1, 1),
        (1, 2),
        (2, 1),
    ]


# --- waiting


async def waiting_for(services: Services, org: str, hook: Found) -> int:
    """How many consumers wait."""
    return services.pulling.waiting_for(org, UUID(hook["id"]))


async def test_whoever_waits_gets_a_message_as_soon_as_there_is_one(
    client: httpx.AsyncClient, services: Services, database: Database, org: str
) -> None:
    hook = await pulled_webhook(client)
    waiting = asyncio.create_task(pull(client, hook, wait_seconds=20))
    await eventually(lambda: waiting_for(services, org, hook), bool)
    assert await pull(client, hook) == []

    began = time.monotonic()
    [made] = await deliver(database, org, delivery(hook))
    [message] = await waiting

    assert message["event_id"] == made
    assert time.monotonic() - began < 5


async def test_whoever_waits_gets_what_was_acknowledged_before_it_or_given_back(
    client: httpx.AsyncClient, services: Services, database: Database, org: str
) -> None:
    hook = await pulled_webhook(client)
    entity = uuid4()
    _, second = await deliver(database, org, *(delivery(hook, entity_id=entity) for _ in range(2)))
    [message] = await pull(client, hook)

    waiting = asyncio.create_task(pull(client, hook, wait_seconds=20))
    await eventually(lambda: waiting_for(services, org, hook), bool)
    await said(client, hook, "ack", ids=[message["id"]])
    [message] = await waiting
    assert message["event_id"] == second

    waiting = asyncio.create_task(pull(client, hook, wait_seconds=20))
    await eventually(lambda: waiting_for(services, org, hook), bool)
    await said(client, hook, "nack", ids=[message["id"]], delay_seconds=0.2)
    [message] = await waiting
    assert (message["event_id"], message["attempt"]) == (second, 2)


async def test_whoever_waits_in_vain_gets_an_empty_list(client: httpx.AsyncClient) -> None:
    hook = await pulled_webhook(client)
    assert await pull(client, hook, wait_seconds=0.1) == []


async def test_waiting_holds_no_connection(
    client: httpx.AsyncClient, services: Services, database: Database, org: str
) -> None:
    hook = await pulled_webhook(client)
    crowd = [asyncio.create_task(pull(client, hook, wait_seconds=20)) for _ in range(60)]
    await eventually(lambda: waiting_for(services, org, hook), lambda n: n == 60)

    # Far more than there are connections wait, and others are served.
    await deliver(database, org, *(delivery(hook) for _ in range(600)))
    found = [each["event_id"] for messages in await asyncio.gather(*crowd) for each in messages]

    assert len(found) == len(set(found)) == 600


async def test_a_paused_webhook_gives_nothing_and_says_so(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await pulled_webhook(client)
    await deliver(database, org, delivery(hook))
    await client.post(f"{CONFIGS}/{hook['id']}/pause")
    found = await asked(client, hook, "pull")
    assert found["messages"] == []
    assert found["paused_at"] is not None
    await client.post(f"{CONFIGS}/{hook['id']}/resume")
    assert len(await pull(client, hook)) == 1


# --- several consumers


async def test_several_consumers_share_the_messages_without_duplicates_in_order(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await pulled_webhook(client)
    entities = [uuid4() for _ in range(10)]
    made = await deliver(
        database, org, *(delivery(hook, entity_id=entities[n % 10]) for n in range(200))
    )
    order: dict[str, list[str]] = {}

    async def consume() -> None:
        while messages := await pull(client, hook, max=7, wait_seconds=0.5):
            for each in messages:
                order.setdefault(each["entity_id"], []).append(each["event_id"])
            await said(client, hook, "ack", ids=[each["id"] for each in messages])

    await asyncio.gather(*(consume() for _ in range(5)))

    seen = Counter(each for one in order.values() for each in one)
    assert set(seen) == set(made)
    assert set(seen.values()) == {1}
    for one in order.values():
        assert one == sorted(one)


async def test_of_two_acknowledgements_at_once_each_has_an_answer(
    client: httpx.AsyncClient, database: Database, org: str
) -> None:
    hook = await pulled_webhook(client)
    made = await deliver(database, org, *(delivery(hook) for _ in range(20)))
    messages = await pull(client, hook, max=20)
    named = [each["id"] for each in messages]

    answers = await asyncio.gather(*(said(client, hook, "ack", ids=named) for _ in range(4)))

    assert Counter(each for answer in answers for each in answer) == {
        "acknowledged": 20,
        "already_acknowledged": 60,
    }
    for each in made[:3]:
        assert len((await attempts(client, hook, each))["attempts"]) == 1


# --- who may, and what is refused


async def test_a_webhook_that_is_sent_to_cannot_be_pulled(client: httpx.AsyncClient) -> None:
    hook = await webhook(client)
    for operation, body in (("pull", {}), ("ack", {"ids": ["x"]}), ("dead", {})):
        answer = await client.post(f"{CONFIGS}/{hook['id']}/messages/{operation}", json=body)
        refused(answer, 409, "WEBHOOK_NOT_PULLED")


async def test_a_disabled_webhook_gives_nothing(client: httpx.AsyncClient) -> None:
    hook = await pulled_webhook(client, enabled=False)
    answer = await client.post(f"{CONFIGS}/{hook['id']}/messages/pull")
    refused(answer, 409, "WEBHOOK_DISABLED")


@pytest.mark.parametrize(
    ("operation", "body", "words"),
    [
        ("pull", {"max": 0}, "max"),
        ("pull", {"max": 101}, "max"),
        ("pull", {"max": True}, "max"),
        ("pull", {"wait_seconds": 21}, "wait_seconds"),
        ("pull", {"wait_seconds": -1}, "wait_seconds"),
        ("pull", {"lease_seconds": 0}, "lease_seconds"),
        ("pull", {"lease_seconds": 43_201}, "lease_seconds"),
        ("pull", {"count": 1}, "count"),
        ("ack", {}, "ids"),
        ("ack", {"ids": []}, "ids"),
        ("ack", {"ids": ["x"] * 101}, "ids"),
        ("ack", {"ids": ["x\x00"]}, "U+0000"),
        ("ack", {"ids": ["x" * 101]}, "ids"),
        ("nack", {"ids": ["x"], "delay_seconds": 86_401}, "delay_seconds"),
        ("nack", {"ids": ["x"], "reason": ""}, "reason"),
        ("nack", {"ids": ["x"], "reason": "a\x00"}, "U+0000"),
        ("extend", {"ids": ["x"], "lease_seconds": "1"}, "lease_seconds"),
        ("dead", {"limit": 0}, "limit"),
        ("redrive", {"event_ids": ["x"]}, "event_ids"),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused(
    client: httpx.AsyncClient, operation: str, body: Found, words: str
) -> None:
    hook = await pulled_webhook(client)
    answer = await client.post(f"{CONFIGS}/{hook['id']}/messages/{operation}", json=body)
    refused(answer, 400, "INVALID_REQUEST", words)


async def test_a_consumer_needs_no_more_than_its_scope(
    application: Application,
    services: Services,
    client: httpx.AsyncClient,
    database: Database,
    org: str,
) -> None:
    hook = await pulled_webhook(client)
    await deliver(database, org, delivery(hook))
    _, key = await services.identity.create_key(
        org, name="consumer", scopes=(Scope.WEBHOOK_CONSUME,)
    )
    async with http_client(application, key) as consumer:
        [message] = await pull(consumer, hook)
        assert await said(consumer, hook, "ack", ids=[message["id"]]) == ["acknowledged"]
        assert (await asked(consumer, hook, "dead"))["data"] == []
        answer = await consumer.post("/webhooks/v1/webhooks/dead-letters", json={})
        refused(answer, 403, "MISSING_SCOPE")


async def test_the_messages_of_others_are_not_there(
    application: Application,
    services: Services,
    client: httpx.AsyncClient,
    database: Database,
    org: str,
) -> None:
    hook = await pulled_webhook(client)
    await deliver(database, org, delivery(hook))
    [message] = await pull(client, hook)
    _, key = await services.identity.create_key(f"org-{new_ulid()}", name="stranger")
    registered = await created(client, "applications", display_name="Portal")
    portal = await calling_for(application, org, registered)

    async with http_client(application, key) as stranger, portal:
        for caller in (stranger, portal):
            for operation, body in (
                ("pull", {}),
                ("ack", {"ids": [message["id"]]}),
                ("nack", {"ids": [message["id"]]}),
                ("extend", {"ids": [message["id"]]}),
                ("dead", {}),
                ("redrive", {}),
            ):
                answer = await caller.post(
                    f"{CONFIGS}/{hook['id']}/messages/{operation}", json=body
                )
                refused(answer, 404, "WEBHOOK_NOT_FOUND")

    assert await said(client, hook, "ack", ids=[message["id"]]) == ["acknowledged"]


async def test_messages_that_nobody_fetches_end_as_dead_letters(
    client: httpx.AsyncClient, services: Services, database: Database, org: str
) -> None:
    hook = await pulled_webhook(client)
    entity = uuid4()
    first, second = await deliver(
        database, org, *(delivery(hook, entity_id=entity) for _ in range(2))
    )
    [message] = await pull(client, hook)
    assert message["event_id"] == first
    later = utc_now() + timedelta(days=15)
    [duty] = pulling_duties(patience=timedelta(days=14), clock=lambda: later)

    async with database.system() as tx:
        await duty.perform(tx)

    letters = (await asked(client, hook, "dead"))["data"]
    assert ids({"data": letters}) == [second, first]
    assert {each["error_code"] for each in letters} == {"NOT_PULLED"}
    [lost] = (await attempts(client, hook, first))["attempts"]
    assert lost["error_code"] == "LEASE_EXPIRED"
