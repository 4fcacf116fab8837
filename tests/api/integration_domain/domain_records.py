"""What the tests of records share: making them, and calling for an application."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
from tests.conftest import http_client

from tieline.app import Application
from tieline.identity.applications.models import APPLICATIONS

DOMAIN = "/api/v1/integration"
KINDS = ("applications", "connectors", "webhooks")
# What the reference's own sample sends to create any record.
VENDOR_SAMPLE = {
    "id": "rec_01HXEXAMPLE",
    "tenant_id": "example tenant_id",
    "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-01T00:00:00Z",
    "app_id": "example app_id",
    "created_by": "rec_01HXEXAMPLE",
}

Found = dict[str, Any]


async def created(client: httpx.AsyncClient, kind: str, /, **fields: Any) -> Found:
    """A new record."""
    answer = await client.post(f"{DOMAIN}/{kind}", json=fields)
    assert answer.status_code == 201, answer.text
    found: Found = answer.json()
    return found


async def got(client: httpx.AsyncClient, kind: str, record: Found) -> Found:
    """A record as it is now."""
    answer = await client.get(f"{DOMAIN}/{kind}/{record['id']}")
    assert answer.status_code == 200, answer.text
    found: Found = answer.json()
    return found


async def changed(client: httpx.AsyncClient, kind: str, record: Found, /, **fields: Any) -> Found:
    """The record after a change of its present version."""
    answer = await patched(client, kind, record, **{"version": record["version"], **fields})
    assert answer.status_code == 200, answer.text
    found: Found = answer.json()
    return found


async def patched(
    client: httpx.AsyncClient, kind: str, record: Found, /, **fields: Any
) -> httpx.Response:
    """The answer to a change that says exactly this."""
    return await client.patch(f"{DOMAIN}/{kind}/{record['id']}", json=fields)


async def listed(client: httpx.AsyncClient, kind: str, /, *query: tuple[str, Any]) -> Found:
    """A page of a list."""
    answer = await client.get(f"{DOMAIN}/{kind}", params=query)
    assert answer.status_code == 200, answer.text
    found: Found = answer.json()
    return found


async def ids(client: httpx.AsyncClient, kind: str, /, *query: tuple[str, Any]) -> list[str]:
    """The ids on a page of a list."""
    return [item["id"] for item in (await listed(client, kind, *query))["items"]]


def refused(answer: httpx.Response, status: int, code: str, *words: str) -> None:
    """Assert that a call was refused like this."""
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    for word in words:
        assert word in answer.json()["message"]


async def calling_for(
    application: Application, org: str, registered: Found, scopes: tuple[str, ...] = ("*",)
) -> httpx.AsyncClient:
    """A client with a key that was issued for an application."""
    application_id: UUID = APPLICATIONS.stored_id(registered["id"])
    _, key = await application.services.identity.create_key(
        org, name=registered["slug"], scopes=scopes, application_id=application_id
    )
    return http_client(application, key)
