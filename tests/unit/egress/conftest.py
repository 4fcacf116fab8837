"""Small servers on this machine that answer byte by byte as a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import ip_address

import pytest

from tieline.egress.addresses import Address
from tieline.egress.allowances import AllowList
from tieline.egress.client import EgressClient
from tieline.egress.errors import NameUnknown

Handler = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class RawServer:
    """A server on a free port: what it was sent, and how it answers."""

    handler: Handler
    tls: ssl.SSLContext | None = None
    port: int = 0
    requests: list[str] = field(default_factory=list)
    connections: int = 0
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[RawServer]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in self._writers:
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = next(
                    (
                        int(line[15:])
                        for line in head.split("\r\n")
                        if line[:15] == "Content-Length:"
                    ),
                    0,
                )
                self.requests.append(head + (await reader.readexactly(length)).decode("latin-1"))
                await self.handler(self.requests[-1], writer)
                await writer.drain()


def answering(
    body: bytes = b"ok", status: str = "200 OK", headers: str = "", *, length: bool = True
) -> Handler:
    """A handler that always answers the same."""

    async def handle(_request: str, writer: asyncio.StreamWriter) -> None:
        sized = f"Content-Length: {len(body)}\r\n" if length else "Connection: close\r\n"
        writer.write(f"HTTP/1.1 {status}\r\n{sized}{headers}\r\n".encode() + body)
        if not length:
            await writer.drain()
            writer.close()

    return handle


class Names:
    """A resolver with answers that a test sets; a list of lists gives them one after the other."""

    def __init__(self, **answers: list[str] | list[list[str]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int) -> list[Address]:
        self.asked.append(host)
        answer = self.answers.get(host.replace(".", "_").replace("-", "_"))
        if not answer:
            raise NameUnknown
        if isinstance(answer[0], list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        return [ip_address(text) for text in answer]

    def close(self) -> None:
        pass


LOOPBACK = AllowList.parse(["127.0.0.1"])


@pytest.fixture
async def egress() -> AsyncIterator[EgressClient]:
    """A client that may call this machine by its address."""
    client = EgressClient(LOOPBACK)
    yield client
    await client.close()
