"""Tieline itself, served from this process for as long as the demo lasts."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn

from tieline.app import Application
from tieline.demo.models import Served
from tieline.settings import Settings

DEMO_ORGANISATION = "default"


@contextlib.asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[Served]:
    """Start Tieline with a worker, and stop it in good order at the end."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.create_server((settings.host, settings.port), family=family) as listener:
        application = await Application.start(settings, work=True, serve=True)
        try:
            _, key = await application.services.identity.create_key(DEMO_ORGANISATION, name="demo")
            async with _listening(application, settings, listener):
                host = f"[{settings.host}]" if ":" in settings.host else settings.host
                yield Served(f"http://{host}:{listener.getsockname()[1]}", key)
        finally:
            await application.stop()


@contextlib.asynccontextmanager
async def _listening(
    application: Application, settings: Settings, listener: socket.socket
) -> AsyncIterator[None]:
    server = _Server(
        uvicorn.Config(
            application.asgi,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=math.ceil(settings.shutdown_seconds),
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the demo ends by its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
