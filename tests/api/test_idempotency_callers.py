"""A stored answer belongs to the caller who got it."""

from __future__ import annotations

import asyncio
import hashlib

import httpx
from tests.conftest import http_client

from tieline.identity.models import Scope

PLACE = "/erp-integration/v1/integrations"
ONCE = {"idempotency-key": "nightly-1"}


async def test_another_caller_does_not_get_a_stored_answer(application, services, client, org):
    first = await client.post(PLACE, json={"name": "ERP"}, headers=ONCE)
    _, key = await services.identity.create_key(org, name="other")
    async with http_client(application, key) as other:
        answer = await other.post(PLACE, json={"name": "ERP"}, headers=ONCE)

    assert first.status_code == 201
    assert answer.status_code == 409
    assert answer.json()["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert first.json()["id"] not in answer.text


async def test_a_caller_without_the_scope_does_not_get_a_stored_answer(
    application, services, client, org
):
    await client.post(PLACE, json={"name": "ERP"}, headers=ONCE)
    _, key = await services.identity.create_key(org, name="other", scopes=[Scope.ERP_READ])
    async with http_client(application, key) as other:
        answer = await other.post(PLACE, json={"name": "ERP"}, headers=ONCE)

    assert answer.status_code == 403
    assert answer.json()["code"] == "MISSING_SCOPE"


async def test_what_a_request_held_cannot_be_tried_out_with_a_copy_of_the_database(
    client, database, org
):
    body = b'{"key": "smtp", "type": "SecretString", "value": "1234"}'
    target = b"POST /environments/environments/v1/environments?\n"
    answer = await client.post("/environments/v1/environments", content=body, headers=ONCE)
    assert answer.status_code == 201

    async with database.organisation(org) as tx:
        stored = await tx.fetchval("SELECT request_hash FROM idempotency_keys WHERE org_id = $1")
    guesses = [body, target + body, target.replace(b"/environments/environ", b"/environ", 1) + body]
    assert stored not in [hashlib.sha256(guess).digest() for guess in guesses]


async def test_searches_with_and_without_a_key_do_not_wait_for_each_other(
    client: httpx.AsyncClient,
) -> None:
    async def search(number: int) -> int:
        headers = {"Idempotency-Key": f"search {number}"} if number % 2 else {}
        answer = await client.post("/entity/v1/entity:search", json={"q": "*"}, headers=headers)
        return answer.status_code

    async with asyncio.timeout(25):
        assert set(await asyncio.gather(*map(search, range(80)))) == {200}
