"""Webhooks and their deliveries, as the published SDK deals with them."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from contract_delivery import EVENT, a_contact, checked, happen, metadata, webhook
from contract_sdk import Sdk
from tests.components.http_protocol import Reply
from tests.components.oauth_server import TokenServer
from tests.components.sink import Sink
from tests.leaks import Leaks

from tieline.kit import json

_MOST_SECONDS = 30.0

Make = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True, scope="module")
def _watched(leaks: Leaks) -> None:
    leaks.watch(["swordfish-4711", "key-of-the-erp-4711", "client-secret-4711"])


@pytest.fixture
def make(sdk: Sdk, sink: Sink) -> Iterator[Make]:
    """Creates webhooks to the test's sink, which are gone after the test."""
    made = []

    def create(**more: Any) -> dict[str, Any]:
        body = webhook(sink.at("/hook"), **more)
        created: dict[str, Any] = sdk.webhooks("createConfig", None, body, expect=201).data
        made.append(created["id"])
        return created

    yield create
    for each in made:
        sdk.webhooks("deleteConfig", {"configId": each}, expect=204)


def place(config: dict[str, Any]) -> dict[str, str]:
    return {"configId": config["id"]}


def ended(sdk: Sdk, config: dict[str, Any], count: int = 1) -> list[dict[str, Any]]:
    """The deliveries of a webhook, newest first, once so many have ended."""
    until = time.monotonic() + _MOST_SECONDS
    while True:
        found = sdk.webhooks("getWebhookEventsV2", place(config), {}).data["data"]
        done = [event for event in found if event["status"] != "in_progress"]
        if len(done) >= count:
            return done
        assert time.monotonic() < until, found


# --- configurations


def test_a_webhook_is_created_read_changed_and_deleted(sdk: Sdk, sink: Sink, make: Make) -> None:
    created = make(filter={"keyToFilter": "entity.status", "supportedValues": ["active"]})
    shown = sdk.webhooks("getConfig", place(created)).data

    assert created["signingSecret"].startswith("whsec_")
    assert shown == {name: value for name, value in created.items() if name != "signingSecret"}
    assert shown in sdk.webhooks("getConfigs").data
    assert shown in sdk.webhooks("getConfigs", {"eventName": EVENT}).data
    assert shown not in sdk.webhooks("getConfigs", {"eventName": "FileCreated"}).data

    body = webhook(sink.at("/other"), enabled=False, httpMethod="PUT")
    changed = sdk.webhooks("updateConfig", place(created), body).data
    assert (changed["status"], changed["httpMethod"]) == ("inactive", "PUT")
    assert "filter" not in changed
    assert sdk.webhooks("getConfig", place(created)).data["url"] == sink.at("/other")


def test_a_deleted_webhook_is_gone(sdk: Sdk, sink: Sink) -> None:
    created = sdk.webhooks("createConfig", None, webhook(sink.url), expect=201).data
    sdk.webhooks("deleteConfig", place(created), expect=204)

    sdk.webhooks("getConfig", place(created), expect=404)
    sdk.webhooks("deleteConfig", place(created), expect=404)
    sdk.webhooks("updateConfig", place(created), webhook(""), expect=404, undocumented=True)


def test_all_options_are_kept(sdk: Sdk, make: Make) -> None:
    conditions = {
        "logical_operator": "OR",
        "conditions": [
            {"field": "entity.amount", "operation": "greater_than", "values": ["10"],
             "field_type": "number", "is_array_field": False, "repeatable_item_op": False},
            {"field": "entity.tags", "operation": "is_empty", "values": []},
        ],
    }  # fmt: skip
    options = {
        "hydrate_entity": True,
        "include_relations": True,
        "include_activity": True,
        "include_changed_attributes": True,
        "custom_headers": {"X-Tenant": "4711"},
    }

    created = make(
        filterConditions=conditions,
        payloadConfiguration=options,
        jsonataExpression='{"id": entity._id}',
        protected=False,
        enableStaticIP=False,
    )

    shown = sdk.webhooks("getConfig", place(created)).data
    assert shown["payloadConfiguration"] == options
    assert shown["jsonataExpression"] == '{"id": entity._id}'
    assert shown["filterConditions"]["logical_operator"] == "OR"
    [first, second] = shown["filterConditions"]["conditions"]
    assert (first["values"], first["field_type"], second["operation"]) == (
        *(["10"], "number", "is_empty"),
    )


