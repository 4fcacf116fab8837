"""Webhooks: their fields, where they may point, and their signing secrets."""

from __future__ import annotations

import hashlib

import pytest
from domain_records import (
    DOMAIN,
    calling_for,
    changed,
    created,
    got,
    ids,
    listed,
    patched,
    refused,
)

PLACE = f"{DOMAIN}/webhooks"
NOWHERE = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
POLICY = {"maxAttempts": 3, "backoff": "exponential", "timeoutMs": 5_000}
WHOLE = {
    "name": "To the ERP",
    "direction": "inbound",
    "url": "https://erp.example.com/hooks",
    "event_types": ["rfp.created", "rfp.status_changed"],
    "signature_scheme": "hmac-sha256",
    "headers": {"X-Tenant": "7", "X-Auth-Token": "Bearer {{env.erp-token}}"},
    "enabled": False,
    "is_active": False,
    "retry_policy": POLICY,
    "paused_at": "2026-01-31T08:00:00.000Z",
    "tags": ["erp"],
    "http_method": "PUT",
    "auth": {
        "authType": "BASIC",
        "basicAuthConfig": {
            "username": "erp",
            "password": "{{env.erp-password}}",
            "passwordIsSet": True,
            "passwordIsEnvVar": True,
        },
    },
    "filter": {"keyToFilter": "entity.status", "supportedValues": ["active", "ended"]},
    "filter_conditions": {
        "conditions": [
            {
                "field": "entity.amount",
                "operation": "greater_than",
                "values": ["100"],
                "field_type": "number",
                "is_array_field": False,
                "repeatable_item_op": False,
            }
        ],
        "logical_operator": "OR",
    },
    "jsonata_expression": '{"contract": entity.contract_number}',
    "payload_configuration": {
        "hydrate_entity": True,
        "include_relations": True,
        "include_activity": True,
        "include_changed_attributes": True,
    },
    "ordered": True,
    "max_concurrency": 3,
    "rate_limit_per_second": 2.5,
    "transport": "pull",
    "enable_static_ip": True,
    "secure_proxy": {
        "integration_id": "123e4567-e89b-12d3-a456-426614174000",
        "use_case_slug": "contracts",
    },
    "manifest": ["123e4567-e89b-12d3-a456-426614174000"],
}
DEFAULTS = {
    "direction": "outbound",
    "event_types": [],
    "signature_scheme": "standard-webhooks",
    "headers": {},
    "enabled": True,
    "is_active": True,
    "retry_policy": {"maxAttempts": 10, "backoff": "exponential", "timeoutMs": 30_000},
    "tags": [],
    "http_method": "POST",
    "auth": {"authType": "NONE"},
    "payload_configuration": {
        "hydrate_entity": False,
        "include_relations": False,
        "include_activity": False,
        "include_changed_attributes": False,
    },
    "ordered": False,
    "max_concurrency": 10,
    "transport": "push",
    "enable_static_ip": False,
    "manifest": [],
}


def sha256(secret):
    return hashlib.sha256(secret.encode()).hexdigest()


@pytest.fixture
async def references(client):
    """Values of the fields that name other records, which have to be there."""
    return {
        "connector_id": (await created(client, "connectors"))["id"],
        "application_id": (await created(client, "applications"))["id"],
    }


async def test_every_field_is_stored_and_shown(client, references):
    sent = {**WHOLE, **references}
    record = await created(client, "webhooks", **sent)

    assert {name: record[name] for name in sent} == sent
    assert {name: (await got(client, "webhooks", record))[name] for name in sent} == sent


async def test_what_is_not_sent_has_a_default(client):
    record = await created(client, "webhooks")

    assert {name: record[name] for name in WHOLE} == {name: DEFAULTS.get(name) for name in WHOLE}
    for name in ("last_delivery_at", "last_delivery_status", "connector_id", "application_id"):
        assert record[name] is None
    assert record["consecutive_failures"] == 0


@pytest.mark.parametrize("name", [*sorted(WHOLE), "connector_id", "application_id"])
async def test_every_field_can_be_changed_and_cleared(client, references, name):
    value = {**WHOLE, **references}[name]
    record = await created(client, "webhooks")
    after = await changed(client, "webhooks", record, **{name: value})
    cleared = await changed(client, "webhooks", after, **{name: None})

    assert after[name] == value
    assert cleared[name] == DEFAULTS.get(name)
    others = {*WHOLE, *references} - {name, "enabled", "is_active"}
    assert {other: cleared[other] for other in others} == {other: record[other] for other in others}


