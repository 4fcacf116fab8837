"""Access tokens: the same keys, as signed texts that others can check."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from tests.conftest import http_client

from tieline.app import Application
from tieline.http.services import Services
from tieline.identity.access_tokens.claims import Claims, new_signing_key, sign
from tieline.identity.access_tokens.repository import list_signing_keys
from tieline.kit import json
from tieline.secrets.store import SYSTEM_ORGANISATION

TOKENS = "/access-token/v1/access-tokens"
KEYS = "/api/v1/integration/api-keys"


async def created(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await client.post(TOKENS, json={"name": "postman", **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def answer_to(application: Application, token: str) -> httpx.Response:
    async with http_client(application, token) as caller:
        return await caller.get(TOKENS)


async def published(client: httpx.AsyncClient) -> KeySet:
    return KeySet.import_key_set((await client.get(f"{TOKENS}/.well-known/jwks.json")).json())


async def test_a_token_stands_for_its_organisation_and_creator(
    application: Application, client: httpx.AsyncClient
) -> None:
    token = await created(client)

    answer = await answer_to(application, token["token"])

    assert answer.status_code == 200
    assert token["id"] in [item["id"] for item in answer.json()]
    assert "token" not in answer.text.replace("token_type", "")


async def test_anybody_can_check_a_token_with_the_published_keys(
    application: Application, client: httpx.AsyncClient, org: str
) -> None:
    token = await created(client, expires_in=3600)
    async with http_client(application, None) as anybody:
        keys = await published(anybody)
        issuer = (await anybody.get(f"{TOKENS}/.well-known/openid-configuration")).json()

    checked = jwt.decode(token["token"], keys, algorithms=["RS256"])

    assert checked.claims["iss"] == issuer["issuer"]
    assert issuer["jwks_uri"] == f"{issuer['issuer']}/.well-known/jwks.json"
    assert (checked.claims["sub"], checked.claims["org_id"]) == (token["id"], org)
    assert checked.claims["exp"] - checked.claims["iat"] == 3600


async def test_the_private_key_is_not_published(client: httpx.AsyncClient) -> None:
    await created(client)

    for path in (".well-known", "public/.well-known"):
        keys = (await client.get(f"{TOKENS}/{path}/jwks.json")).json()["keys"]
        assert {name for key in keys for name in key} == {"kty", "n", "e", "use", "alg", "kid"}


async def test_tokens_and_keys_are_the_same_records(client: httpx.AsyncClient) -> None:
    token = await created(client)
    wire_id = token["id"].replace("api_", "key_")

    assert (await client.get(f"{KEYS}/{wire_id}")).json()["name"] == "postman"
    key = (await client.post(KEYS, json={"name": "a key"})).json()
    listed = (await client.get(TOKENS)).json()
    assert key["id"].replace("key_", "api_") in [item["id"] for item in listed]


async def test_a_revoked_token_is_refused(
    application: Application, client: httpx.AsyncClient
) -> None:
    token = await created(client)
    assert (await answer_to(application, token["token"])).status_code == 200

    revoked = await client.delete(f"{TOKENS}/{token['id']}")

    assert revoked.status_code == 200
    assert revoked.json()["id"] == token["id"]
    answer = await answer_to(application, token["token"])
    assert (answer.status_code, answer.json()["code"]) == (401, "INVALID_API_KEY")
    assert token["id"] not in [item["id"] for item in (await client.get(TOKENS)).json()]


async def test_a_blocked_token_is_refused_like_a_key(
    application: Application, client: httpx.AsyncClient
) -> None:
    token = await created(client)
    wire_id = token["id"].replace("api_", "key_")
    await client.patch(f"{KEYS}/{wire_id}", json={"version": 1, "blocked": True})

    assert (await answer_to(application, token["token"])).status_code == 401


@pytest.mark.parametrize("assignments", [[], ["viewer"], ["viewer", "operator"]])
async def test_assignments_are_the_roles_of_a_token(
    application: Application, client: httpx.AsyncClient, org: str, assignments: list[str]
) -> None:
    named = [f"{org}:{role}" for role in assignments]
    token = await created(client, assignments=named)

    assert token["assignments"] == named
    async with http_client(application, token["token"]) as caller:
        reading = await caller.get("/erp-integration/v1/integrations")
        writing = await caller.post(TOKENS, json={"name": "more"})
    assert reading.status_code == (200 if assignments else 403)
    assert writing.status_code == 403


@pytest.mark.parametrize("assignment", ["viewer", "other:viewer", "{org}:king", "{org}:", ""])
async def test_a_wrong_assignment_is_refused(
    client: httpx.AsyncClient, org: str, assignment: str
) -> None:
    answer = await client.post(
        TOKENS, json={"name": "x", "assignments": [assignment.format(org=org)]}
    )

    assert answer.status_code == 400
    assert answer.json()["status"] == 400
    assert "assignments" in answer.json()["error"]


@pytest.mark.parametrize(
    ("given", "seconds"),
    [(30, 30), (604_800, 604_800), ("10h", 36_000), ("2 days", 172_800), ("365d", 31_536_000)],
)
async def test_a_token_ends_when_it_should(
    client: httpx.AsyncClient, given: int | str, seconds: int
) -> None:
    token = await created(client, expires_in=given)

    lasting = datetime.fromisoformat(token["expires_at"]) - datetime.now(UTC)
    assert abs(lasting - timedelta(seconds=seconds)) < timedelta(seconds=20)


@pytest.mark.parametrize("given", [29, 604_801, "1s", "366d", "soon", "10 parsecs", -5, 1.5, ""])
async def test_a_lifetime_out_of_bounds_is_refused(
    client: httpx.AsyncClient, given: int | str
) -> None:
    answer = await client.post(TOKENS, json={"name": "x", "expires_in": given})

    assert answer.status_code == 400
    assert "expires_in" in answer.json()["error"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "a\u0000"}, "name"),
        ({"name": "x", "token_type": "king"}, "token_type"),
        ({"name": "x", "token_type": "journey"}, "journey_id"),
        ({"name": "x", "token_type": "portal"}, "portal_id"),
        ({"name": "x", "token_type": "assume", "expires_in": 60}, "expires_in"),
        ({"name": "x", "journey_id": "j"}, "journey_id"),
    ],
)
async def test_a_wrong_wish_is_refused_by_name(
    client: httpx.AsyncClient, body: dict[str, Any], named: str
) -> None:
    answer = await client.post(TOKENS, json=body)

    assert answer.status_code == 400, answer.text
    assert named in answer.json()["error"]


async def test_a_fault_is_told_by_the_name_that_was_sent(client: httpx.AsyncClient) -> None:
    answer = await client.post(TOKENS, json={"expires_in": 5})

    assert answer.json()["error"].startswith("name: is missing. Send it. expires_in: must be ")


async def test_public_tokens_allow_nothing_and_have_their_own_issuer(
    application: Application, client: httpx.AsyncClient
) -> None:
    journey = await created(client, token_type="journey", journey_id="j-1")
    portal = await created(client, token_type="portal", portal_id="END_CUSTOMER_PORTAL")

    assert (journey["journey_id"], portal["portal_id"]) == ("j-1", "END_CUSTOMER_PORTAL")
    for token in (journey, portal):
        assert (await answer_to(application, token["token"])).status_code == 403
        claims = jwt.decode(token["token"], await published(client), algorithms=["RS256"]).claims
        assert claims["iss"].endswith("/access-tokens/public")
    listed = (await client.get(TOKENS, params={"token_type": ["journey", "portal"]})).json()
    assert {item["id"] for item in listed} == {journey["id"], portal["id"]}


@pytest.mark.parametrize(
    "query",
    [
        "token_type=journey&token_type=portal",
        "token_type[]=journey&token_type[]=portal",
        "token_type%5B%5D=journey&token_type%5b%5d=portal",
    ],
)
async def test_types_are_a_list_in_each_way_in_which_clients_write_lists(
    client: httpx.AsyncClient, query: str
) -> None:
    await created(client)
    wanted = [
        await created(client, token_type="journey", journey_id="j-1"),
        await created(client, token_type="portal", portal_id="p-1"),
    ]

    listed = (await client.get(f"{TOKENS}?{query}")).json()

    assert {item["id"] for item in listed} == {token["id"] for token in wanted}
    refused = await client.get(f"{TOKENS}?{query}&token_type[]=king")
    assert (refused.status_code, "token_type" in refused.json()["error"]) == (400, True)


async def test_an_assumed_role_lasts_an_hour(client: httpx.AsyncClient, org: str) -> None:
    token = await created(client, token_type="assume", assignments=[f"{org}:viewer"])

    lasting = datetime.fromisoformat(token["expires_at"]) - datetime.now(UTC)
    assert abs(lasting - timedelta(hours=1)) < timedelta(seconds=20)


async def test_a_token_that_somebody_else_signed_is_refused(
    application: Application, client: httpx.AsyncClient
) -> None:
    token = await created(client)
    ours = (await published(client)).keys[0]
    impostor = RSAKey.import_key({**new_signing_key().as_dict(private=True), "kid": ours.kid})
    claims = Claims("x", token["id"], "x", datetime.now(UTC), None, "x")

    for forged in (sign(claims, impostor), sign(claims, new_signing_key()), token["token"][:-2]):
        answer = await answer_to(application, forged)
        assert (answer.status_code, answer.json()["code"]) == (401, "INVALID_API_KEY")


async def test_a_changed_signature_key_leaves_tokens_valid(
    application: Application, client: httpx.AsyncClient, services: Services
) -> None:
    before = await created(client)
    kids = {key.kid for key in (await published(client)).keys}

    kid = await services.access_tokens.rotate_signing_key()
    after = await created(client)

    assert kid not in kids
    header = jwt.decode(after["token"], await published(client), algorithms=["RS256"]).header
    assert header["kid"] == kid
    jwt.decode(before["token"], await published(client), algorithms=["RS256"])
    for token in (before, after):
        assert (await answer_to(application, token["token"])).status_code == 200


async def test_of_callers_at_once_one_makes_the_signing_key(
    client: httpx.AsyncClient, services: Services
) -> None:
    async with services.database.organisation(SYSTEM_ORGANISATION) as tx:
        await tx.execute("DELETE FROM token_signing_keys WHERE org_id = $1")
    services.identity.forget()

    await asyncio.gather(*(created(client) for _ in range(8)))

    async with services.database.reading(SYSTEM_ORGANISATION) as tx:
        assert len(await list_signing_keys(tx)) == 1


async def test_only_the_current_private_key_is_kept(
    client: httpx.AsyncClient, services: Services
) -> None:
    await created(client)
    former = (await published(client)).keys[0].kid
    kid = await services.access_tokens.rotate_signing_key()

    async with services.database.reading(SYSTEM_ORGANISATION) as tx:
        assert await services.secrets.read(tx, f"access-tokens/signing-keys/{former}") is None
        kept = await services.secrets.read(tx, f"access-tokens/signing-keys/{kid}")
    assert kept is not None
    assert json.loads(kept["private_key"])["kid"] == kid


async def test_another_organisations_token_does_not_exist(
    application: Application, client: httpx.AsyncClient, org: str
) -> None:
    theirs, _ = await application.services.identity.create_key(f"{org}-2", name="theirs")

    answer = await client.delete(f"{TOKENS}/{theirs.id}")

    assert (answer.status_code, answer.json()["code"]) == (404, "ACCESS_TOKEN_NOT_FOUND")


async def test_the_day_of_the_last_use_is_shown(
    application: Application, client: httpx.AsyncClient, services: Services
) -> None:
    token = await created(client)
    assert "last_used" not in token
    await answer_to(application, token["token"])

    await services.identity.write_last_uses()

    listed = {item["id"]: item for item in (await client.get(TOKENS)).json()}
    assert listed[token["id"]]["last_used"] == f"{datetime.now(UTC):%Y-%m-%d}"
