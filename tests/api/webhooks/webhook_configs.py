"""What the tests of webhook configurations share: making, reading and changing them."""

from __future__ import annotations

from typing import Any

import httpx

CONFIGS = "/webhooks/v1/webhooks/configs"
DOMAIN = "/api/v1/integration/webhooks"
URL = "https://erp.example.com/hooks"
LEAST = {"name": "To the ERP", "eventName": "ContractCreated"}
PLAIN = "a-password-of-the-erp-4711"

Found = dict[str, Any]


async def made(client: httpx.AsyncClient, **fields: Any) -> Found:
    """A new configuration."""
    answer = await client.post(CONFIGS, json={**LEAST, "url": URL, **fields})
    assert answer.status_code == 201, answer.text
    found: Found = answer.json()
    return found


async def got(client: httpx.AsyncClient, config: Found) -> Found:
    """A configuration as it is now."""
    answer = await client.get(f"{CONFIGS}/{config['id']}")
    assert answer.status_code == 200, answer.text
    found: Found = answer.json()
    return found


async def replaced(client: httpx.AsyncClient, config: Found, **fields: Any) -> Found:
    """A configuration after a PUT that says exactly this besides what is required."""
    answer = await client.put(f"{CONFIGS}/{config['id']}", json={**LEAST, **fields})
    assert answer.status_code == 200, answer.text
    found: Found = answer.json()
    return found


async def in_domain(client: httpx.AsyncClient, config: Found) -> Found:
    """The same webhook as the domain shows it."""
    records: list[Found] = (await client.get(DOMAIN)).json()["items"]
    [found] = [each for each in records if each["created_at"] == config["creationTime"]]
    return found


def refused(answer: httpx.Response, status: int, code: str, *words: str) -> None:
    """Assert that a call was refused like this, in the body of this surface."""
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert set(answer.json()) >= {"code", "message", "request_id"}
    for word in words:
        assert word in answer.json()["message"]