@pytest.mark.parametrize(
    ("name", "value", "code", "words"),
    [
        ("name", "x" * 201, "INVALID_REQUEST", "name: has too many"),
        ("direction", "both", "INVALID_REQUEST", "direction: must be"),
        ("url", 7, "INVALID_REQUEST", "url: must be a text"),
        ("url", f"https://e.com/{'x' * 2_048}", "INVALID_REQUEST", "url: has too many"),
        ("url", "", "INVALID_WEBHOOK_URL", "url: must be absolute"),
        ("url", "ftp://e.com", "INVALID_WEBHOOK_URL", "url: must be absolute"),
        ("url", "https://a:b@e.com", "INVALID_WEBHOOK_URL", "url: holds credentials"),
        ("url", "https://e.com/#x", "INVALID_WEBHOOK_URL", "url: has a fragment"),
        ("event_types", "all", "INVALID_REQUEST", "event_types: must be a list"),
        ("event_types", [""], "INVALID_REQUEST", "event_types.0: has too few"),
        ("signature_scheme", "md5", "INVALID_REQUEST", "signature_scheme: must be"),
        ("headers", [], "INVALID_REQUEST", "headers: must be an object"),
        ("headers", {"X": 1}, "INVALID_REQUEST", "headers.X: must be a text"),
        ("headers", {f"X-{n}": "" for n in range(51)}, "INVALID_REQUEST", "headers: has too many"),
        ("headers", {"Host": "x"}, "INVALID_WEBHOOK_HEADER", "headers.Host: is set by"),
        ("headers", {"webhook-id": "x"}, "INVALID_WEBHOOK_HEADER", "headers.webhook-id: is set"),
        ("headers", {"X-Api-Key": "k"}, "INVALID_WEBHOOK_HEADER", "headers.X-Api-Key: carries"),
        ("headers", {"X": "a\nb"}, "INVALID_WEBHOOK_HEADER", "headers.X: has characters"),
        ("enabled", "yes", "INVALID_REQUEST", "enabled: must be true or false"),
        ("is_active", 0, "INVALID_REQUEST", "is_active: must be true or false"),
        ("retry_policy", 3, "INVALID_REQUEST", "retry_policy: must be an object"),
        ("retry_policy", {"maxAttempts": 0}, "INVALID_REQUEST", "retry_policy.maxAttempts: must"),
        ("retry_policy", {"maxAttempts": 26}, "INVALID_REQUEST", "retry_policy.maxAttempts: must"),
        ("retry_policy", {"maxAttempts": 2.5}, "INVALID_REQUEST", "retry_policy.maxAttempts: must"),
        ("retry_policy", {"backoff": "linear"}, "INVALID_REQUEST", "retry_policy.backoff: must"),
        ("retry_policy", {"timeoutMs": 99}, "INVALID_REQUEST", "retry_policy.timeoutMs: must"),
        ("retry_policy", {"timeoutMs": 120_001}, "INVALID_REQUEST", "retry_policy.timeoutMs: must"),
        ("retry_policy", {"jitter": 1}, "INVALID_REQUEST", "retry_policy.jitter: is not known"),
        ("paused_at", "now", "INVALID_REQUEST", "paused_at: 'now' is no date"),
        ("connector_id", "cnn_1", "INVALID_REQUEST", "connector_id: must be an id such as cnn_"),
        ("connector_id", f"cnn_{NOWHERE}", "INVALID_REQUEST", "connector_id: there is nothing"),
        ("application_id", f"app_{NOWHERE}", "INVALID_REQUEST", "application_id: there is nothing"),
        ("tags", [None], "INVALID_REQUEST", "tags.0: must be a text"),
        ("http_method", "TRACE", "INVALID_REQUEST", "http_method: must be"),
        ("jsonata_expression", "{", "INVALID_WEBHOOK_EXPRESSION", "jsonata_expression: "),
        ("jsonata_expression", 7, "INVALID_REQUEST", "jsonata_expression: must be a text"),
        ("ordered", 1, "INVALID_REQUEST", "ordered: must be true or false"),
        ("max_concurrency", 0, "INVALID_REQUEST", "max_concurrency: must be at least 1"),
        ("max_concurrency", 101, "INVALID_REQUEST", "max_concurrency: must be at most 100"),
        ("rate_limit_per_second", 0, "INVALID_REQUEST", "rate_limit_per_second: must be more"),
        ("rate_limit_per_second", True, "INVALID_REQUEST", "rate_limit_per_second: must be a num"),
        ("rate_limit_per_second", 10**400, "INVALID_REQUEST", "rate_limit_per_second: must be"),
        ("transport", "mail", "INVALID_REQUEST", "transport: must be"),
        ("manifest", ["x"], "INVALID_REQUEST", "manifest.0: must match"),
        ("secure_proxy", {}, "INVALID_REQUEST", "secure_proxy.integration_id: is missing"),
        ("payload_configuration", {"x": 1}, "INVALID_REQUEST", "payload_configuration.x: is not"),
        ("filter", {"keyToFilter": "x"}, "INVALID_REQUEST", "filter.supportedValues: is missing"),
        ("vault_path", "webhooks/mine", "INVALID_VAULT_PATH", "vault_path"),
    ],
)
async def test_a_wrong_value_is_refused_by_name(client, name, value, code, words):
    record = await created(client, "webhooks", signature_scheme="none")
    del record["signing_secret"]

    refused(await client.post(PLACE, json={name: value}), 400, code, words)
    answer = await patched(client, "webhooks", record, **{name: value, "version": 1})
    refused(answer, 400, code, words)
    assert (await listed(client, "webhooks"))["items"] == [record]


