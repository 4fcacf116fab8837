"""`tieline serve` and `tieline worker`: a process that runs until a signal ends it."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Coroutine
from typing import Any

import uvloop

from tieline import __version__
from tieline.app import Application
from tieline.cli.errors import AddressTaken, AddressUnusable
from tieline.cli.signals import stop_on_signals
from tieline.serving import address, listening
from tieline.settings import Settings

_BACKLOG = 2048


def serve(settings: Settings, *, work: bool) -> None:
    """Answer requests until SIGTERM or SIGINT. Raises `AddressTaken` and `AddressUnusable`."""
    # Bound before anything starts: a taken port should not cost the start of a database.
    with _bound(settings.host, settings.port) as listener:
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
            _listen(listener, settings)
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


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise AddressUnusable(
            f"{host} is no address ({error.strerror or error}). Choose another one with --host."
        ) from None
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise _unusable(error, host, port) from None
    return listener


def _listen(listener: socket.socket, settings: Settings) -> None:
    try:
        listener.listen(_BACKLOG)
    except OSError as error:  # somebody else bound it at the same time, and listened first
        raise _unusable(error, settings.host, settings.port) from None


def _unusable(error: OSError, host: str, port: int) -> AddressTaken | AddressUnusable:
    if error.errno == errno.EADDRINUSE:
        return AddressTaken(
            f"Port {port} of {host} is in use. Choose another one with --port, or 0 for a free one."
        )
    return AddressUnusable(
        f"Nothing can listen on {host} port {port} ({error.strerror}). "
        "Choose others with --host and --port."
    )


def _announce(listener: socket.socket, settings: Settings, first_key: str | None) -> None:
    print(f"Tieline {__version__} serves {address(settings, listener)}", flush=True)
    if first_key is not None:
        print(f"Admin key, shown only now: {first_key}", flush=True)
    print("Press Ctrl-C to stop.", flush=True)