def test_the_configured_events_are_those_of_the_catalogue(sdk: Sdk) -> None:
    entries = sdk.webhooks("getConfiguredEvents").data

    catalogue = sdk.event_catalog("listEvents").data["results"]
    active = {event["event_name"] for event in catalogue if event["event_status"] == "active"}
    assert active <= {entry["eventName"] for entry in entries}
    assert all(entry["eventLabel"] for entry in entries)


def test_the_public_key_is_published_without_a_key(sdk: Sdk) -> None:
    key = sdk.webhooks("getPublicKey", {"orgId": "default"}, token=None).data

    assert key["algorithm"] == "ed25519"
    assert key["public_key"].startswith("-----BEGIN PUBLIC KEY-----")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": None}, "name"),
        ({"url": "ftp://x"}, "url"),
        ({"url": "http://user:pass@erp.example"}, "url"),
        ({"httpMethod": "FETCH"}, "httpMethod"),
        ({"jsonataExpression": "1 + "}, "jsonataExpression"),
        ({"auth": {"authType": "MAGIC"}}, "auth"),
        ({"auth": {"authType": "BASIC"}}, "basicAuthConfig"),
        ({"filterConditions": {"conditions": [{"field": "a", "operation": "like"}]}}, "operation"),
        ({"payloadConfiguration": {"custom_headers": {"Host": "x"}}}, "Host"),
    ],
)
def test_what_cannot_be_configured_is_refused_by_the_name_of_its_field(
    sdk: Sdk, wrong: dict[str, Any], field: str
) -> None:
    body = webhook("https://erp.example/hook") | wrong
    refusal = sdk.webhooks("createConfig", None, body, expect=400).data
    assert field in refusal["message"]


def test_an_unknown_webhook_is_not_found(sdk: Sdk) -> None:
    nowhere = {"configId": str(uuid4())}
    event = {**nowhere, "eventId": str(uuid4())}
    for operation, where, body in (
        ("getConfig", nowhere, None),
        ("getWehookEvents", nowhere, None),
        ("getEventById", event, None),
        ("replayEvent", event, None),
        ("batchReplayEvents", nowhere, {"eventIds": [str(uuid4())]}),
        ("getWebhookExample", nowhere, {}),
    ):
        sdk.webhooks(operation, where, body, expect=404)
    sdk.webhooks("getWebhookEventsV2", nowhere, {}, expect=404, undocumented=True)
    sdk.webhooks("triggerWebhook", nowhere, metadata(), expect=404, undocumented=True)


def test_without_a_key_nothing_is_answered(sdk: Sdk) -> None:
    sdk.webhooks("getConfigs", token=None, expect=401, undocumented=True)
    sdk.webhooks("createConfig", None, webhook(""), token=None, expect=401)


# --- deliveries


def test_an_event_is_delivered_signed_and_logged(sdk: Sdk, sink: Sink, make: Make) -> None:
    config = make(payloadConfiguration={"custom_headers": {"X-Tenant": "4711"}})
    contact = a_contact(sdk, customer_number="K-1")
    event_id = happen(sdk, contact)

    [request] = sink.wait(1, "/hook")

    body = request.json()
    assert (request.method, request.header("x-tenant")) == ("POST", "4711")
    assert request.header("x-webhook-attempt") == "1"
    assert checked(sdk, config["signingSecret"], request).schemes == ("v1a", "v1")
    assert (body["_event_id"], body["contact"]["_id"]) == (event_id, contact["_id"])
    assert body["entity"]["_id"] == contact["_id"]
    assert body["metadata"]["webhook_id"] == config["id"]
    [logged] = ended(sdk, config)
    assert (logged["status"], logged["event_name"]) == ("succeeded", EVENT)
    assert logged["http_response"]["status_code"] == 200
    assert json.loads(logged["payload"]) == body
    where = {**place(config), "eventId": logged["event_id"]}
    assert sdk.webhooks("getEventById", where).data == logged


