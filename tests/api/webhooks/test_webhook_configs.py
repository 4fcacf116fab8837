"""Webhook configurations: their fields, and the webhook of the domain that each of them is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from webhook_configs import (
    CONFIGS,
    DOMAIN,
    LEAST,
    PLAIN,
    URL,
    got,
    in_domain,
    made,
    refused,
    replaced,
)

NOWHERE = "018f3b1c-2f4e-7c3a-9d51-3a5f0c6b7e21"
BASIC = {"authType": "BASIC", "basicAuthConfig": {"username": "erp", "password": PLAIN}}
CONDITION = {
    "field": "entity.amount",
    "operation": "greater_than",
    "values": ["100"],
    "field_type": "number",
    "is_array_field": False,
    "repeatable_item_op": False,
}
WHOLE: dict[str, Any] = {
    "name": "To the ERP",
    "eventName": "ContractCreated",
    "eventNames": ["ContractCreated", "ContractEnded"],
    "url": URL,
    "httpMethod": "PUT",
    "enabled": False,
    "auth": {
        "authType": "API_KEY",
        "apiKeyConfig": {
            "keyName": "X-API-Key",
            "keyValue": "{{env.erp}}",
            "keyValueIsSet": True,
            "keyValueIsEnvVar": True,
        },
    },
    "filter": {"keyToFilter": "entity.status", "supportedValues": ["active"]},
    "filterConditions": {"conditions": [CONDITION], "logical_operator": "OR"},
    "payloadConfiguration": {
        "hydrate_entity": True,
        "include_relations": True,
        "include_activity": False,
        "include_changed_attributes": True,
        "custom_headers": {"X-Tenant": "7"},
    },
    "jsonataExpression": '{"contract": entity.contract_number}',
    "enableStaticIP": True,
    "secureProxy": {"integration_id": NOWHERE, "use_case_slug": "contracts"},
    "protected": False,
    "_manifest": [NOWHERE],
    "retryPolicy": {"enabled": True, "maxAttempts": 3, "backoff": "exponential", "timeoutMs": 500},
    "signatureScheme": "hmac-sha256",
    "ordered": True,
    "maxConcurrency": 3,
    "rateLimitPerSecond": 2.5,
    "transport": "pull",
    "tags": ["erp"],
}
DEFAULTS: dict[str, Any] = {
    "eventNames": ["ContractCreated"],
    "httpMethod": "POST",
    "enabled": True,
    "auth": {"authType": "NONE"},
    "payloadConfiguration": {
        "hydrate_entity": False,
        "include_relations": False,
        "include_activity": False,
        "include_changed_attributes": False,
        "custom_headers": {},
    },
    "enableStaticIP": False,
    "protected": False,
    "retryPolicy": {
        "enabled": True,
        "maxAttempts": 9,
        "backoff": "exponential",
        "timeoutMs": 30_000,
    },
    "signatureScheme": "standard-webhooks",
    "ordered": False,
    "maxConcurrency": 10,
    "transport": "push",
    "tags": [],
}
KEPT = {  # by a PUT that leaves them out
    *("enabled", "protected", "auth", "retryPolicy", "signatureScheme", "ordered"),
    *("maxConcurrency", "rateLimitPerSecond", "transport", "tags", "eventNames"),
}
# Each field of this view, and the field of the domain that it is.
PAIRS = {
    "name": "name",
    "url": "url",
    "eventNames": "event_types",
    "httpMethod": "http_method",
    "enabled": "enabled",
    "auth": "auth",
    "filter": "filter",
    "filterConditions": "filter_conditions",
    "jsonataExpression": "jsonata_expression",
    "enableStaticIP": "enable_static_ip",
    "secureProxy": "secure_proxy",
    "protected": "protected",
    "_manifest": "manifest",
    "signatureScheme": "signature_scheme",
    "ordered": "ordered",
    "maxConcurrency": "max_concurrency",
    "rateLimitPerSecond": "rate_limit_per_second",
    "transport": "transport",
    "tags": "tags",
    "creationTime": "created_at",
    "updatedTime": "updated_at",
    "consecutiveFailures": "consecutive_failures",
    "version": "version",
}


async def test_every_field_is_stored_and_shown(client):
    config = await made(client, **WHOLE)

    assert {name: config[name] for name in WHOLE} == WHOLE
    after = await got(client, config)
    assert {name: after[name] for name in WHOLE} == WHOLE
    assert (await client.get(CONFIGS)).json() == [after]


async def test_what_is_not_sent_has_a_default_or_is_absent(client):
    answer = await client.post(CONFIGS, json=LEAST)
    config = answer.json()

    assert answer.status_code == 201
    assert {name: config[name] for name in DEFAULTS} == DEFAULTS
    for absent in {*WHOLE} - {*DEFAULTS, *LEAST}:
        assert absent not in config
    assert config["status"] == "incomplete"


async def test_what_is_written_here_shows_in_the_domain(client):
    config = await made(client, **WHOLE)
    record = await in_domain(client, config)

    assert {name: config[name] for name in PAIRS} == {
        name: record[other] for name, other in PAIRS.items()
    }
    assert record["headers"] == WHOLE["payloadConfiguration"]["custom_headers"]
    assert record["retry_policy"] == {"maxAttempts": 4, "backoff": "exponential", "timeoutMs": 500}
    assert {**record["payload_configuration"], "custom_headers": record["headers"]} == (
        WHOLE["payloadConfiguration"]
    )


async def test_what_is_written_in_the_domain_shows_here(client):
    sent = {
        "name": "Of the domain",
        "url": URL,
        "event_types": ["A", "B"],
        "headers": {"X-Tenant": "7"},
        "ordered": True,
        "retry_policy": {"maxAttempts": 1},
    }
    record = (await client.post(DOMAIN, json=sent)).json()
    [config] = (await client.get(CONFIGS)).json()

    assert (config["name"], config["eventName"], config["eventNames"]) == (
        "Of the domain",
        "A",
        ["A", "B"],
    )
    assert config["payloadConfiguration"]["custom_headers"] == {"X-Tenant": "7"}
    assert config["ordered"] is True
    assert config["retryPolicy"]["enabled"] is False
    by_other_id = await client.get(f"{CONFIGS}/{record['id']}")
    assert by_other_id.json() == config


async def test_a_webhook_that_others_call_is_none_of_this_view(client):
    record = (await client.post(DOMAIN, json={"direction": "inbound"})).json()

    assert (await client.get(CONFIGS)).json() == []
    for method, suffix in (
        ("GET", ""),
        ("PUT", ""),
        ("DELETE", ""),
        ("POST", "/rotate-secret"),
        ("POST", "/example"),
        ("POST", "/test-oauth"),
    ):
        answer = await client.request(
            method, f"{CONFIGS}/{record['id']}{suffix}", json=LEAST if method == "PUT" else {}
        )
        refused(answer, 404, "WEBHOOK_NOT_FOUND")


@pytest.mark.parametrize("config_id", [NOWHERE, "whk_01ARZ3NDEKTSV4RRFFQ69G5FAV", "7hj28a", "*"])
async def test_an_unknown_configuration_is_not_found(client, config_id):
    refused(await client.get(f"{CONFIGS}/{config_id}"), 404, "WEBHOOK_NOT_FOUND")
    answer = await client.put(f"{CONFIGS}/{config_id}", json=LEAST)
    refused(answer, 404, "WEBHOOK_NOT_FOUND")
    refused(await client.delete(f"{CONFIGS}/{config_id}"), 404, "WEBHOOK_NOT_FOUND")


@pytest.mark.parametrize("name", sorted({*WHOLE} - {*LEAST}))
async def test_a_put_replaces_and_keeps_what_other_clients_do_not_know(client, name):
    config = await made(client, **WHOLE)
    after = await replaced(client, config, url=URL)

    if name == "url":
        assert after[name] == URL
    elif name in KEPT:
        assert after[name] == WHOLE[name]
    else:
        assert after.get(name) == DEFAULTS.get(name)


async def test_an_answer_may_be_sent_back_as_it_is(client):
    config = await made(client, **WHOLE)
    before = await got(client, config)
    answer = await client.put(f"{CONFIGS}/{config['id']}", json=before)

    after = answer.json()
    changing = {"updatedTime", "version"}
    assert {k: v for k, v in after.items() if k not in changing} == {
        k: v for k, v in before.items() if k not in changing
    }
    assert after["version"] == before["version"] + 1


async def test_the_several_events_stay_for_whoever_knows_of_one(client):
    config = await made(client, eventNames=["ContractCreated", "ContractEnded"])
    kept = await replaced(client, config, url=URL)
    changed = await replaced(client, config, eventName="Other", url=URL)

    assert kept["eventNames"] == ["ContractCreated", "ContractEnded"]
    assert (changed["eventName"], changed["eventNames"]) == ("Other", ["Other"])


@pytest.mark.parametrize("sent", [{"eventName": "*"}, {"eventName": "*", "eventNames": []}])
async def test_all_events(client, sent):
    config = await made(client, **sent)

    assert (config["eventName"], config["eventNames"]) == ("*", [])
    assert (await in_domain(client, config))["event_types"] == []


async def test_configurations_are_found_by_their_event(client):
    one = await made(client, name="one", eventName="A")
    both = await made(client, name="both", eventName="B", eventNames=["A", "B"])
    every = await made(client, name="every", eventName="*")

    for event, expected in (("A", [one, both, every]), ("B", [both, every]), ("C", [every])):
        answer = await client.get(CONFIGS, params={"eventName": event})
        assert [each["id"] for each in answer.json()] == [each["id"] for each in expected]


async def test_an_event_is_listed_by_either_form_of_its_name(client):
    """Clients of the reference put `event_` before the names of the catalogue."""
    plain = await made(client, name="plain", eventName="A")
    prefixed = await made(client, name="prefixed", eventName="event_A")

    for name in ("A", "event_A"):
        answer = await client.get(CONFIGS, params={"eventName": name})
        assert [each["id"] for each in answer.json()] == [plain["id"], prefixed["id"]]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, "active"),
        ({"enabled": False}, "inactive"),
        ({"url": None}, "incomplete"),
        ({"url": None, "enabled": False}, "incomplete"),
        ({"url": None, "transport": "pull"}, "active"),
    ],
)
async def test_the_status_says_whether_anything_can_be_sent(client, fields, status):
    assert (await made(client, **fields))["status"] == status


@pytest.mark.parametrize(
    ("sent", "attempts"),
    [
        ({"enabled": False}, 1),
        ({"enabled": False, "maxAttempts": 3}, 1),
        ({"enabled": True, "maxAttempts": 3}, 4),
        ({"enabled": True}, 10),
    ],
)
async def test_retries_are_counted_after_the_first_attempt(client, sent, attempts):
    config = await made(client, retryPolicy=sent)

    assert (await in_domain(client, config))["retry_policy"]["maxAttempts"] == attempts


@pytest.mark.parametrize(
    ("name", "value", "code", "words"),
    [
        ("name", None, "INVALID_REQUEST", "name: must be a text"),
        ("name", "x" * 201, "INVALID_REQUEST", "name: has too many"),
        ("eventName", "", "INVALID_REQUEST", "eventName: has too few"),
        ("eventNames", ["Other"], "INVALID_REQUEST", "eventName: must be one of"),
        ("url", "ftp://e.com", "INVALID_WEBHOOK_URL", "url: must be absolute"),
        ("httpMethod", "TRACE", "INVALID_REQUEST", "httpMethod: must be"),
        ("enabled", "yes", "INVALID_REQUEST", "enabled: must be true or false"),
        ("auth", {"authType": "DIGEST"}, "INVALID_REQUEST", "auth.authType: must be"),
        ("auth", {"authType": "BASIC"}, "INVALID_REQUEST", "basicAuthConfig: is missing"),
        (
            "auth",
            {"authType": "OAUTH_CLIENT_CREDENTIALS", "oauthConfig": {"clientId": "x"}},
            "INVALID_REQUEST",
            "auth.oauthConfig.endpoint: is missing",
        ),
        ("filter", {"keyToFilter": "x"}, "INVALID_REQUEST", "filter.supportedValues: is missing"),
        ("filterConditions", {"conditions": [{}]}, "INVALID_REQUEST", "conditions.0.field: is mis"),
        (
            "filterConditions",
            {"conditions": [{"field": "x", "operation": "like"}]},
            "INVALID_REQUEST",
            "filterConditions.conditions.0.operation: must be",
        ),
        (
            "filterConditions",
            {"conditions": [{"field": "x", "operation": "equals"}]},
            "INVALID_REQUEST",
            "values: equals needs at least one",
        ),
        (
            "filterConditions",
            {"conditions": [{**CONDITION, "values": ["many"]}]},
            "INVALID_REQUEST",
            "values: 'many' is no number",
        ),
        (
            "filterConditions",
            {"conditions": [{**CONDITION, "field_type": "boolean"}]},
            "INVALID_REQUEST",
            "values: '100' is no boolean",
        ),
        (
            "filterConditions",
            {"conditions": [{**CONDITION, "field_type": "date", "values": ["soon"]}]},
            "INVALID_REQUEST",
            "values: 'soon' is no date",
        ),
        (
            "filterConditions",
            {"conditions": [CONDITION] * 11},
            "INVALID_REQUEST",
            "filterConditions.conditions: has too many entries: 10",
        ),
        ("filterConditions", {"logical_operator": "XOR"}, "INVALID_REQUEST", "logical_operator"),
        (
            "payloadConfiguration",
            {"custom_headers": {"Host": "x"}},
            "INVALID_WEBHOOK_HEADER",
            "payloadConfiguration.custom_headers.Host: is set by",
        ),
        (
            "payloadConfiguration",
            {"custom_headers": {"Authorization": "x"}},
            "INVALID_WEBHOOK_HEADER",
            "payloadConfiguration.custom_headers.Authorization: is for auth",
        ),
        (
            "payloadConfiguration",
            {"apply_changesets": True},
            "INVALID_REQUEST",
            "payloadConfiguration.apply_changesets: is not known",
        ),
        ("jsonataExpression", "{", "INVALID_WEBHOOK_EXPRESSION", "jsonataExpression: "),
        ("jsonataExpression", "x" * 70_000, "INVALID_WEBHOOK_EXPRESSION", "jsonataExpression: "),
        ("secureProxy", {"integration_id": "x"}, "INVALID_REQUEST", "secureProxy.integration_id"),
        ("_manifest", ["x"], "INVALID_REQUEST", "_manifest.0: must match"),
        ("retryPolicy", {}, "INVALID_REQUEST", "retryPolicy.enabled: is missing"),
        (
            "retryPolicy",
            {"enabled": True, "maxAttempts": 25},
            "INVALID_REQUEST",
            "retryPolicy.maxAttempts: must be at most 24",
        ),
        ("signatureScheme", "md5", "INVALID_REQUEST", "signatureScheme: must be"),
        ("maxConcurrency", 0, "INVALID_REQUEST", "maxConcurrency: must be at least 1"),
        ("rateLimitPerSecond", 0, "INVALID_REQUEST", "rateLimitPerSecond: must be more"),
        ("transport", "mail", "INVALID_REQUEST", "transport: must be"),
        ("deliveryMode", "binary_multipart", "INVALID_REQUEST", "deliveryMode: is not known"),
        ("tags", ["a\x00b"], "INVALID_REQUEST", "tags[0] holds the character U+0000"),
    ],
)
async def test_a_wrong_value_is_refused_by_name(client, name, value, code, words):
    config = await made(client)
    del config["signingSecret"]
    body = {**LEAST, "url": URL, name: value}

    refused(await client.post(CONFIGS, json=body), 400, code, words)
    refused(await client.put(f"{CONFIGS}/{config['id']}", json=body), 400, code, words)
    assert (await client.get(CONFIGS)).json() == [config]


async def test_half_a_character_is_refused(client):
    body = b'{"name": "\\ud800", "eventName": "A"}'
    headers = {"content-type": "application/json"}

    answer = await client.post(CONFIGS, content=body, headers=headers)
    refused(answer, 400, "INVALID_REQUEST")
    assert (await client.get(CONFIGS)).json() == []


async def test_a_header_cannot_be_said_twice(client):
    sent = {
        "auth": {"authType": "API_KEY", "apiKeyConfig": {"keyName": "X-Tenant"}},
        "payloadConfiguration": {"custom_headers": {"x-tenant": "7"}},
    }

    answer = await client.post(CONFIGS, json={**LEAST, **sent})
    refused(answer, 400, "INVALID_WEBHOOK_HEADER", "custom_headers.x-tenant: is set by auth")


async def test_a_stale_version_is_refused(client):
    config = await made(client)
    await replaced(client, config, url=URL)

    answer = await client.put(f"{CONFIGS}/{config['id']}", json={**LEAST, "version": 1})
    refused(answer, 409, "VERSION_CONFLICT")


async def test_of_changes_at_the_same_moment_each_is_made(client):
    config = await made(client)
    await asyncio.gather(*(replaced(client, config, name=f"{n}") for n in range(4)))

    assert (await got(client, config))["version"] == 5


async def test_a_protected_webhook_changes_only_on_purpose(client):
    config = await made(client, protected=True)
    place = f"{CONFIGS}/{config['id']}"
    record = await in_domain(client, config)
    domain = f"{DOMAIN}/{record['id']}"

    for answer in (
        await client.put(place, json=LEAST),
        await client.put(place, json={**LEAST, "protected": True}),
        await client.delete(place),
        await client.patch(domain, json={"version": 1, "name": "x"}),
        await client.delete(domain),
    ):
        refused(answer, 403, "WEBHOOK_PROTECTED")
    assert (await got(client, config))["version"] == 1

    after = await replaced(client, config, protected=False, name="Another")
    assert (after["protected"], after["name"]) == (False, "Another")
    assert (await client.delete(place)).status_code == 204


async def test_a_deleted_configuration_is_gone_in_both_views(client):
    config = await made(client)

    assert (await client.delete(f"{CONFIGS}/{config['id']}")).status_code == 204
    assert (await client.get(CONFIGS)).json() == []
    assert (await client.get(DOMAIN)).json()["items"] == []
    refused(await client.delete(f"{CONFIGS}/{config['id']}"), 404, "WEBHOOK_NOT_FOUND")


async def test_a_repeated_request_makes_one_configuration(client):
    headers = {"idempotency-key": "one"}
    first, second = [await client.post(CONFIGS, json=LEAST, headers=headers) for _ in range(2)]

    assert second.headers["idempotent-replayed"] == "true"
    assert second.json() == {**first.json(), "signingSecret": None}
    assert len((await client.get(CONFIGS)).json()) == 1
