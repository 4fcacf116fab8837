"""Connectors: their fields, their scope, and the secrets that they do not hold."""

from __future__ import annotations

import pytest
from domain_records import (
    DOMAIN,
    calling_for,
    changed,
    created,
    got,
    listed,
    patched,
    refused,
)

PLACE = f"{DOMAIN}/connectors"
NOWHERE = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
WHOLE = {
    "type": "ticketing",
    "provider": "jira",
    "name": "Tickets",
    "scope": "group",
    "owner_id": "usr-1",
    "group_id": "grp-1",
    "user_id": "usr-2",
    "config": {"baseUrl": "https://jira.example.com", "z": 1, "a": [0.1, 2**60], "k": None},
    "auth_type": "oauth2",
    "oauth_refresh_needed": True,
    "oauth_token_expires_at": "2026-02-01T08:00:00.123Z",
    "enabled": False,
    "sync_status": "degraded",
    "last_sync_at": "2026-01-31T08:00:00.000Z",
    "consecutive_errors": 3,
    "last_error": "Timeout",
    "metrics": {"totalSynced": 4711, "last24h": 12, "avgLatencyMs": 80.5},
    "event_types": ["ticket.created", "ticket.closed"],
    "credential_last_rotated_at": "2026-01-01T00:00:00.000Z",
    "next_rotation_due": "2026-07-01T00:00:00.000Z",
    "tags": ["support"],
}
DEFAULTS = {
    "scope": "org",
    "config": {},
    "oauth_refresh_needed": False,
    "enabled": True,
    "consecutive_errors": 0,
    "metrics": {},
    "event_types": [],
    "tags": [],
}
REFERENCES = ("vault_path", "webhook_endpoint_id", "application_id")


@pytest.fixture
async def references(client, org):
    """Values of the fields that name other things, which have to be there."""
    return {
        "vault_path": f"secret/data/tieline/{org}/connectors/jira",
        "webhook_endpoint_id": (await created(client, "webhooks"))["id"],
        "application_id": (await created(client, "applications"))["id"],
    }


async def test_every_field_is_stored_and_shown(client, references):
    sent = {**WHOLE, **references}
    record = await created(client, "connectors", **sent)

    assert {name: record[name] for name in sent} == sent
    assert await got(client, "connectors", record) == record
    assert list(record["config"]) == list(WHOLE["config"])


async def test_what_is_not_sent_has_a_default(client):
    record = await created(client, "connectors")

    assert {name: record[name] for name in WHOLE} == {name: DEFAULTS.get(name) for name in WHOLE}
    assert {name: record[name] for name in REFERENCES} == dict.fromkeys(REFERENCES)


@pytest.mark.parametrize("name", [*sorted(set(WHOLE) - {"group_id"}), *REFERENCES])
async def test_every_field_can_be_changed_and_cleared(client, references, name):
    value = {**WHOLE, **references}[name]
    record = await created(client, "connectors", group_id="grp-1")
    after = await changed(client, "connectors", record, **{name: value})
    cleared = await changed(client, "connectors", after, **{name: None})

    assert after[name] == value
    assert cleared[name] == DEFAULTS.get(name)
    others = {*WHOLE, *REFERENCES} - {name}
    assert {other: cleared[other] for other in others} == {other: record[other] for other in others}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        *[
            (name, "x" * 201, f"{name}: has too many characters")
            for name in (
                *("type", "provider", "name", "owner_id", "group_id", "user_id"),
                *("auth_type", "sync_status"),
            )
        ],
        ("scope", "team", "scope: must be"),
        ("config", "x", "config: must be an object"),
        ("config", [], "config: must be an object"),
        ("config", {"x": "y" * 64_000}, "config: has 64,"),
        ("config", {"a": {"b": "c\x00"}}, "config.a.b holds the character U+0000"),
        ("vault_path", "x" * 2_049, "vault_path: has too many"),
        ("oauth_refresh_needed", "true", "oauth_refresh_needed: must be true or false"),
        ("oauth_token_expires_at", "soon", "oauth_token_expires_at: 'soon' is no date"),
        ("enabled", 1, "enabled: must be true or false"),
        ("last_sync_at", 1767225600, "last_sync_at: must be a text"),
        ("last_sync_at", "9999-12-31T23:59:59-12:00", "last_sync_at: "),
        ("consecutive_errors", -1, "consecutive_errors: must be at least 0"),
        ("consecutive_errors", 1.5, "consecutive_errors: must be a whole number"),
        ("consecutive_errors", True, "consecutive_errors: must be a whole number"),
        ("consecutive_errors", 2**63, "consecutive_errors: must be at most"),
        ("last_error", "x" * 8_001, "last_error: has too many"),
        ("metrics", {"x": "y" * 64_000}, "metrics: has 64,"),
        ("event_types", [1], "event_types.0: must be a text"),
        ("event_types", ["x" * 201], "event_types.0: has too many"),
        ("event_types", ["x"] * 201, "event_types: has too many entries"),
        ("tags", {"a": 1}, "tags: must be a list"),
        ("webhook_endpoint_id", "whk_1", "webhook_endpoint_id: must be an id such as whk_"),
        ("webhook_endpoint_id", f"cnn_{NOWHERE}", "webhook_endpoint_id: must be an id"),
        ("webhook_endpoint_id", f"whk_{NOWHERE}", "webhook_endpoint_id: there is nothing"),
        ("application_id", 7, "application_id: must be an id such as app_"),
        ("application_id", f"app_{NOWHERE}", "application_id: there is nothing"),
        ("credential_last_rotated_at", "2026-02-30", "credential_last_rotated_at: "),
        ("next_rotation_due", "", "next_rotation_due: "),
    ],
)
async def test_a_wrong_value_is_refused_by_name(client, name, value, words):
    record = await created(client, "connectors")

    refused(await client.post(PLACE, json={name: value}), 400, "INVALID_REQUEST", words)
    answer = await patched(client, "connectors", record, **{name: value, "version": 1})
    refused(answer, 400, "INVALID_REQUEST", words)
    assert (await listed(client, "connectors"))["items"] == [record]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"scope": "org"},
        {"scope": "user", "user_id": "usr-1"},
        {"scope": "user", "owner_id": "usr-1"},
        {"scope": "group", "group_id": "grp-1"},
    ],
)
async def test_a_scope_has_what_it_needs(client, fields):
    await created(client, "connectors", **fields)


