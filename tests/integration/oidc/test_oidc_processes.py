"""Tokens at a server of its own, beside the process of the tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.conftest import LiveServer, start_server, stop_server
from tests.local_issuer import LocalIssuer

from tieline.app import Application
from tieline.http.services import Services
from tieline.identity.applications.models import ApplicationDraft
from tieline.identity.models import Principal
from tieline.identity.users.models import UserChange
from tieline.kit import json
from tieline.kit.ids import new_ulid

ORG = f"org-{new_ulid()}"
Client = Callable[[str], httpx.AsyncClient]


@pytest.fixture(scope="module")
def live(
    application: Application, shared_issuer: LocalIssuer, data_dir: Path
) -> Iterator[LiveServer]:
    """A server that takes the issuer's tokens, on the database of this process."""
    configured = {
        "issuer": shared_issuer.url,
        "audience": "tieline",
        "organisation": ORG,
        "roles_claim": "roles",
    }
    server, _ = start_server(
        data_dir, TIELINE_OIDC_ISSUERS=json.dumps_str([configured]), TIELINE_LOG_FORMAT="json"
    )
    yield server
    stop_server(server)


@pytest.fixture
async def client_with(live: LiveServer) -> AsyncIterator[Client]:
    """Clients of that server, each with a token."""
    made: list[httpx.AsyncClient] = []

    def make(token: str) -> httpx.AsyncClient:
        made.append(
            httpx.AsyncClient(
                base_url=f"{live.url}/api/v1/integration",
                headers={"authorization": f"Bearer {token}"},
            )
        )
        return made[-1]

    yield make
    for client in made:
        await client.aclose()


@pytest.fixture
async def admin(services: Services) -> Principal:
    """Somebody who may do everything in the organisation."""
    _, key = await services.identity.create_key(ORG, name="admin")
    return await services.identity.authenticate(key)


async def test_a_disabled_user_is_refused_by_every_process_within_a_second(
    client_with: Client, issuer: LocalIssuer, services: Services, admin: Principal
) -> None:
    client = client_with(issuer.token(sub=new_ulid(), roles=["viewer"]))
    me = (await client.get("/access/me")).json()
    assert (me["tenant_id"], me["kind"], me["roles"]) == (ORG, "user", ["viewer"])
    assert (await client.get("/access/me")).status_code == 200

    await services.users.update_user(admin, me["id"], 1, UserChange(disabled=True))

    changed, let_in = time.monotonic(), 0.0
    async with asyncio.timeout(10):
        while True:
            begun = time.monotonic() - changed
            answer = await client.get("/access/me")
            if answer.status_code != 200:
                break
            let_in = begun
    assert let_in < 1  # what began later was refused, however slow the answer
    assert (answer.status_code, answer.json()["code"]) == (403, "USER_DISABLED")


async def test_what_a_program_creates_is_stamped_with_its_application(
    client_with: Client, issuer: LocalIssuer, services: Services, admin: Principal
) -> None:
    crm = await services.applications.create_application(
        admin, ApplicationDraft(display_name="CRM", oauth_client_id="crm-client")
    )
    token = issuer.token(sub="crm-client", client_id="crm-client", scope="connector:write")
    client = client_with(token)

    me = (await client.get("/access/me")).json()
    assert (me["kind"], me["app_id"], me["id"]) == ("application", crm.slug, me["application_id"])

    created = await client.post("/connectors", json={"name": "Splunk"})
    assert created.status_code == 201, created.text
    assert (created.json()["app_id"], created.json()["created_by"]) == (crm.slug, me["id"])

    why = (await client.get("/access/why?operation=listConnectors")).json()
    assert why["allowed"] is False
    assert "token's claim scope" in why["message"]
    assert (await client.get("/connectors")).json()["code"] == "MISSING_SCOPE"


async def test_the_key_of_a_program_belongs_to_its_application(
    client_with: Client, issuer: LocalIssuer, services: Services, admin: Principal
) -> None:
    pim = await services.applications.create_application(
        admin, ApplicationDraft(display_name="PIM", oauth_client_id="pim-client")
    )
    client = client_with(
        issuer.token(sub="pim-client", client_id="pim-client", scope="key:write key:read")
    )

    created = await client.post("/api-keys", json={"name": "its own"})

    assert created.status_code == 201, created.text
    assert created.json()["app_id"] == pim.slug


async def test_a_refusal_repeats_nothing_of_the_token(
    client_with: Client, issuer: LocalIssuer
) -> None:
    token = issuer.token(aud="somebody else")

    answer = await client_with(token).get("/access/me")

    assert (answer.status_code, answer.json()["code"]) == (401, "INVALID_TOKEN")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert not any(part in answer.text for part in token.split("."))
