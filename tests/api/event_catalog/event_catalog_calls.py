"""Definitions, and calls of the event catalogue, for its tests."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

EVENTS = "/event-catalog/v1/events"
SYNC = f"{EVENTS}/OnDemandSyncCustomerRequested"
NUMBER = {"json_schema": {"type": "string", "minLength": 2}, "required": True}
NO_GRAPH = {
    "event_name": "DoorOpened",
    "event_title": "Door opened",
    "schema_fields": {"door": NUMBER, "angle": {"json_schema": {"type": "integer"}}},
}
OF_CONTRACTS = {
    "event_name": "ContractSigned",
    "event_title": "Contract signed",
    "schema_fields": {"number": {**NUMBER, "graph_source": "contract.number"}},
    "entity_graph": {
        "nodes": [
            {"id": "contract", "schema": "contract", "cardinality": "one"},
            {"id": "contacts", "schema": "contact", "fields": ["last_name"]},
        ],
        "edges": [{"from": "contract", "to": "contacts"}],
    },
    "entity_operation": {
        "operation": ["createEntity", "updateEntity"],
        "schema": ["contract"],
        "attribute": ["signed_at"],
    },
}


async def entity(client: httpx.AsyncClient, schema: str, **attributes: Any) -> str:
    answer = await client.post(f"/entity/v1/entity/{schema}", json=attributes)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["_id"])


def related(entity_id: str) -> dict[str, Any]:
    return {"$relation": [{"entity_id": entity_id}]}


async def publish(client: httpx.AsyncClient, definition: dict[str, Any]) -> str:
    created = await client.post(EVENTS, json=definition)
    assert created.status_code == 201, created.text
    url = f"{EVENTS}/{definition['event_name']}"
    published = await client.post(f"{url}:publish", json={})
    assert published.status_code == 200, published.text
    return url


async def past(client: httpx.AsyncClient, url: str, **query: Any) -> list[dict[str, Any]]:
    answer = await client.post(f"{url}:history", json=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["results"])


async def awaited(client: httpx.AsyncClient, url: str, count: int = 1) -> list[dict[str, Any]]:
    """The history once it has so many events."""
    async with asyncio.timeout(20):
        while len(found := await past(client, url)) < count:
            await asyncio.sleep(0.02)
    return found


async def refused(answer: httpx.Response, status: int, code: str, *words: str) -> None:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["code"] == code
    assert body["request_id"]
    assert all(word in body["message"] for word in words), body["message"]
