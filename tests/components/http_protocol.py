"""HTTP/1.1 as a server speaks it, byte by byte, so that it can also be spoken wrongly."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Protocol, cast
from urllib.parse import parse_qs, unquote, urlsplit

import httptools

from tieline.kit import json

_CHUNK = b"0" * 65_536


class Fault(StrEnum):
    """What goes wrong with an answer."""

    HANG = "hang"  # none comes
    DROP = "drop"  # the connection is reset once the request is read
    DROP_EARLY = "drop-early"  # it is reset after the headers: the body is never read
    TRUNCATE = "truncate"  # half of the announced body comes, then the connection ends
    ENDLESS_BODY = "endless-body"  # the body goes on for as long as anybody reads it
    ENDLESS_HEADERS = "endless-headers"
    DRIP = "drip"  # the body comes a byte at a time, one every `delay` seconds
    GARBAGE = "garbage"  # what comes is no HTTP


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: after `delay` seconds, with whatever `fault`."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    fault: Fault | None = None

    @classmethod
    def of(cls, content: Any, status: int = 200, **headers: str) -> Reply:
        """An answer in JSON."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, json.dumps(content), {"content-type": "application/json", **named})

    def wire(self, head: bool = False) -> bytes:
        """The answer as it is sent when nothing goes wrong."""
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = "Answer"
        announced = len(self.body) * (2 if self.fault is Fault.TRUNCATE else 1)
        announced += 2 if self.fault is Fault.TRUNCATE else 0
        endless = self.fault is Fault.ENDLESS_BODY
        length = {} if endless else {"content-length": str(announced)}
        lines = [f"HTTP/1.1 {self.status} {phrase}"]
        lines += [f"{name}: {value}" for name, value in {**length, **self.headers}.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (b"" if head else self.body)


@dataclass(slots=True)
class Received:
    """A request as it came. `connection` tells apart the connections over which they came."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    at: float  # seconds since 1970
    connection: int
    answered: int | str | None = None  # the status, or the fault

    @property
    def path(self) -> str:
        """The path, decoded."""
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the query; of several with one name the last."""
        return _last(parse_qs(urlsplit(self.target).query, keep_blank_values=True))

    def header(self, name: str) -> str | None:
        """The value of a header, by its name in lower case."""
        return next((value for key, value in self.headers if key == name), None)

    def json(self) -> Any:
        """The body, which is JSON."""
        return json.loads(self.body)

    def form(self) -> dict[str, str]:
        """The body, which is a form."""
        return _last(parse_qs(self.body.decode(), keep_blank_values=True))


def _last(values: Mapping[str, list[str]]) -> dict[str, str]:
    return {name: each[-1] for name, each in values.items()}


class Site(Protocol):
    """What answers."""

    releasing: asyncio.Event
    """Set when answers that hang are to end."""

    def drops_early(self, request: Received) -> bool:
        """Whether to break off now that there are headers, but no body yet."""
        ...

    def reply(self, request: Received) -> Reply:
        """The answer to a request that is there in full."""
        ...


class HttpProtocol(asyncio.Protocol):
    """One connection: reads requests one after the other and answers each as the site says.

    A client that sends its next request before it has the answer is not served.
    """

    def __init__(self, number: int, site: Site) -> None:
        self._number = number
        self._site = site
        self._parser = httptools.HttpRequestParser(self)
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.Transport
        self.on_message_begin()

    # --- the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    # --- what the parser calls

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers: list[tuple[str, str]] = []
        self._body: list[bytes] = []

    def on_url(self, target: bytes) -> None:
        self._target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        if self._site.drops_early(self._received()):
            self._transport.abort()
        elif dict(self._headers).get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if self._transport.is_closing():
            return
        request = self._received()
        reply = self._site.reply(request)
        request.answered = reply.fault or reply.status
        if reply.fault is None and not reply.delay:
            self._transport.write(reply.wire(request.method == "HEAD"))
            self._end_unless_kept(reply)
        else:
            self._task = asyncio.get_running_loop().create_task(self._answer(request, reply))

    def _received(self) -> Received:
        return Received(
            self._parser.get_method().decode(),
            self._target.decode("latin-1"),
            tuple(self._headers),
            b"".join(self._body),
            time.time(),
            self._number,
        )

    def _end_unless_kept(self, reply: Reply) -> None:
        if reply.headers.get("connection") == "close" or not self._parser.should_keep_alive():
            self._transport.close()

    async def _answer(self, request: Received, reply: Reply) -> None:
        wire = reply.wire(request.method == "HEAD")
        match reply.fault:
            case None:
                await asyncio.sleep(reply.delay)
                self._transport.write(wire)
                self._end_unless_kept(reply)
            case Fault.HANG:
                await self._site.releasing.wait()
                self._transport.abort()
            case Fault.DROP | Fault.DROP_EARLY:
                await asyncio.sleep(reply.delay)
                self._transport.abort()
            case Fault.TRUNCATE:
                await asyncio.sleep(reply.delay)
                self._transport.write(wire)
                self._transport.close()
            case Fault.ENDLESS_BODY | Fault.ENDLESS_HEADERS | Fault.DRIP:
                for part in _pieces(reply, wire):
                    await self._writable.wait()
                    self._transport.write(part)
                    await asyncio.sleep(reply.delay)
            case Fault.GARBAGE:
                self._transport.write(b"Hello, this is no HTTP.\r\n\r\n")
                self._transport.close()


def _pieces(reply: Reply, wire: bytes) -> Iterator[bytes]:
    """What is sent bit by bit."""
    if reply.fault is Fault.DRIP:
        head = len(wire) - len(reply.body)
        yield wire[:head]
        yield from (reply.body[at : at + 1] for at in range(len(reply.body)))
        return
    if reply.fault is Fault.ENDLESS_HEADERS:
        yield f"HTTP/1.1 {reply.status} Answer\r\n".encode()
        for number in range(1_000_000):
            yield b"x-filler-%d: %s\r\n" % (number, b"0" * 200)
        return
    yield wire
    for _ in range(1_000_000):
        yield _CHUNK
