"""Deliveries from the queue to a real sink and into the log."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.components.http_protocol import Fault, Received, Reply
from tests.components.sink import Sink
from tests.integration.deliveries.delivering import (
    BODY,
    attempts,
    deliver,
    deliveries,
    nothing_waits,
    state,
    until,
    waiting,
    webhook,
)
from tests.leaks import Leaks

from tieline.http.services import Services
from tieline.kit import json
from tieline.secrets.material import HIDDEN

IMPATIENT = {"maxAttempts": 2, "delaysSeconds": [0.01]}


async def test_a_delivery_arrives_and_its_attempt_is_on_record(
    services: Services, org: str, sink: Sink
) -> None:
    hook = await webhook(services, org, sink.at("/hook"))

    [delivery_id] = await deliver(services.database, hook)

    [request] = await sink.wait_for(1)
    assert request.body == BODY
    await nothing_waits(services.database, org)
    [(logged_id, logged)] = (await deliveries(services.database, org)).items()
    assert logged_id == delivery_id
    assert (logged["state"], logged["status_code"], logged["attempts"]) == ("succeeded", 200, 1)
    [attempt] = await attempts(services.database, org)
    assert (attempt["number"], attempt["outcome"], attempt["status_code"]) == (1, "succeeded", 200)
    assert attempt["url"] == sink.at("/hook")
    assert attempt["address"] == "127.0.0.1"
    assert 0 < attempt["milliseconds"] < 10_000
    assert attempt["response_body"] == b'{"ok":true}'
    assert attempt["response_bytes"] == 11
    assert json.loads(attempt["response_headers"])["content-type"] == "application/json"
    sent = json.loads(attempt["request_headers"])
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature", "x-webhook-attempt"):
        assert sent[name] == request.header(name)
    assert request.header("webhook-id") == logged["message_id"]


async def test_a_retry_sends_identical_bytes_under_the_same_id_with_a_new_number(
    services: Services, org: str, sink: Sink
) -> None:
    url = sink.answer("/hook", Reply(500, b"not now"), Reply(204))
    hook = await webhook(services, org, url, retry_policy=IMPATIENT)

    await deliver(services.database, hook)

    first, second = await sink.wait_for(2)
    await nothing_waits(services.database, org)
    assert first.body == second.body == BODY
    assert first.header("webhook-id") == second.header("webhook-id")
    assert [each.header("x-webhook-attempt") for each in (first, second)] == ["1", "2"]
    failed, succeeded = await attempts(services.database, org)
    assert (failed["outcome"], failed["error_code"]) == ("failed", "HTTP_500")
    assert failed["response_body"] == b"not now"
    assert succeeded["outcome"] == "succeeded"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(302, headers={"location": "http://169.254.169.254/"}), "HTTP_302"),
        (Reply(404), "HTTP_404"),
        (Reply(fault=Fault.HANG), "EGRESS_TIMEOUT"),
        (Reply(fault=Fault.DROP), "EGRESS_UNREACHABLE"),
        (Reply(fault=Fault.GARBAGE), "EGRESS_BROKEN_RESPONSE"),
        (Reply(200, b"a", fault=Fault.TRUNCATE), "EGRESS_BROKEN_RESPONSE"),
    ],
)
async def test_what_is_no_success_ends_as_a_dead_letter_with_code_and_reason(
    services: Services, org: str, sink: Sink, reply: Reply, code: str
) -> None:
    policy = {**IMPATIENT, "timeoutMs": 500}
    hook = await webhook(services, org, sink.answer("/hook", reply), retry_policy=policy)

    await deliver(services.database, hook)

    await nothing_waits(services.database, org)
    [logged] = (await deliveries(services.database, org)).values()
    assert (logged["state"], logged["error_code"], logged["attempts"]) == ("failed", code, 2)
    assert logged["reason"].startswith("Given up after 2 attempts. The last one: ")
    recorded = await attempts(services.database, org)
    assert [each["error_code"] for each in recorded] == [code, code]
    assert {each["url"] for each in recorded} == {hook.url}
    numbers = [json.loads(each["request_headers"])["x-webhook-attempt"] for each in recorded]
    assert numbers == ["1", "2"]
    assert len(sink.received("/hook")) == 2
    assert (await state(services.database, hook))["consecutive_failures"] == 2


async def test_retry_after_is_honoured(services: Services, org: str, sink: Sink) -> None:
    url = sink.answer("/hook", Reply(503, headers={"retry-after": "3600"}))
    hook = await webhook(services, org, url, retry_policy=IMPATIENT)
    await deliver(services.database, hook)

    async def scheduled() -> Any:
        [row] = await waiting(services.database, org)
        return row["lease"] is None and row["attempt"] == 1 and row

    await until(scheduled)
    [attempt] = await attempts(services.database, org)
    wait = (await scheduled())["due_at"] - attempt["started_at"]
    assert timedelta(hours=1) <= wait <= timedelta(hours=1.2)


async def test_a_receiver_that_echoes_secrets_does_not_bring_them_into_the_log(
    services: Services, org: str, sink: Sink, leaks: Leaks
) -> None:
    secret = "echoed-Secret-4711-of-the-erp"
    leaks.watch([secret])

    def echo(request: Received) -> Reply:
        text = request.header("x-erp-pass") or ""
        headers = {"x-echo": text, "set-cookie": f"session={text}"}
        return Reply(200, f"You sent {text}.".encode(), headers)

    hook = await webhook(
        services,
        org,
        sink.answer("/hook", echo),
        auth={
            "authType": "API_KEY",
            "apiKeyConfig": {"keyName": "x-erp-pass", "keyValue": secret},
        },
    )
    await deliver(services.database, hook)

    await nothing_waits(services.database, org)
    assert sink.received("/hook")[0].header("x-erp-pass") == secret
    [attempt] = await attempts(services.database, org)
    assert attempt["response_body"] == f"You sent {HIDDEN}.".encode()
    assert json.loads(attempt["response_headers"])["x-echo"] == HIDDEN
    assert json.loads(attempt["request_headers"])["x-erp-pass"] == HIDDEN
    assert secret not in str(attempt)


async def test_a_missing_variable_fails_the_attempt_and_blames_no_endpoint(
    services: Services, org: str, sink: Sink
) -> None:
    hook = await webhook(
        services,
        org,
        sink.at("/hook"),
        headers={"x-tenant": "{{env.no_such_variable}}"},
        retry_policy=IMPATIENT,
    )
    await deliver(services.database, hook)

    await nothing_waits(services.database, org)
    [logged] = (await deliveries(services.database, org)).values()
    assert logged["state"] == "failed"
    assert "no_such_variable" in logged["reason"]
    standing = await state(services.database, hook)
    assert (standing["circuit_failures"], standing["consecutive_failures"]) == (0, 2)
    assert not sink.requests


async def test_the_record_of_the_webhook_shows_how_it_fares(
    services: Services, org: str, sink: Sink
) -> None:
    url = sink.answer("/hook", Reply(400), Reply(200))
    hook = await webhook(services, org, url, retry_policy=IMPATIENT, max_concurrency=1)

    async def shows(status: str, failures: int) -> bool:
        async with services.database.reading(org) as tx:
            row = await tx.fetchrow(
                "SELECT last_delivery_at, last_delivery_status, consecutive_failures, version "
                "FROM webhooks WHERE org_id = $1 AND id = $2",
                hook.id,
            )
        assert row is not None
        assert row["version"] == hook.version
        return (row["last_delivery_status"], row["consecutive_failures"]) == (status, failures)

    await deliver(services.database, hook)
    await nothing_waits(services.database, org)
    await until(lambda: shows("succeeded", 0))


@pytest.mark.parametrize(
    ("reply", "kept"),
    [
        (Reply(200, b"x" * 1_500_000), 0),
        (Reply(200, b"x" * 5_000, fault=Fault.ENDLESS_BODY), 4_096),
    ],
)
async def test_a_receiver_that_says_too_much_has_still_taken_the_message(
    services: Services, org: str, sink: Sink, reply: Reply, kept: int
) -> None:
    sink.answer("/hook", reply)
    hook = await webhook(services, org, sink.at("/hook"), retry_policy=IMPATIENT)

    await deliver(services.database, hook)
    await nothing_waits(services.database, org)

    [attempt] = await attempts(services.database, org)
    assert (attempt["outcome"], attempt["status_code"]) == ("succeeded", 200)
    assert len(attempt["response_body"]) == kept
