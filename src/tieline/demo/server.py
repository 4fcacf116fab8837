"""Tieline itself, served from this process for as long as the demo lasts."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator

from tieline.app import Application
from tieline.demo.models import Served
from tieline.serving import address, listening
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
            async with listening(application, settings, listener):
                yield Served(address(settings, listener), key, DEMO_ORGANISATION)
        finally:
            await application.stop()