def test_a_call_by_hand_tells_what_came_of_it(sdk: Sdk, sink: Sink, make: Make) -> None:
    config = make(jsonataExpression='{"n": n + 1, "action": metadata.action}')
    sink.answer("/hook", Reply.of({"got": True}, 201), Reply.of({"why": "no"}, 422))

    def call() -> Any:
        return sdk.webhooks("triggerWebhook", {**place(config), "sync": True}, metadata()).data

    good, bad = call(), call()

    assert [json.loads(request.body) for request in sink.received("/hook")] == [
        {"n": 2, "action": "by hand"}
    ] * 2
    assert (good["status"], good["status_code"]) == ("succeeded", "201")
    assert good["body"] == {"got": True}
    assert (bad["status"], bad["status_code"]) == ("failed", "422")
    assert good["start_date"] <= good["end_date"]


def test_a_call_by_hand_need_not_wait(sdk: Sdk, sink: Sink, make: Make) -> None:
    config = make()
    answer = sdk.webhooks("triggerWebhook", place(config), metadata()).data

    [request] = sink.wait(1, "/hook")
    assert request.json()["n"] == 1
    assert [event["event_id"] for event in ended(sdk, config)] == [answer["event_id"]]


def test_unmet_conditions_skip_a_delivery(sdk: Sdk, sink: Sink, make: Make) -> None:
    condition = {"field": "entity.first_name", "operation": "equals", "values": ["Otto"]}
    config = make(filterConditions={"conditions": [condition]})
    happen(sdk, a_contact(sdk))

    [skipped] = ended(sdk, config)

    assert skipped["status"] == "skipped"
    page = sdk.webhooks("getWebhookEventsV2", place(config), {"status": "skipped"}).data
    assert (len(page["data"]), page["has_more"], page["next_cursor"]) == (1, False, None)
    assert sink.received("/hook") == []


def test_a_replay_sends_the_identical_bytes(sdk: Sdk, sink: Sink, make: Make) -> None:
    config = make()
    happen(sdk, a_contact(sdk))
    [original] = sink.wait(1, "/hook")
    [logged] = ended(sdk, config)

    where = {**place(config), "eventId": logged["event_id"]}
    sdk.webhooks("replayEvent", where, expect=204)
    batch = {"eventIds": [logged["event_id"]]}
    replayed = sdk.webhooks("batchReplayEvents", place(config), batch, expect=202).data

    requests = sink.wait(3, "/hook")
    assert replayed["replayed_event_ids"] == [logged["event_id"]]
    assert {request.body for request in requests} == {original.body}
    assert {r.header("webhook-id") for r in requests} == {original.header("webhook-id")}
    assert len({event["event_id"] for event in ended(sdk, config, 3)}) == 3
    unknown = {"eventIds": [str(uuid4())]}
    sdk.webhooks("batchReplayEvents", place(config), unknown, expect=404)
    sdk.webhooks("batchReplayEvents", place(config), {"eventIds": []}, expect=400)


def test_the_log_is_paged_in_both_versions(sdk: Sdk, sink: Sink, make: Make) -> None:
    config = make()
    contact = a_contact(sdk)
    for _ in range(3):
        happen(sdk, contact)
    ids = [event["event_id"] for event in ended(sdk, config, 3)]

    found = []
    query: dict[str, Any] = {"limit": 2, "status": "succeeded"}
    for _ in range(2):
        page = sdk.webhooks("getWebhookEventsV2", place(config), query).data
        found += [event["event_id"] for event in page["data"]]
        query["cursor"] = page["next_cursor"]
    assert found == ids
    assert page["has_more"] is False

    first = sdk.webhooks("getWehookEvents", {**place(config), "status": "succeeded"}).data
    assert [event["event_id"] for event in first["data"]] == ids
    assert "cursor" not in first
    failed = sdk.webhooks("getWehookEvents", {**place(config), "status": "failed"}).data
    assert failed["data"] == []


