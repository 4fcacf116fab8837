"""Trying a webhook: the events there are, an example of a message, sending one, a token."""

from __future__ import annotations

import base64

import pytest
import standardwebhooks
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from tests.components.http_protocol import Reply
from webhook_configs import CONFIGS, LEAST, PLAIN, made, refused, replaced

KEY_PLACE = "/webhooks/v1/webhooks/.well-known/public-key"
ENTITY = "018f3b1c-2f4e-7c3a-9d51-3a5f0c6b7e99"


def message(org, **more):
    return {"metadata": {"organization_id": org, "action": "Trying"}, "answer": 42, **more}


async def triggered(client, config, body, **options):
    place = f"{CONFIGS}/{config['id']}/trigger"
    return await client.post(place, json=body, **options)


async def test_a_message_arrives_signed_and_the_answer_is_told(client, org, sink):
    url = sink.answer("/hooks", Reply.of({"seen": True}, 202))
    config = await made(client, url=url)
    answer = await triggered(client, config, message(org), params={"sync": "true"})

    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["status"], told["status_code"], told["body"]) == (
        "succeeded",
        "202",
        {"seen": True},
    )
    assert told["start_date"] <= told["end_date"]
    [request] = sink.received("/hooks")
    sent = request.json()
    assert sent["answer"] == 42
    assert sent["metadata"]["action"] == "Trying"
    assert sent["metadata"]["webhook_id"] == config["id"]
    headers = dict(request.headers)
    standardwebhooks.Webhook(config["signingSecret"]).verify(request.body, headers)
    shown = (await client.get(KEY_PLACE, params={"orgId": org})).json()
    public = load_pem_public_key(shown["public_key"].encode())
    signature = headers["webhook-signature"].split(" ")[0].removeprefix("v1a,")
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    public.verify(base64.b64decode(signature), signed)


async def test_without_sync_the_message_goes_out_afterwards(client, org, sink):
    config = await made(client, url=sink.at("/hooks"))
    answer = await triggered(client, config, message(org))

    assert answer.status_code == 200
    assert answer.json()["event_id"]
    [request] = await sink.wait_for(1, "/hooks")
    assert request.json()["answer"] == 42


async def test_the_expression_makes_the_body(client, org, sink):
    config = await made(client, url=sink.at("/hooks"), jsonataExpression='{"half": answer / 2}')
    await triggered(client, config, message(org), params={"sync": "true"})

    [request] = sink.received("/hooks")
    assert request.body == b'{"half":21}'


async def test_conditions_hold_for_a_message_by_hand_too(client, org, sink):
    conditions = {"conditions": [{"field": "answer", "operation": "equals", "values": ["43"]}]}
    config = await made(client, url=sink.at("/hooks"), filterConditions=conditions)
    answer = await triggered(client, config, message(org), params={"sync": "true"})

    assert "status" not in answer.json()
    assert "answer equals" in answer.json()["message"]
    assert sink.received("/hooks") == []


async def test_auth_and_headers_go_along(client, org, sink):
    config = await made(
        client,
        url=sink.at("/hooks"),
        auth={"authType": "BASIC", "basicAuthConfig": {"username": "erp", "password": PLAIN}},
        payloadConfiguration={"custom_headers": {"X-Tenant": "7"}},
    )
    await triggered(client, config, message(org), params={"sync": "true"})
    await replaced(
        client,
        config,
        url=sink.at("/hooks"),
        auth={"authType": "API_KEY", "apiKeyConfig": {"keyName": "X-Key", "keyValue": PLAIN}},
    )
    await triggered(client, config, message(org), params={"sync": "true"})

    first, second = sink.received("/hooks")
    expected = base64.b64encode(f"erp:{PLAIN}".encode()).decode()
    assert first.header("authorization") == f"Basic {expected}"
    assert first.header("x-tenant") == "7"
    assert second.header("authorization") is None
    assert second.header("x-key") == PLAIN


async def test_a_repeated_request_sends_once(client, org, sink):
    config = await made(client, url=sink.at("/hooks"))
    first, second = [
        await triggered(
            client,
            config,
            message(org),
            params={"sync": "true"},
            headers={"idempotency-key": "one"},
        )
        for _ in range(2)
    ]

    assert first.json()["event_id"] == second.json()["event_id"]
    assert len(sink.received("/hooks")) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"metadata": None}, "metadata: must be an object"),
        ({"metadata": {}}, "metadata.organization_id: is missing"),
        ({"metadata": {"organization_id": "another"}}, "metadata.organization_id: is not"),
        ({"metadata": {"organization_id": 7}}, "metadata.organization_id: must be a text"),
        ({"answer": "\x00"}, "holds the character U+0000"),
    ],
)
async def test_a_message_that_cannot_be_sent_is_refused(client, org, sink, change, words):
    config = await made(client, url=sink.at("/hooks"))
    answer = await triggered(client, config, {**message(org), **change})

    refused(answer, 400, "INVALID_REQUEST", words)
    assert sink.received("/hooks") == []


async def test_an_unknown_webhook_cannot_be_called(client, org):
    refused(await triggered(client, {"id": ENTITY}, message(org)), 404, "WEBHOOK_NOT_FOUND")


