"""The access log knows the calls of every surface, whoever makes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tieline.app import Application, openapi_pages
from tieline.http.access import AccessRecorder
from tieline.http.services import Services
from tieline.identity.models import CallerKind, Principal
from tieline.kit.time import utc_now
from tieline.monitoring.access_models import AccessEntry, AccessQuery

PAGES = openapi_pages()


def a_call_of_each_surface() -> Iterator[Any]:
    for surface, page in PAGES.items():
        path, methods = next(iter(page["paths"].items()))
        filled = re.sub(r"{\w+}", "0190b5a2-0000-7000-8000-000000000001", path)
        yield pytest.param(surface, next(iter(methods)), f"/{surface}{filled}", id=surface)


async def logged(services: Services, org: str, caller_id: str) -> list[AccessEntry]:
    await services.access_log.flush()
    return (await services.access_log.query(org, AccessQuery((caller_id,)))).entries


@pytest.mark.parametrize(("surface", "method", "path"), a_call_of_each_surface())
async def test_a_call_of_every_surface_is_written_down(
    application: Application, services: Services, org: str, surface: str, method: str, path: str
) -> None:
    key, text = await services.identity.create_key(org, name="ERP", scopes=[])
    transport = httpx.ASGITransport(
        app=application.asgi, client=("192.0.2.7", 4711), raise_app_exceptions=False
    )
    async with httpx.AsyncClient(transport=transport, base_url="http://tieline.test") as client:
        answer = await client.request(
            method.upper(),
            f"{path}?secret=hidden",
            headers={
                "authorization": f"Bearer {text}",
                "x-request-id": "req-1",
                "origin": "https://portal.test",
            },
        )

    [entry] = await logged(services, org, key.id)
    assert entry._replace(at=None, latency_ms=0) == AccessEntry(
        org_id=org,
        token_id=key.id,
        at=None,
        request_id="req-1",
        service=surface,
        method=method.upper(),
        path=path,
        status=answer.status_code,
        latency_ms=0,
        response_length=len(answer.content),
        origin="https://portal.test",
        source_ip="192.0.2.7",
    )


@pytest.mark.parametrize("kind", [CallerKind.USER, CallerKind.APPLICATION])
async def test_a_caller_with_a_token_of_an_issuer_is_named_by_its_own_id(
    services: Services, org: str, kind: CallerKind
) -> None:
    caller = Principal(org, f"{kind}-1", "Anna", frozenset(), kind=kind)
    recorder = AccessRecorder(services.access_log, services.identity)
    scope = {
        "method": "GET",
        "headers": [],
        "client": ("192.0.2.8", 1),
        "state": {"principal": caller},
        "tieline.request_id": "req-2",
    }
    await recorder.record(scope, "/entity/v1/entity/schemas", utc_now(), 200, 0.0123, 5)

    [entry] = await logged(services, org, f"{kind}-1")
    assert (entry.token_id, entry.request_id, entry.latency_ms) == (f"{kind}-1", "req-2", 12)
