"""Answers HTTP requests on a socket, for as long as somebody wants it."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import uvicorn

from tieline.settings import Settings

if TYPE_CHECKING:  # who serves something smaller must not pay for importing all of it
    from tieline.app import Application


@contextlib.asynccontextmanager
async def listening(
    application: Application, settings: Settings, listener: socket.socket
) -> AsyncIterator[asyncio.Task[None]]:
    """Serve the application until the block ends; then the requests under way are finished.

    Yields the task that serves, which ends early only when something is wrong with the socket.
    """
    server = QuietServer(
        uvicorn.Config(
            application.asgi,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=True,
            forwarded_allow_ips=list(settings.trusted_proxies),
            timeout_graceful_shutdown=math.ceil(settings.shutdown_seconds),
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield serving
    finally:
        server.should_exit = True
        application.services.pulling.send_away()
        await serving


def address(settings: Settings, listener: socket.socket) -> str:
    """The URL under which a client on this machine finds the socket."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{listener.getsockname()[1]}"


class QuietServer(uvicorn.Server):
    """uvicorn without its signal handlers: whoever serves has more to stop than the server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
