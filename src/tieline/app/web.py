"""The HTTP side as a whole: the APIs, and the pages by which others watch the process."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.routing import Route

from tieline import metrics
from tieline.app.surfaces import surfaces
from tieline.http.access import AccessRecorder
from tieline.http.errors import code_and_message, install_error_handlers
from tieline.http.middleware import Frame
from tieline.http.operations import Operations
from tieline.http.responses import reply
from tieline.http.services import Services
from tieline.inbound.repository import oldest_waiting_event
from tieline.kit.errors import TielineError
from tieline.kit.time import utc_now
from tieline.outbound.deliveries.engine.metrics import OLDEST_DUE
from tieline.outbound.deliveries.repository import oldest_due


def build_asgi(services: Services) -> Any:
    """The whole HTTP side."""
    root = FastAPI(title="Tieline", docs_url=None, redoc_url=None, openapi_url=None)
    root.state.services = services
    install_error_handlers(root, code_and_message)
    root.router.routes += [
        Route("/", _index),
        Route("/healthz", _alive),
        Route("/readyz", _ready),
        Route("/metrics", _metrics),
    ]
    apps = surfaces()
    operations = Operations({name: app.state.routers for name, app in apps.items()})
    for name, app in apps.items():
        app.state.services = services
        app.state.operations = operations
        root.mount(f"/{name}", app)
    return Frame(
        root,
        max_request_bytes=services.settings.max_request_bytes,
        access=AccessRecorder(services.access_log, services.identity),
    )


async def _index(_request: Request) -> Response:
    pages = {name: f"/{name}/docs" for name in surfaces()}
    return reply({"name": "Tieline", "apis": pages, "health": "/readyz", "metrics": "/metrics"})


async def _alive(_request: Request) -> Response:
    return reply({"status": "ok"})


async def _ready(request: Request) -> Response:
    services: Services = request.app.state.services
    try:
        async with asyncio.timeout(3), services.database.system() as tx:
            await tx.fetchval("SELECT 1")
    except (TielineError, TimeoutError) as error:
        return reply({"status": "unavailable", "reason": str(error) or "time out"}, 503)
    return reply({"status": "ok"})


async def _metrics(request: Request) -> Response:
    services: Services = request.app.state.services
    try:
        async with asyncio.timeout(3), services.database.system() as tx:
            now = utc_now()
            oldest = await oldest_waiting_event(tx)
            due = await oldest_due(tx, now)
        metrics.OLDEST_WAITING.set((now - oldest).total_seconds() if oldest else 0)
        OLDEST_DUE.set((now - due).total_seconds() if due else 0)
    except (TielineError, TimeoutError):
        for gauge in (metrics.OLDEST_WAITING, OLDEST_DUE):
            gauge.set(float("nan"))  # unknown is not the same as nothing
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