def test_an_older_page_of_version_1_follows_its_cursor(sdk: Sdk, sink: Sink, make: Make) -> None:
    config = make()
    contact = a_contact(sdk)
    for _ in range(26):
        happen(sdk, contact)
    sink.wait(26, "/hook")

    first = sdk.webhooks("getWehookEvents", place(config)).data
    second = sdk.webhooks("getWehookEvents", {**place(config), "cursor": first["cursor"]}).data

    assert (len(first["data"]), len(second["data"])) == (25, 1)


def test_a_failed_attempt_shows_while_the_next_one_waits(sdk: Sdk, sink: Sink, make: Make) -> None:
    config = make()
    sink.answer("/hook", Reply(503, headers={"retry-after": "3600"}))
    happen(sdk, a_contact(sdk))
    sink.wait(1, "/hook")

    query = {**place(config), "status": "in_progress"}
    until = time.monotonic() + _MOST_SECONDS
    while True:  # what the receiver answered is on record a moment later
        [waiting] = sdk.webhooks("getWehookEvents", query).data["data"]
        if (waiting.get("http_response") or {}).get("status_code") == 503:
            return
        assert time.monotonic() < until, waiting


def test_the_example_is_one_of_the_webhooks_event(sdk: Sdk, make: Make) -> None:
    config = make(payloadConfiguration={"include_relations": True})

    example = sdk.webhooks("getWebhookExample", place(config), {}).data

    assert example["metadata"]["organization_id"] == "default"
    assert example["_event_name"] == EVENT
    assert "entity" in example
    assert isinstance(example["relations"], list)


# --- who calls


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        (
            {
                "authType": "BASIC",
                "basicAuthConfig": {"username": "tieline", "password": "swordfish-4711"},
            },
            "authorization",
            f"Basic {base64.b64encode(b'tieline:swordfish-4711').decode()}",
        ),
        (
            {
                "authType": "API_KEY",
                "apiKeyConfig": {"keyName": "X-Api-Key", "keyValue": "key-of-the-erp-4711"},
            },
            "x-api-key",
            "key-of-the-erp-4711",
        ),
        ({"authType": "NONE"}, "authorization", None),
    ],
)
def test_the_receiver_is_told_who_calls(
    sdk: Sdk, sink: Sink, make: Make, auth: dict[str, Any], header: str, value: str | None
) -> None:
    config = make(auth=auth)
    sdk.webhooks("triggerWebhook", {**place(config), "sync": True}, metadata())

    [request] = sink.received("/hook")
    assert request.header(header) == value
    shown = json.dumps_str(sdk.webhooks("getConfig", place(config)).data)
    assert "swordfish" not in shown
    assert "key-of-the-erp" not in shown


def test_a_token_is_asked_for_once(
    sdk: Sdk, sink: Sink, make: Make, token_server: TokenServer, leaks: Leaks
) -> None:
    config = make(
        auth={
            "authType": "OAUTH_CLIENT_CREDENTIALS",
            "oauthConfig": {
                "clientId": "tieline",
                "clientSecret": "client-secret-4711",
                "endpoint": token_server.url,
                "httpMethod": "POST",
                "customParameterList": [{"type": "body", "key": "resource", "value": "erp"}],
            },
        }
    )
    for _ in range(2):
        sdk.webhooks("triggerWebhook", {**place(config), "sync": True}, metadata())

    [issued] = token_server.issued
    leaks.watch([issued.token])
    assert issued.parameters["resource"] == "erp"
    assert [request.header("authorization") for request in sink.received("/hook")] == [
        f"Bearer {issued.token}"
    ] * 2
    shown = json.dumps_str(sdk.webhooks("getConfig", place(config)).data)
    assert "client-secret-4711" not in shown
