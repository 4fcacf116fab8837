"""The secrets of webhook configurations: shown once or never, kept, cleared and replaced."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from tests.conftest import http_client
from webhook_configs import CONFIGS, DOMAIN, LEAST, PLAIN, got, in_domain, made, refused, replaced

KINDS = {
    "BASIC": ("basicAuthConfig", "password", {"username": "erp"}),
    "API_KEY": ("apiKeyConfig", "keyValue", {"keyName": "X-API-Key"}),
    "OAUTH_CLIENT_CREDENTIALS": (
        "oauthConfig",
        "clientSecret",
        {"clientId": "a", "endpoint": "https://login.example.com/token", "httpMethod": "POST"},
    ),
}


def auth(kind, **secret):
    section, name, open_part = KINDS[kind]
    return {"authType": kind, section: {**open_part, **({name: secret["s"]} if secret else {})}}


def part(config, kind):
    return config["auth"][KINDS[kind][0]]


@pytest.fixture
def kept(services, org):
    """What the secret store has for the receiver of a webhook."""

    async def read(record):
        async with services.database.organisation(org) as tx:
            return await services.secrets.read(tx, f"webhooks/{record['id']}/auth")

    return read


@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_a_secret_never_comes_back(client, database, org, kind, kept):
    config = await made(client, auth=auth(kind, s=PLAIN))
    record = await in_domain(client, config)
    name = KINDS[kind][1]
    answers = [
        await client.get(CONFIGS),
        await client.get(f"{CONFIGS}/{config['id']}"),
        await client.get(DOMAIN),
        await client.get("/api/v1/integration/audit-log"),
    ]

    assert PLAIN not in str(config)
    assert all(PLAIN not in answer.text for answer in answers)
    assert part(config, kind) == {**KINDS[kind][2], f"{name}IsSet": True, f"{name}IsEnvVar": False}
    assert await kept(record) == {"secret": PLAIN}
    async with database.organisation(org) as tx:
        rows = await tx.fetch("SELECT w::text AS row FROM webhooks w WHERE org_id = $1")
    assert all(PLAIN not in row["row"] for row in rows)


@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_left_out_it_stays_and_null_removes_it(client, kind, kept):
    config = await made(client, auth=auth(kind, s=PLAIN))
    record = await in_domain(client, config)
    name = KINDS[kind][1]

    await replaced(client, config, auth=auth(kind))
    await replaced(client, config)
    await client.patch(
        f"{DOMAIN}/{record['id']}", json={"version": 3, "auth": auth(kind), "name": "x"}
    )
    assert await kept(record) == {"secret": PLAIN}
    new = await replaced(client, config, auth=auth(kind, s=f"{PLAIN}-new"))
    assert await kept(record) == {"secret": f"{PLAIN}-new"}
    assert part(new, kind)[f"{name}IsSet"] is True
    after = await replaced(client, config, auth=auth(kind, s=None))
    assert await kept(record) is None
    assert part(after, kind) == {**KINDS[kind][2], f"{name}IsSet": False}


@pytest.mark.parametrize("other", [{"authType": "NONE"}, None, "another kind"])
async def test_another_kind_of_auth_forgets_the_secret(client, kept, other):
    config = await made(client, auth=auth("BASIC", s=PLAIN))
    record = await in_domain(client, config)
    await replaced(client, config, auth=auth("API_KEY") if other == "another kind" else other)

    assert await kept(record) is None


async def test_a_reference_is_shown_and_not_stored_as_a_secret(client, kept):
    config = await made(client, auth=auth("BASIC", s="{{ env.erp }}"))

    assert part(config, "BASIC")["password"] == "{{ env.erp }}"
    assert await kept(await in_domain(client, config)) is None


async def test_deleting_forgets_the_secret(client, kept):
    config = await made(client, auth=auth("BASIC", s=PLAIN))
    record = await in_domain(client, config)
    await client.delete(f"{CONFIGS}/{config['id']}")

    assert await kept(record) is None


async def test_a_refused_change_changes_no_secret(client, kept):
    config = await made(client, auth=auth("BASIC", s=PLAIN))
    body = {**LEAST, "auth": auth("BASIC", s=f"{PLAIN}-new"), "url": "nowhere"}
    refused(await client.put(f"{CONFIGS}/{config['id']}", json=body), 400, "INVALID_WEBHOOK_URL")

    assert await kept(await in_domain(client, config)) == {"secret": PLAIN}


async def test_a_refusal_repeats_no_secret(client):
    body = {**LEAST, "auth": {**auth("BASIC", s=PLAIN), "apiKeyConfig": {"keyName": "X"}}}
    answer = await client.post(CONFIGS, json=body)

    refused(answer, 400, "INVALID_REQUEST", "apiKeyConfig: belongs to the authType API_KEY")
    assert PLAIN not in answer.text


async def test_the_signing_secret_is_shown_at_creation_and_rotation_only(client):
    config = await made(client)
    place = f"{CONFIGS}/{config['id']}"
    answer = await client.post(f"{place}/rotate-secret")
    rotated = answer.json()["signingSecret"]

    assert config["signingSecret"].startswith("whsec_")
    assert rotated.startswith("whsec_")
    assert rotated != config["signingSecret"]
    assert answer.headers["cache-control"] == "no-store"
    assert "signingSecret" not in await got(client, config)
    assert "signingSecret" not in await replaced(client, config)
    beginning = await replaced(
        client, await made(client, signatureScheme="none"), signatureScheme="standard-webhooks"
    )
    assert beginning["signingSecret"].startswith("whsec_")


async def test_looking_at_a_configuration_is_noted_and_using_it_is_not(client):
    config = await made(client)
    await replaced(client, config)
    await client.post(f"{CONFIGS}/{config['id']}/rotate-secret")
    query = {"action": "secret_metadata.viewed"}
    place = "/api/v1/integration/audit-log"
    before = (await client.get(place, params=query)).json()["items"]
    await got(client, config)
    after = (await client.get(place, params=query)).json()["items"]

    assert (len(before), len(after)) == (0, 1)


async def test_anybody_may_read_the_public_key(application, client, org):
    async with http_client(application, None) as anybody:
        first, second = [
            await anybody.get("/webhooks/v1/webhooks/.well-known/public-key", params={"orgId": org})
            for _ in range(2)
        ]

    assert first.status_code == 200
    assert first.json() == second.json()
    assert first.json()["algorithm"] == "ed25519"
    assert first.json()["issuer"]
    assert isinstance(load_pem_public_key(first.json()["public_key"].encode()), Ed25519PublicKey)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"orgId": "org-that-nobody-has"}, 404, "ORGANISATION_NOT_FOUND"),
        ({"orgId": "~tieline"}, 400, "INVALID_ORGANISATION"),
        ({"orgId": ""}, 400, "INVALID_ORGANISATION"),
        ({"orgId": "a\x00b"}, 400, "INVALID_REQUEST"),
        ({}, 400, "INVALID_REQUEST"),
    ],
)
async def test_there_is_no_key_for_nobody(application, query, status, code):
    async with http_client(application, None) as anybody:
        answer = await anybody.get("/webhooks/v1/webhooks/.well-known/public-key", params=query)

    refused(answer, status, code)
