"""Takes deliveries over HTTP, and answers them as a rehearsal says."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import socket
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import uvicorn

from tieline.kit import json
from tieline.kit.time import Clock, utc_now
from tieline.receiving.keys import NO_KEYS, Keys
from tieline.receiving.models import Answer, Delivery
from tieline.receiving.rehearsal import ALWAYS_WELL, Rehearsal
from tieline.receiving.verification import verify
from tieline.serving import QuietServer

LARGEST_BODY = 20_000_000
_REMEMBERED_MESSAGES = 100_000

_Message = MutableMapping[str, Any]


@dataclass(slots=True)
class _Seen:
    times: int
    digest: bytes


class Receiver:
    """An ASGI application that takes whatever it is sent as a delivery.

    `took` is called with each delivery before it is answered. `keys` can be given later: they
    count from the next delivery on.
    """

    def __init__(
        self,
        took: Callable[[Delivery], None],
        *,
        keys: Keys = NO_KEYS,
        rehearsal: Rehearsal = ALWAYS_WELL,
        clock: Clock = utc_now,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.keys = keys
        self._took = took
        self._rehearsal = rehearsal
        self._clock = clock
        self._chance = chance
        self._seen: OrderedDict[str, _Seen] = OrderedDict()

    async def __call__(
        self,
        scope: Mapping[str, Any],
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        """Take one request."""
        body = await _body(receive)
        if body is None:
            return
        if len(body) > LARGEST_BODY:
            await _answer(send, Answer(413))
            return
        delivery = self._delivery(scope, body)
        self._took(delivery)
        await asyncio.sleep(delivery.answer.delay)
        await _answer(send, delivery.answer)

    def _delivery(self, scope: Mapping[str, Any], body: bytes) -> Delivery:
        now = self._clock()
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        message_id = headers.get("webhook-id")
        earlier, changed = self._note(message_id, body)
        attempt = headers.get("x-webhook-attempt", "")
        return Delivery(
            at=now,
            method=scope["method"],
            path=scope["path"],
            headers=headers,
            body=body,
            message_id=message_id,
            attempt=int(attempt) if attempt.isdecimal() and len(attempt) < 10 else None,
            event_name=event_name(body),
            verification=verify(headers, body, self.keys, now),
            answer=self._rehearsal.answer(earlier, self._chance),
            earlier=earlier,
            changed=changed,
        )

    def _note(self, message_id: str | None, body: bytes) -> tuple[int, bool]:
        """How often the message came before, and whether with other bytes."""
        if message_id is None:
            return 0, False
        digest = hashlib.sha256(body).digest()
        seen = self._seen.get(message_id)
        if seen is None:
            self._seen[message_id] = _Seen(1, digest)
            if len(self._seen) > _REMEMBERED_MESSAGES:
                self._seen.popitem(last=False)
            return 0, False
        seen.times += 1
        return seen.times - 1, seen.digest != digest


@contextlib.asynccontextmanager
async def receiving(receiver: Receiver, listener: socket.socket) -> AsyncIterator[None]:
    """Take deliveries on a socket until the block ends; answers that are due are still given."""
    server = QuietServer(
        uvicorn.Config(
            receiver,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def event_name(body: bytes) -> str | None:
    """The name of the event in a body, where events and webhooks of Tieline put it, or None."""
    try:
        content = json.loads(body)
    except (json.InvalidJson, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    metadata = content.get("metadata")
    places = (content, metadata if isinstance(metadata, dict) else {})
    found = (place.get(name) for place in places for name in ("_event_name", "event_name"))
    return next((name for name in found if isinstance(name, str) and name), None)


async def _body(receive: Callable[[], Awaitable[_Message]]) -> bytes | None:
    """The body, cut off where it becomes too large; None if the sender left."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if not message.get("more_body") or len(body) > LARGEST_BODY:
            return bytes(body)


async def _answer(send: Callable[[_Message], Awaitable[None]], answer: Answer) -> None:
    # What these statuses mean rules out a body (RFC 9110, sections 15.3.5 and 15.4.5).
    body = b"" if answer.status in (204, 304) else b'{"received":true}'
    headers = [(b"content-type", b"application/json")] if body else []
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
