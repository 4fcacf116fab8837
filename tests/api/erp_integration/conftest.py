"""A client of the ERP surface, and another organisation's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from tieline.app import Application
from tieline.http.services import Services
from tieline.kit.ids import new_ulid

Answer = dict[str, Any]
Create = Callable[..., Awaitable[Answer]]


@pytest.fixture
async def erp(application: Application, key: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client whose paths begin at the base path of the surface."""
    async with surface_client(application, key) as client:
        yield client


@pytest.fixture
async def stranger(
    application: Application, services: Services
) -> AsyncIterator[httpx.AsyncClient]:
    """The same for another organisation."""
    _, key = await services.identity.create_key(f"org-{new_ulid()}", name="stranger")
    async with surface_client(application, key) as client:
        yield client


def surface_client(application: Application, key: str) -> httpx.AsyncClient:
    """A client of the surface with a key."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=application.asgi, raise_app_exceptions=False),
        base_url="http://tieline.test/erp-integration",
        headers={"authorization": f"Bearer {key}"},
    )


@pytest.fixture
async def integration(erp: httpx.AsyncClient) -> Answer:
    """An integration without use cases."""
    answer = await erp.post("/v1/integrations", json={"name": "SAP"})
    assert answer.status_code == 201
    created: Answer = answer.json()
    return created


@pytest.fixture
def contacts() -> Answer:
    """The configuration of an inbound use case."""
    return {
        "entities": [
            {
                "entity_schema": "contact",
                "unique_ids": ["customer_number"],
                "fields": [
                    {"attribute": "customer_number", "field": "customerId"},
                    {"attribute": "full_name", "jsonataExpression": "first & ' ' & last"},
                ],
            }
        ]
    }


@pytest.fixture
def use_case(contacts: Answer) -> Callable[..., Answer]:
    """The body of an inbound use case, with what a test wants to be different."""

    def body(**different: Any) -> Answer:
        usual = {
            "name": "Customers",
            "slug": "customers",
            "type": "inbound",
            "enabled": True,
            "configuration": contacts,
        }
        return {key: value for key, value in (usual | different).items() if value is not None}

    return body
