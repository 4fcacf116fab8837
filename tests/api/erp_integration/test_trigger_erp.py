"""Automations that call webhooks."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.api.erp_integration.outbound_making import ERP, eventually, new_entity, new_webhook
from tests.components.http_protocol import Reply
from tests.components.sink import Sink

from tieline.kit import json
from tieline.kit.ids import new_ulid

Found = dict[str, Any]
NOBODYS = "019f0000-0000-7000-8000-00000000000"  # the last digit is missing
TRIGGER = f"{ERP}/erp/trigger"


async def activity_of(client: httpx.AsyncClient, entity: Found) -> str:
    answer = await client.get(f"/entity/v1/entity/contract/{entity['_id']}/activity")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["results"][0]["_id"])


async def step(client: httpx.AsyncClient, org: str, webhook: Found, **different: Any) -> Found:
    """The body of a call about a new entity."""
    entity = await new_entity(client, number="C-1")
    usual = {
        "execution_id": "exe-1",
        "org_id": org,
        "webhook_id": webhook["id"],
        "flow_id": "flow-1",
        "created_at": "2026-01-31T08:00:00Z",
        "action_id": "act-1",
        "flow_action_id": "flow-act-1",
        "flow_name": "Tell SAP",
        "activity_id": await activity_of(client, entity),
        "entity_id": entity["_id"],
    }
    return {**usual, **different}


async def test_an_entity_is_sent_and_the_answer_comes_back(
    client: httpx.AsyncClient, org: str, sink: Sink
) -> None:
    sink.answer("/sap", Reply.of({"stored": True}, status=201))
    options = {"include_activity": True, "include_changed_attributes": True}
    webhook = await new_webhook(client, sink.at("/sap"), payloadConfiguration=options)
    body = await step(client, org, webhook)

    answer = await client.post(TRIGGER, json=body)

    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["status"], found["status_code"]) == ("succeeded", "201")
    assert found["body"] == {"stored": True}
    assert found["start_date"] <= found["end_date"]
    [request] = sink.received("/sap")
    message = json.loads(request.body)
    assert message["entity"]["number"] == "C-1"
    assert message["activity"]["_id"] == body["activity_id"]
    assert "changed_attributes" not in message, "nothing has changed just now"
    metadata = message["metadata"]
    assert metadata["automation_name"] == "Tell SAP"
    assert metadata["execution_id"] == "exe-1"
    assert metadata["action_id"] == "act-1"
    assert metadata["webhook_id"] == webhook["id"]
    assert metadata["organization_id"] == org
    assert metadata["creation_timestamp"] == "2026-01-31T08:00:00.000Z"


async def test_the_webhook_has_its_conditions_and_its_expression(
    client: httpx.AsyncClient, org: str, sink: Sink
) -> None:
    condition = {"field": "entity.number", "operation": "equals", "values": ["C-1"]}
    webhook = await new_webhook(
        client,
        sink.at("/sap"),
        jsonataExpression="{'n': entity.number}",
        filterConditions={"conditions": [condition]},
    )
    body = await step(client, org, webhook)
    other = await new_entity(client, number="C-2")

    assert (await client.post(TRIGGER, json=body)).json()["status"] == "succeeded"
    skipped = (await client.post(TRIGGER, json={**body, "entity_id": other["_id"]})).json()

    assert [request.body for request in sink.requests] == [b'{"n":"C-1"}']
    assert skipped["code"] == "CONDITIONS_NOT_MET"
    assert "status" not in skipped
    assert skipped["message"].startswith("Nothing was sent. The condition")


async def test_a_request_that_fails_is_told_and_repeated(
    client: httpx.AsyncClient, org: str, sink: Sink
) -> None:
    sink.answer("/sap", Reply(500, b"broken"), Reply(200))
    webhook = await new_webhook(client, sink.at("/sap"))

    answer = await client.post(TRIGGER, json=await step(client, org, webhook))

    found = answer.json()
    assert (answer.status_code, found["status"], found["status_code"]) == (200, "failed", "500")
    assert found["body"] == {"text": "broken"}
    assert "It is sent again at " in found["message"]
    first, second = await sink.wait_for(2, "/sap", seconds=30)
    assert first.header("webhook-id") == second.header("webhook-id")
    assert first.body == second.body


async def test_an_expression_that_fails_is_told(
    client: httpx.AsyncClient, org: str, sink: Sink
) -> None:
    webhook = await new_webhook(client, sink.at("/sap"), jsonataExpression="$error('no')")

    found = (await client.post(TRIGGER, json=await step(client, org, webhook))).json()

    assert (found["status"], found["code"]) == ("failed", "MAPPING_EXPRESSION_FAILED")
    assert found["message"].startswith('Webhook "To SAP": ')
    assert sink.requests == []


async def test_with_a_key_it_is_sent_once(client: httpx.AsyncClient, org: str, sink: Sink) -> None:
    webhook = await new_webhook(client, sink.at("/sap"))
    body = await step(client, org, webhook)
    headers = {"idempotency-key": new_ulid()}

    first = await client.post(TRIGGER, json=body, headers=headers)
    second = await client.post(TRIGGER, json=body, headers=headers)

    assert first.status_code == 200, first.text
    assert first.json() == second.json()
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert len(sink.requests) == 1


@pytest.mark.parametrize(
    "field",
    [
        *("execution_id", "org_id", "webhook_id", "flow_id", "created_at", "action_id"),
        *("flow_action_id", "flow_name", "activity_id", "entity_id"),
    ],
)
async def test_every_field_is_required(
    client: httpx.AsyncClient, org: str, sink: Sink, field: str
) -> None:
    webhook = await new_webhook(client, sink.at("/sap"))
    body = await step(client, org, webhook)
    del body[field]

    answer = await client.post(TRIGGER, json=body)

    assert answer.status_code == 400
    assert field in answer.json()["message"]


@pytest.mark.parametrize(
    ("field", "value", "status", "code"),
    [
        ("org_id", "another", 403, "FORBIDDEN"),
        ("webhook_id", "no-id", 400, "INVALID_REQUEST"),
        ("webhook_id", f"{NOBODYS}1", 404, "WEBHOOK_NOT_FOUND"),
        ("entity_id", "no-id", 400, "INVALID_REQUEST"),
        ("entity_id", f"{NOBODYS}2", 404, "ENTITY_NOT_FOUND"),
        ("activity_id", "no-id", 400, "INVALID_ENTITY"),
        ("activity_id", "01JQ00000000000000000000ZZ", 404, "ACTIVITY_NOT_FOUND"),
        ("created_at", "yesterday", 400, "INVALID_REQUEST"),
        ("flow_name", "a\x00b", 400, "UNSTORABLE_VALUE"),
        ("flow_name", 7, 400, "INVALID_REQUEST"),
    ],
)
async def test_what_cannot_be_used_is_refused(
    client: httpx.AsyncClient,
    org: str,
    sink: Sink,
    field: str,
    value: object,
    status: int,
    code: str,
) -> None:
    webhook = await new_webhook(client, sink.at("/sap"))
    body = await step(client, org, webhook, **{field: value})

    answer = await client.post(TRIGGER, json=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert field in answer.json()["message"] or code == "WEBHOOK_NOT_FOUND"
    assert sink.requests == []


async def test_a_call_stands_in_the_log_of_its_webhook(
    client: httpx.AsyncClient, org: str, sink: Sink
) -> None:
    webhook = await new_webhook(client, sink.at("/sap"))
    found = (await client.post(TRIGGER, json=await step(client, org, webhook))).json()

    async def logged() -> Any:
        path = f"/webhooks/v1/webhooks/configs/{webhook['id']}/events/{found['event_id']}"
        return (await client.get(path)).json()

    entry = await eventually(logged, lambda each: each.get("status") == "succeeded")
    assert entry["event_name"] == "automation_flow_target"
    assert entry["metadata"]["flow_id"] == "flow-1"
