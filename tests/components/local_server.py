"""A server on a free loopback port, run by the loop of a test or by a thread of its own."""

from __future__ import annotations

import abc
import asyncio
import contextlib
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Self


class LocalServer(abc.ABC):
    """Something that listens on `port` of 127.0.0.1 while it is `running` or `serving`."""

    scheme = "http"

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.tls = tls
        self.port = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    @abc.abstractmethod
    def protocol(self) -> asyncio.BaseProtocol:
        """What talks over a new connection."""

    def at_end(self) -> None:  # noqa: B027 - most have nothing to end
        """End what is still going on, in the loop that serves."""

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"{self.scheme}{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    @contextlib.asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[Self]:
        """Serve from the present loop, on this port or a free one."""
        self._loop = asyncio.get_running_loop()
        server = await self._loop.create_server(
            self.protocol, "127.0.0.1", port, ssl=self.tls, backlog=2048
        )
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.at_end()
            await asyncio.sleep(0)  # connections that are broken off learn of it
            self._loop = None

    @contextlib.contextmanager
    def running(self, port: int = 0) -> Iterator[Self]:
        """Serve from a thread, so that a busy or blocked test does not hold it up."""
        started = threading.Event()
        ended: list[asyncio.Event] = []

        async def run() -> None:
            async with self.serving(port):
                ended.append(asyncio.Event())
                started.set()
                await ended[0].wait()

        thread = threading.Thread(target=asyncio.run, args=(run(),), daemon=True)
        thread.start()
        while not started.wait(0.05):
            assert thread.is_alive(), "the server did not start"
        loop = self._loop
        assert loop is not None
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(ended[0].set)
            thread.join(10)
