"""What the tests of outbound events share: use cases, webhooks, and what they lead to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

Found = dict[str, Any]
ERP = "/erp-integration/v1"
CONFIGS = "/webhooks/v1/webhooks/configs"
EVENT = "EntityCreated"


async def made(client: httpx.AsyncClient, path: str, body: Found) -> Found:
    """What a POST has made."""
    answer = await client.post(path, json=body)
    assert answer.status_code in (200, 201), answer.text
    found: Found = answer.json()
    return found


async def new_integration(client: httpx.AsyncClient) -> str:
    """The id of a new integration."""
    return str((await made(client, f"{ERP}/integrations", {"name": "SAP"}))["id"])


async def new_webhook(client: httpx.AsyncClient, url: str, **different: Any) -> Found:
    """A webhook that only mappings send to, unless told otherwise."""
    usual = {"name": "To SAP", "eventName": "nobody.needs.this", "url": url}
    return await made(client, CONFIGS, {**usual, **different})


def mapping(webhook: Found | str, expression: str = "$", **different: Any) -> Found:
    """A mapping that sends to a webhook."""
    webhook_id = webhook if isinstance(webhook, str) else webhook["id"]
    usual = {
        "name": "to SAP",
        "jsonata_expression": expression,
        "enabled": True,
        "delivery": {"type": "webhook", "webhook_id": webhook_id},
    }
    return {**usual, **different}


def outbound(*mappings: Found, event: str = EVENT, **different: Any) -> Found:
    """The body of an outbound use case."""
    usual = {
        "name": "Contracts out",
        "type": "outbound",
        "enabled": True,
        "configuration": {"event_catalog_event": event, "mappings": list(mappings)},
    }
    return {**usual, **different}


async def new_use_case(client: httpx.AsyncClient, integration_id: str, body: Found) -> Found:
    """A use case of an integration."""
    return await made(client, f"{ERP}/integrations/{integration_id}/use-cases", body)


async def new_entity(client: httpx.AsyncClient, schema: str = "contract", **values: Any) -> Found:
    """An entity, whose making is an event."""
    return await made(client, f"/entity/v1/entity/{schema}", values)


async def monitored(client: httpx.AsyncClient, integration_id: str, **query: Any) -> Found:
    """A page of deliveries."""
    path = f"{ERP}/integrations/{integration_id}/monitoring/outbound-events"
    answer = await client.post(path, json=query)
    assert answer.status_code == 200, answer.text
    found: Found = answer.json()
    return found


async def eventually(
    find: Callable[[], Awaitable[Any]], holds: Callable[[Any], object], seconds: float = 20
) -> Any:
    """What is found once it holds. Fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = await find()
        if holds(found):
            return found
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.02)


async def deliveries(
    client: httpx.AsyncClient, integration_id: str, count: int, **query: Any
) -> list[Found]:
    """The deliveries of an integration once there are so many, none of them on its way."""

    def ended(page: Found) -> bool:
        return len(page["data"]) >= count and all(
            each["status"] != "pending" for each in page["data"]
        )

    page = await eventually(lambda: monitored(client, integration_id, **query), ended)
    found: list[Found] = page["data"]
    return found
