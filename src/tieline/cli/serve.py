"""`tieline serve` and `tieline worker`: a process that runs until a signal ends it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any

import uvloop

from tieline import __version__
from tieline.app import Application
from tieline.cli.signals import stop_on_signals
from tieline.cli.sockets import bound, listen
from tieline.serving import address, listening
from tieline.settings import Settings


def serve(settings: Settings, *, work: bool) -> None:
    """Answer requests until SIGTERM or SIGINT. Raises `AddressTaken` and `AddressUnusable`."""
    # Bound before anything starts: a taken port should not cost the start of a database.
    with bound(settings.host, settings.port) as listener:
        # Addresses that are handed out name the port that was really taken.
        settings = settings.model_copy(update={"port": listener.getsockname()[1]})
        _run(_serve(settings, listener, work=work))


def work(settings: Settings) -> None:
    """Work through the queue until SIGTERM or SIGINT."""
    _run(_work(settings))


def _run(coroutine: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(coroutine)


async def _serve(settings: Settings, listener: socket.socket, *, work: bool) -> None:
    with stop_on_signals() as stopping:
        application = await Application.start(settings, work=work, serve=True)
        try:
            first_key = await application.services.identity.create_first_key()
            listen(listener, settings.host, settings.port)
            _announce(listener, settings, first_key)
            await _answer(application, listener, settings, stopping)
        finally:
            await application.stop()


async def _answer(
    application: Application,
    listener: socket.socket,
    settings: Settings,
    stopping: asyncio.Event,
) -> None:
    async with listening(application, settings, listener) as serving:
        stop = asyncio.create_task(stopping.wait())
        await asyncio.wait({serving, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()


async def _work(settings: Settings) -> None:
    with stop_on_signals() as stopping:
        application = await Application.start(settings, work=True, serve=False)
        try:
            print(f"Tieline {__version__} works. Press Ctrl-C to stop.", flush=True)
            await stopping.wait()
        finally:
            await application.stop()


def _announce(listener: socket.socket, settings: Settings, first_key: str | None) -> None:
    print(f"Tieline {__version__} serves {address(settings, listener)}", flush=True)
    if first_key is not None:
        print(f"Admin key, shown only now: {first_key}", flush=True)
    print("Press Ctrl-C to stop.", flush=True)
