"""Takes whatever it is sent, keeps it, and answers as told: the other side of a webhook."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any

from tests.components.http_protocol import Fault, HttpProtocol, Received, Reply
from tests.components.local_server import LocalServer

Answering = Callable[[Received], Reply]
OK = Reply(200, b'{"ok":true}', {"content-type": "application/json"})


class Sink(LocalServer):
    """An HTTP server that remembers its requests.

    Each path answers 200, or what `answer` said last for it. Whatever thread it runs in, it may be
    asked and told from any other.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, keep_bodies: bool = True) -> None:
        super().__init__(tls=tls)
        self.keep_bodies = keep_bodies
        self.requests: list[Received] = []
        self.connections = 0
        self.transports: set[asyncio.Transport] = set()  # of the connections that are open
        self.refusing = False  # new connections are reset before anything is read
        self.otherwise: Answering = lambda _request: OK
        self.releasing = asyncio.Event()
        self._came = threading.Condition()
        self._answers: dict[str, Answering | deque[Reply]] = {}

    # --- telling it what to do

    def at(self, path: str) -> str:
        """The address of a path."""
        return self.url + path

    def answer(self, path: str, *how: Reply | Answering) -> str:
        """Answer so at a path from now on; several replies come in turn, and the last one stays.

        Gives the address of the path.
        """
        if len(how) == 1 and callable(how[0]):
            self._answers[path] = how[0]
        else:
            replies = deque(each for each in how if isinstance(each, Reply))
            assert replies, "one callable, or some replies"
            assert len(replies) == len(how), "one callable, or some replies"
            self._answers[path] = replies
        return self.at(path)

    def release(self) -> None:
        """End the answers that hang: their connections are reset."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._release)

    def clear(self) -> None:
        """Forget the requests and what was told."""
        self.requests.clear()
        self._answers.clear()

    # --- asking it

    def received(self, path: str) -> list[Received]:
        """The requests to a path, in the order in which they came."""
        return [request for request in list(self.requests) if request.path == path]

    async def wait_for(
        self, count: int, path: str | None = None, *, seconds: float = 20
    ) -> list[Received]:
        """The requests (to a path) once there are that many. Fails after `seconds`."""
        until = time.monotonic() + seconds
        while len(self._of(path)) < count:
            assert time.monotonic() < until, self._too_few(count, path)
            await asyncio.sleep(0.005)
        return self._of(path)

    def wait(self, count: int, path: str | None = None, *, seconds: float = 20) -> list[Received]:
        """The same for tests without a loop; the sink runs in a thread."""
        with self._came:
            enough = self._came.wait_for(lambda: len(self._of(path)) >= count, seconds)
        assert enough, self._too_few(count, path)
        return self._of(path)

    def _of(self, path: str | None) -> list[Received]:
        return list(self.requests) if path is None else self.received(path)

    def _too_few(self, count: int, path: str | None) -> str:
        found = self._of(path)
        return f"{len(found)} of {count} requests came: {found}"

    def counts(self, header: str = "webhook-id") -> Counter[str]:
        """How many requests came with each value of a header."""
        return Counter(request.header(header) or "" for request in list(self.requests))

    # --- being a server

    def protocol(self) -> asyncio.BaseProtocol:
        self.connections += 1
        return _Connection(self.connections, self)

    def at_end(self) -> None:
        for transport in list(self.transports):
            transport.abort()

    def drops_early(self, request: Received) -> bool:
        plan = self._answers.get(request.path)
        if not isinstance(plan, deque) or plan[0].fault is not Fault.DROP_EARLY:
            return False
        request.answered = Fault.DROP_EARLY
        self._take(plan)
        self._keep(request)
        return True

    def reply(self, request: Received) -> Reply:
        plan = self._answers.get(request.path, self.otherwise)
        reply = self._take(plan) if isinstance(plan, deque) else plan(request)
        if not self.keep_bodies:
            request.body = b""
        self._keep(request)
        return reply

    def _keep(self, request: Received) -> None:
        with self._came:
            self.requests.append(request)
            self._came.notify_all()

    def _take(self, plan: deque[Reply]) -> Reply:
        return plan.popleft() if len(plan) > 1 else plan[0]

    def _release(self) -> None:
        self.releasing.set()
        self.releasing = asyncio.Event()


class _Connection(HttpProtocol):
    def __init__(self, number: int, sink: Sink) -> None:
        super().__init__(number, sink)
        self._sink = sink

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._sink.transports.add(self._transport)
        if self._sink.refusing:
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._sink.transports.discard(self._transport)


def summary(requests: Iterable[Received]) -> list[dict[str, Any]]:
    """Requests as they can be handed to another process: without their bodies."""
    return [
        {
            "method": request.method,
            "target": request.target,
            "headers": dict(request.headers),
            "bytes": len(request.body),
            "at": request.at,
            "answered": request.answered,
        }
        for request in requests
    ]
