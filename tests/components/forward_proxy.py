"""A forward proxy: tunnels by CONNECT, with or without a password, and a log of what passed."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from tests.components.local_server import LocalServer

_PHRASES = {400: "Bad Request", 403: "Forbidden", 405: "Method Not Allowed", 502: "Bad Gateway"}


@dataclass(slots=True)
class Passage:
    """A connection that somebody asked for."""

    method: str
    authority: str
    headers: dict[str, str]
    status: int = 0
    sent: int = 0  # bytes from the client on
    received: int = 0


class ForwardProxy(LocalServer):
    """A proxy at `url`. It resolves the names: `routes` says where each of them leads."""

    def __init__(
        self,
        *,
        user: str | None = None,
        password: str = "",
        routes: Mapping[tuple[str, int], tuple[str, int]] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls=tls)
        self.user = user
        self.password = password
        self.routes = dict(routes or {})
        self.passages: list[Passage] = []
        self.refusing: int | None = None  # the status with which all are refused
        self.hanging = False  # nobody is answered
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url_with_password(self) -> str:
        """The address with what it asks for."""
        scheme, _, place = self.url.partition("://")
        return f"{scheme}://{self.user}:{self.password}@{place}"

    def protocol(self) -> asyncio.BaseProtocol:
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(), self._serve)

    def at_end(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._pass(reader, writer)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passage = _read((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
        self.passages.append(passage)
        if self.hanging:
            await reader.read()  # until the client gives up
            return
        refusal = self._refusal(passage)
        if refusal is not None:
            passage.status = refusal
            phrase = _PHRASES.get(refusal, "Refused")
            ask = 'Proxy-Authenticate: Basic realm="proxy"\r\n' if refusal == 407 else ""
            writer.write(f"HTTP/1.1 {refusal} {phrase}\r\n{ask}Content-Length: 0\r\n\r\n".encode())
            await writer.drain()
            return
        host, _, port = passage.authority.rpartition(":")
        place = (host.strip("[]"), int(port))
        try:
            there, beyond = await asyncio.open_connection(*self.routes.get(place, place))
        except OSError:
            passage.status = 502
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        passage.status = 200
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self._writers.add(beyond)
        try:
            await asyncio.gather(
                self._copy(reader, beyond, passage, "sent"),
                self._copy(there, writer, passage, "received"),
            )
        finally:
            self._writers.discard(beyond)
            beyond.close()

    def _refusal(self, passage: Passage) -> int | None:
        if self.refusing is not None:
            return self.refusing
        if self.user is not None:
            expected = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            if passage.headers.get("proxy-authorization") != f"Basic {expected}":
                return 407
        return None if passage.method == "CONNECT" else 405

    async def _copy(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        passage: Passage,
        counted: str,
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                setattr(passage, counted, getattr(passage, counted) + len(data))
                writer.write(data)
                await writer.drain()
        writer.close()


def _read(head: str) -> Passage:
    first, *lines = head.split("\r\n")
    method, authority, _ = first.split(" ", 2)
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines if line)
    }
    return Passage(method, authority, headers)