async def test_what_a_retry_policy_leaves_out_has_its_default(client):
    record = await created(client, "webhooks", retry_policy={"maxAttempts": 1})

    assert record["retry_policy"] == {**DEFAULTS["retry_policy"], "maxAttempts": 1}


@pytest.mark.parametrize("name", ["enabled", "is_active"])
async def test_both_names_of_the_switch_agree(client, name):
    record = await created(client, "webhooks", **{name: False})
    after = await changed(client, "webhooks", record, **{name: True})

    assert record["enabled"] is record["is_active"] is False
    assert after["enabled"] is after["is_active"] is True


async def test_a_switch_that_contradicts_itself_is_refused(client):
    record = await created(client, "webhooks")
    both = {"enabled": True, "is_active": False}

    refused(await client.post(PLACE, json=both), 400, "INVALID_REQUEST", "is_active")
    answer = await patched(client, "webhooks", record, **both, version=1)
    refused(answer, 400, "INVALID_REQUEST", "is_active")


async def test_what_deliveries_write_is_ignored_when_sent(client):
    sent = {
        "last_delivery_at": "2026-01-01T00:00:00Z",
        "last_delivery_status": "success",
        "consecutive_failures": 7,
        "secret_fingerprint": "x",
    }
    record = await created(client, "webhooks", **sent)
    after = await changed(client, "webhooks", record, **sent)

    for shown in (record, after):
        assert shown["last_delivery_at"] is shown["last_delivery_status"] is None
        assert shown["consecutive_failures"] == 0
        assert shown["secret_fingerprint"] == sha256(record["signing_secret"])


async def test_resuming_begins_to_count_failures_anew(client, database, org):
    record = await created(client, "webhooks", paused_at="2026-01-31T08:00:00Z")
    async with database.organisation(org) as tx:
        await tx.execute("UPDATE webhooks SET consecutive_failures = 20 WHERE org_id = $1")
    kept_waiting = await changed(client, "webhooks", record, name="x")
    resumed = await changed(client, "webhooks", kept_waiting, paused_at=None)

    assert (kept_waiting["paused_at"], kept_waiting["consecutive_failures"]) == (
        "2026-01-31T08:00:00.000Z",
        20,
    )
    assert (resumed["paused_at"], resumed["consecutive_failures"]) == (None, 0)


async def test_what_belongs_to_others_cannot_be_named(application, client, org):
    crm = await created(client, "applications", slug="crm")
    connector = await created(client, "connectors")
    async with await calling_for(application, org, crm) as as_crm:
        answer = await as_crm.post(PLACE, json={"connector_id": connector["id"]})
        refused(answer, 400, "INVALID_REQUEST", "connector_id")
        own = await created(as_crm, "connectors")
        record = await created(as_crm, "webhooks", connector_id=own["id"])
        refused(await client.post(f"{PLACE}/whk_{NOWHERE}/rotate-secret"), 404, "WEBHOOK_NOT_FOUND")
        assert await ids(as_crm, "webhooks") == [record["id"]]
