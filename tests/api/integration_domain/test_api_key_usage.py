"""What gateways ask about keys and record of them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from tests.conftest import http_client

from tieline.app import Application
from tieline.http.services import Services
from tieline.identity.users.models import Sighting
from tieline.kit import json
from tieline.kit.ids import new_ulid

KEYS = "/api/v1/integration/api-keys"


async def virtual_key(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await client.post(KEYS, json={"kind": "virtual_llm", "name": "llm", **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def check(client: httpx.AsyncClient, key: dict[str, Any], **call: Any) -> dict[str, Any]:
    answer = await client.post(f"{KEYS}/check", json={"key": key["key"], **call})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def use(client: httpx.AsyncClient, key: dict[str, Any], **used: Any) -> dict[str, Any]:
    answer = await client.post(f"{KEYS}/{key['id']}/usage", json=used)
    assert answer.status_code == 200, answer.text
    return json.loads(answer.content)


async def test_uses_recorded_at_once_add_up_exactly(client: httpx.AsyncClient) -> None:
    key = await virtual_key(client)

    await asyncio.gather(*(use(client, key, tokens=7, cost_usd=0.1) for _ in range(100)))

    shown = json.loads((await client.get(f"{KEYS}/{key['id']}")).content)
    assert Decimal(str(shown["spend_usd"])) == Decimal(10)
    assert shown["tokens_used"] == 700
    assert shown["version"] == 1


async def test_reaching_the_budget_blocks_and_raising_it_unblocks(
    application: Application, client: httpx.AsyncClient
) -> None:
    key = await virtual_key(client, max_budget_usd=1)
    first = await use(client, key, cost_usd=0.75)
    assert (first["allowed"], first["remaining_usd"]) == (True, 0.25)

    second = await use(client, key, cost_usd=0.5)
    assert (second["allowed"], second["code"]) == (False, "BUDGET_EXHAUSTED")
    assert (second["blocked"], second["spend_usd"], second["remaining_usd"]) == (True, 1.25, 0)
    assert (await check(client, key))["code"] == "BUDGET_EXHAUSTED"
    async with http_client(application, key["key"]) as caller:
        assert (await caller.get(KEYS)).status_code == 401

    blocked = (await client.get(f"{KEYS}/{key['id']}")).json()
    assert blocked["blocked_reason"] == "budget_exhausted"
    assert blocked["updated_by"] == key["created_by"]
    answer = await client.patch(
        f"{KEYS}/{key['id']}", json={"version": blocked["version"], "blocked": False}
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "BUDGET_EXHAUSTED")
    raised = await client.patch(
        f"{KEYS}/{key['id']}", json={"version": blocked["version"], "max_budget_usd": 2}
    )
    assert (raised.json()["status"], raised.json()["blocked_reason"]) == ("active", None)
    assert (await check(client, key))["allowed"] is True


async def test_what_was_really_used_is_recorded_even_of_a_refused_key(
    client: httpx.AsyncClient,
) -> None:
    key = await virtual_key(client)
    await client.post(f"{KEYS}/{key['id']}/revoke")

    answer = await use(client, key, tokens=10, cost_usd=0.2)

    assert (answer["allowed"], answer["spend_usd"]) == (False, 0.2)


async def test_a_rotated_key_goes_on_with_what_was_spent(client: httpx.AsyncClient) -> None:
    key = await virtual_key(client, max_budget_usd=1)
    await use(client, key, cost_usd=0.75)

    rotated = (await client.post(f"{KEYS}/{key['id']}/rotate")).json()

    assert (rotated["spend_usd"], rotated["max_budget_usd"]) == (0.75, 1)


async def test_only_allowed_models_pass(client: httpx.AsyncClient) -> None:
    key = await virtual_key(client, allowed_models=["small"])

    assert (await check(client, key, model="small"))["allowed"] is True
    refused = await check(client, key, model="large")
    assert (refused["allowed"], refused["code"]) == (False, "MODEL_NOT_ALLOWED")
    assert "small" in refused["message"]
    assert (await check(client, key))["code"] == "MODEL_NOT_ALLOWED"
    used = await use(client, key, model="large", cost_usd=0.5)
    assert (used["code"], used["spend_usd"]) == ("MODEL_NOT_ALLOWED", 0.5)


async def test_requests_are_counted_only_when_they_are_allowed(client: httpx.AsyncClient) -> None:
    key = await virtual_key(client, rpm_limit=3, tpm_limit=100)

    assert (await check(client, key, tokens=90))["allowed"] is True
    for _ in range(5):  # refused for their tokens: no request is used up by them
        assert (await check(client, key, tokens=50))["code"] == "RATE_LIMITED"
    assert (await check(client, key, tokens=5))["allowed"] is True
    assert (await check(client, key, tokens=5))["allowed"] is True
    refused = await check(client, key, tokens=0)
    assert refused["code"] == "RATE_LIMITED"
    assert "requests per minute" in refused["message"]
    assert 1 <= refused["retry_after"] <= 120


async def test_recorded_tokens_count_beyond_those_of_the_check(client: httpx.AsyncClient) -> None:
    key = await virtual_key(client, tpm_limit=100)
    await check(client, key, tokens=40)

    await use(client, key, tokens=70, checked_tokens=40)

    assert (await check(client, key, tokens=31))["code"] == "RATE_LIMITED"
    assert (await check(client, key, tokens=30))["allowed"] is True


async def test_a_call_larger_than_the_limit_never_passes(client: httpx.AsyncClient) -> None:
    key = await virtual_key(client, tpm_limit=100)

    refused = await check(client, key, tokens=101)

    assert (refused["code"], refused["retry_after"]) == ("RATE_LIMITED", 60)
    assert "101" in refused["message"]


@pytest.mark.parametrize("text", ["tl_llm_mistyped", "tl_llm_" + "0" * 43 + "_000000", "x"])
async def test_a_key_that_does_not_exist_is_a_verdict(client: httpx.AsyncClient, text: str) -> None:
    answer = await client.post(f"{KEYS}/check", json={"key": text})

    assert answer.status_code == 200
    assert (answer.json()["allowed"], answer.json()["code"]) == (False, "INVALID_API_KEY")


async def test_another_organisations_key_does_not_exist(
    application: Application, client: httpx.AsyncClient, org: str
) -> None:
    _, text = await application.services.identity.create_key(f"{org}-2", name="theirs")
    theirs, _ = await application.services.identity.create_key(f"{org}-2", name="theirs too")

    answer = await client.post(f"{KEYS}/check", json={"key": text})
    assert answer.json()["code"] == "INVALID_API_KEY"
    wire_id = theirs.id.replace("api_", "key_")
    assert (await client.post(f"{KEYS}/{wire_id}/usage", json={})).status_code == 404


async def test_a_key_records_its_own_use_but_not_anothers(
    application: Application, client: httpx.AsyncClient
) -> None:
    key, other = await virtual_key(client), await virtual_key(client)
    async with http_client(application, key["key"]) as itself:
        assert (await use(itself, key, tokens=5))["tokens_used"] == 5
        place = f"{KEYS}/{key['id']}/usage"
        for _ in range(2):
            once = await itself.post(
                place, json={"tokens": 7}, headers={"idempotency-key": "call-1"}
            )
            assert once.json()["tokens_used"] == 12
        answer = await itself.post(f"{KEYS}/{other['id']}/usage", json={"tokens": 5})
        assert (answer.status_code, answer.json()["code"]) == (403, "MISSING_SCOPE")
        assert (await itself.post(f"{KEYS}/check", json={"key": other["key"]})).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"tokens": -1},
        {"tokens": 1.5},
        {"cost_usd": -0.1},
        {"cost_usd": 1e30},
        {"cost_usd": 0.00000000001},
        {"cost_usd": "much"},
        {"model": 5},
        {"price": 1},
    ],
)
async def test_wrong_usage_is_refused_by_name(
    client: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    key = await virtual_key(client)

    answer = await client.post(f"{KEYS}/{key['id']}/usage", json=body)

    assert answer.status_code == 400, answer.text
    assert next(iter(body)) in answer.json()["message"]
    assert (await client.get(f"{KEYS}/{key['id']}")).json()["tokens_used"] == 0


async def test_blocking_by_budget_is_in_the_audit_log(client: httpx.AsyncClient) -> None:
    key = await virtual_key(client, max_budget_usd=1)
    await use(client, key, cost_usd=2)

    answer = await client.get(
        "/api/v1/integration/audit-log", params={"target_id": key["id"], "action": "key.blocked"}
    )

    assert len(answer.json()["items"]) == 1


async def test_a_key_cannot_win_back_its_tokens_by_itself(
    application: Application, client: httpx.AsyncClient
) -> None:
    key = await virtual_key(client, tpm_limit=100)
    await check(client, key, tokens=100)

    async with http_client(application, key["key"]) as itself:
        await use(itself, key, tokens=0, checked_tokens=1_000_000_000)

    assert (await check(client, key, tokens=1))["code"] == "RATE_LIMITED"
    await use(client, key, tokens=0, checked_tokens=60)  # the gateway knows what it has counted
    assert (await check(client, key, tokens=60))["allowed"] is True


async def test_the_key_of_a_disabled_user_may_not_go_on(
    client: httpx.AsyncClient, services: Services, org: str
) -> None:
    seen = Sighting("https://issuer.example", new_ulid(), None, "Kim", (), datetime.now(UTC))
    user = await services.users.see(org, seen)
    key = await virtual_key(client, issued_to_user_id=user.id)
    assert (await check(client, key))["allowed"] is True

    disabled = await client.patch(
        f"/api/v1/integration/users/{user.id}", json={"version": user.version, "disabled": True}
    )

    assert disabled.status_code == 200, disabled.text
    assert (await check(client, key))["code"] == "USER_DISABLED"


async def test_a_check_is_answered_afresh_whatever_its_idempotency_key(
    client: httpx.AsyncClient,
) -> None:
    key = await virtual_key(client)
    call = {"json": {"key": key["key"]}, "headers": {"Idempotency-Key": "the same"}}
    first = await client.post(f"{KEYS}/check", **call)
    await client.post(f"{KEYS}/{key['id']}/revoke")

    second = await client.post(f"{KEYS}/check", **call)

    assert (first.json()["allowed"], second.json()["allowed"]) == (True, False)


async def test_checks_with_and_without_idempotency_keys_do_not_wait_for_each_other(
    client: httpx.AsyncClient,
) -> None:
    key = await virtual_key(client, rpm_limit=50)

    async def ask(number: int) -> bool:
        headers = {"Idempotency-Key": f"call {number}"} if number % 3 else {}
        answer = await client.post(f"{KEYS}/check", json={"key": key["key"]}, headers=headers)
        assert answer.status_code == 200, answer.text
        return bool(answer.json()["allowed"])

    async with asyncio.timeout(20):
        allowed = sum(await asyncio.gather(*map(ask, range(120))))

    assert 50 <= allowed <= 100  # a minute may have ended meanwhile
