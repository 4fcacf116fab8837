"""What the tests about deliveries share: webhooks of a kind, and deliveries to them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx

from tieline.database import Database
from tieline.kit.time import utc_now
from tieline.outbound.deliveries.models import DeliveryState, Ending, NewDelivery
from tieline.outbound.deliveries.queue import enqueue

Found = dict[str, Any]
CONFIGS = "/webhooks/v1/webhooks/configs"
FAILED = Ending(DeliveryState.FAILED, "HTTP_500", "The receiver answered 500.")
SKIPPED = Ending(DeliveryState.SKIPPED, "CONDITIONS_NOT_MET", "amount is 3, not above 10.")


async def webhook(client: httpx.AsyncClient, **different: Any) -> Found:
    """A webhook that nothing can reach, unless told otherwise."""
    body = {
        "name": "Hook",
        "eventName": "ContractChanged",
        "url": "https://receiver.invalid/hook",
        **different,
    }
    answer = await client.post(CONFIGS, json=body)
    assert answer.status_code == 201, answer.text
    found: Found = answer.json()
    return found


async def paused_webhook(client: httpx.AsyncClient, **different: Any) -> Found:
    """A webhook whose deliveries wait."""
    found = await webhook(client, **different)
    answer = await client.post(f"{CONFIGS}/{found['id']}/pause")
    assert answer.status_code == 200, answer.text
    return found


def delivery(hook: Found, **different: Any) -> NewDelivery:
    """A delivery to a webhook."""
    number = uuid4().hex[:8]
    usual: Found = {
        "webhook_id": UUID(hook["id"]),
        "event_id": f"01EVENT{number}",
        "event_name": "ContractChanged",
        "body": b'{"number": "%s"}' % number.encode(),
        "url": hook.get("url") or None,
        "metadata": {"webhook_name": hook["name"]},
    }
    return NewDelivery(**{**usual, **different})


async def deliver(database: Database, org: str, *new: NewDelivery) -> list[str]:
    """Make deliveries; their ids."""
    async with database.organisation(org) as tx:
        return [str(each) for each in await enqueue(tx, new, utc_now())]


async def eventually(
    look: Callable[[], Awaitable[Any]], holds: Callable[[Any], bool], seconds: float = 20
) -> Any:
    """What a look shows once a condition holds."""
    async with asyncio.timeout(seconds):
        while not holds(found := await look()):
            await asyncio.sleep(0.02)
    return found


def ids(page: Found) -> list[str]:
    """The ids on a page."""
    return [each["event_id"] for each in page["data"]]
