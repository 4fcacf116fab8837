"""Small factories for tests of the entity surface."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

Create = Callable[..., Awaitable[dict[str, Any]]]
Find = Callable[..., Awaitable[list[str]]]


@pytest.fixture
def create(client: httpx.AsyncClient) -> Create:
    """Create an entity: `await create("contact", name="Jane")` gives its document."""

    async def created(schema: str, /, **attributes: Any) -> dict[str, Any]:
        response = await client.post(f"/entity/v1/entity/{schema}", json=attributes)
        assert response.status_code == 201, response.text
        document: dict[str, Any] = response.json()
        return document

    return created


@pytest.fixture
def find(client: httpx.AsyncClient) -> Find:
    """Search: `await find("name:jane")` gives the `key` attributes of the matches, sorted."""

    async def found(q: str, **options: Any) -> list[str]:
        body = {"q": q, "size": 100, **options}
        response = await client.post("/entity/v1/entity:search", json=body)
        assert response.status_code == 200, f"{q}: {response.text}"
        answer = response.json()
        assert answer["hits"] == len(answer["results"]), q
        return sorted(result.get("key", result["_title"]) for result in answer["results"])

    return found