@pytest.mark.parametrize(
    ("scope", "field"), [("user", "user_id"), ("user", "owner_id"), ("group", "group_id")]
)
async def test_a_scope_without_what_it_needs_is_refused(client, scope, field):
    named = "user_id" if scope == "user" else "group_id"
    refused(await client.post(PLACE, json={"scope": scope}), 400, "INVALID_REQUEST", named)
    record = await created(client, "connectors", scope=scope, **{field: "x"})
    answer = await patched(client, "connectors", record, **{field: None, "version": 1})
    refused(answer, 400, "INVALID_REQUEST", named)


async def test_a_secret_in_the_configuration_is_refused(client):
    config = {"auth": {"password": "hunter2hunter2"}}
    answer = await client.post(PLACE, json={"config": config})

    refused(answer, 400, "SECRET_IN_CONFIGURATION", "config.auth.password", "{{env.key}}")
    assert "hunter2" not in answer.text
    record = await created(client, "connectors", config={"auth": {"password": "{{env.jira}}"}})
    answer = await patched(client, "connectors", record, config=config, version=1)
    refused(answer, 400, "SECRET_IN_CONFIGURATION", "config.auth.password")
    assert (await got(client, "connectors", record))["config"] == record["config"]


@pytest.mark.parametrize(
    "path",
    [
        "connectors/jira",
        "secret/data/tieline/somebody-else/connectors/jira",
        "secret/data/other/{org}/connectors/jira",
        "secret/data/tieline/{org}/../somebody-else/jira",
        "secret/data/tieline/{org}/",
        "secret/data/tieline/{org}/a//b",
        "",
    ],
)
async def test_a_path_outside_the_organisations_vault_is_refused(client, org, path):
    path = path.replace("{org}", org)

    refused(await client.post(PLACE, json={"vault_path": path}), 400, "INVALID_VAULT_PATH")
    assert (await listed(client, "connectors"))["total"] == 0


async def test_what_was_deleted_since_keeps_nobody_from_other_changes(client):
    webhook = await created(client, "webhooks")
    record = await created(client, "connectors", webhook_endpoint_id=webhook["id"])
    await client.delete(f"{DOMAIN}/webhooks/{webhook['id']}")

    after = await changed(client, "connectors", record, name="x")
    assert after["webhook_endpoint_id"] == webhook["id"]
    answer = await client.post(PLACE, json={"webhook_endpoint_id": webhook["id"]})
    refused(answer, 400, "INVALID_REQUEST", "webhook_endpoint_id")


async def test_what_belongs_to_others_cannot_be_named(application, client, services, org):
    from tests.conftest import http_client

    crm = await created(client, "applications", slug="crm")
    webhook = await created(client, "webhooks")
    _, key = await services.identity.create_key(f"{org}-other", name="other")
    async with (
        http_client(application, key) as stranger,
        await calling_for(application, org, crm) as as_crm,
    ):
        for caller in (stranger, as_crm):
            answer = await caller.post(PLACE, json={"webhook_endpoint_id": webhook["id"]})
            refused(answer, 400, "INVALID_REQUEST", "webhook_endpoint_id")
        answer = await stranger.post(PLACE, json={"application_id": crm["id"]})
        refused(answer, 400, "INVALID_REQUEST", "application_id")
        await created(as_crm, "connectors", application_id=crm["id"])


async def test_looking_at_where_credentials_are_is_noted(client, org):
    plain = await created(client, "connectors")
    path = f"secret/data/tieline/{org}/connectors/jira"
    record = await created(client, "connectors", vault_path=path)
    for each in (plain, record):
        await got(client, "connectors", each)
    await listed(client, "connectors")

    query = {"action": "secret_metadata.viewed"}
    log = (await client.get(f"{DOMAIN}/audit-log", params=query)).json()["items"]
    assert [entry["target"] for entry in log] == [
        {"type": "connector_credentials", "id": record["id"]}
    ] * 2