async def test_all_events_that_can_happen_are_named(client):
    place = "/webhooks/v1/webhooks/configured-events"
    before = (await client.get(place)).json()
    await client.patch("/event-catalog/v1/events/EntityUpdated", json={"enabled": False})
    after = (await client.get(place)).json()

    assert {"EntityCreated", "EntityUpdated", "MeterReadingAdded"} <= {
        each["eventName"] for each in before
    }
    assert all(each["eventLabel"] for each in before)
    assert {each["eventName"] for each in before} - {each["eventName"] for each in after} == {
        "EntityUpdated"
    }


async def test_an_example_has_what_messages_have(client, org):
    everything = {
        "hydrate_entity": True,
        "include_relations": True,
        "include_activity": True,
        "include_changed_attributes": True,
    }
    plain = await made(client, eventName="EntityUpdated")
    rich = await made(client, eventName="EntityUpdated", payloadConfiguration=everything)
    unknown = await made(client, eventName="OfAnotherSystem")

    shown = [
        (await client.post(f"{CONFIGS}/{each['id']}/example", json={})).json()
        for each in (plain, rich, unknown)
    ]
    for each, config in zip(shown, (plain, rich, unknown), strict=True):
        assert each["metadata"]["organization_id"] == org
        assert each["metadata"]["webhook_id"] == config["id"]
        assert each["entity"]["_org"] == org
    assert not {"relations", "activity", "changed_attributes"} & set(shown[0])
    assert shown[0]["_event_name"] == "EntityUpdated"
    assert shown[1]["relations"][0]["_id"]
    assert shown[1]["activity"]["type"] == "EntityUpdated"
    assert set(shown[1]["changed_attributes"]) == {"added", "updated", "deleted"}
    assert shown[2]["metadata"]["event_name"] == "OfAnotherSystem"


@pytest.mark.parametrize(
    ("event", "action", "schema"),
    [
        ("EntityCreated", "createEntity", "contact"),
        ("TariffChange", "updateEntity", "contract"),
        ("EntityDeleted", "softDeleteEntity", "contact"),
        ("MeterReadingAdded", "createEntity", "meter"),
    ],
)
async def test_an_example_tells_of_what_makes_its_event_happen(client, event, action, schema):
    config = await made(
        client,
        eventName=event,
        payloadConfiguration={"include_activity": True, "include_changed_attributes": True},
    )
    shown = (await client.post(f"{CONFIGS}/{config['id']}/example", json={})).json()

    assert shown["metadata"]["action"] == action
    assert shown["entity"]["_schema"] == schema
    assert shown["metadata"]["origin"] == shown["_event_source"]
    if "trigger_entity" in shown:
        assert shown["activity"]["type"] == shown["activity_type"]
        assert set(shown["changed_attributes"]) == {"added", "updated", "deleted"}
    else:  # a reading
        assert shown["_event_source"] == "metering"
        assert shown["activity"] is None
        assert "changed_attributes" not in shown


async def test_an_example_for_an_automation_names_it(client):
    config = await made(client)
    place = f"{CONFIGS}/{config['id']}/example"
    shown = (await client.post(place, json={"automation_id": "auto-7"})).json()

    assert shown["metadata"]["automation_name"] == "auto-7"
    assert (await client.post(place)).status_code == 200
    refused(await client.post(place, json={"x": 1}), 400, "INVALID_REQUEST", "x: is not known")


async def test_every_built_in_event_has_an_example(client):
    entries = (await client.get("/webhooks/v1/webhooks/configured-events")).json()
    for entry in entries:
        config = await made(client, eventName=entry["eventName"])
        answer = await client.post(f"{CONFIGS}/{config['id']}/example", json={})
        assert answer.status_code == 200, answer.text
        assert answer.json()["_event_name"] == entry["eventName"]


async def test_a_token_can_be_tried(client, token_server):
    auth = {
        "authType": "OAUTH_CLIENT_CREDENTIALS",
        "oauthConfig": {
            "clientId": "tieline",
            "clientSecret": token_server.clients["tieline"],
            "endpoint": token_server.url,
            "httpMethod": "POST",
        },
    }
    config = await made(client, auth=auth)
    place = f"{CONFIGS}/{config['id']}/test-oauth"
    first, second = [await client.post(place) for _ in range(2)]

    assert first.json() == second.json()
    assert first.json()["success"] is True
    assert first.json()["token_type"] == "Bearer"
    assert first.json()["expires_in"] == 3600
    assert len(token_server.issued) == 2  # each time a new one
    assert token_server.issued[0].token not in first.text
    token_server.clients["tieline"] = "another-secret"
    refused(await client.post(place), 502, "OAUTH2_TOKEN_FAILURE")


async def test_a_webhook_without_tokens_has_none_to_try(client):
    config = await made(client)

    refused(await client.post(f"{CONFIGS}/{config['id']}/test-oauth"), 400, "WEBHOOK_WITHOUT_OAUTH")


@pytest.mark.parametrize(("fields", "listens"), [({}, True), ({"enabled": False}, False)])
async def test_a_webhook_that_is_enabled_has_changes_looked_at(
    client, database, org, fields, listens
):
    await client.post(CONFIGS, json={**LEAST, **fields})
    async with database.organisation(org) as tx:
        found = await tx.fetchval(
            "SELECT EXISTS (SELECT FROM change_listeners WHERE org_id = $1 "
            "AND consumer = 'catalogue')"
        )

    assert found is listens
