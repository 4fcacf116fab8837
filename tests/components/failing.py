"""Sinks that fail some of what they are sent, the same each time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from tests.components.http_protocol import Fault, Received, Reply
from tests.components.sink import OK

# What an endpoint in trouble does.
TROUBLES = (Reply(500), Reply(503), Reply(fault=Fault.DROP), Reply(429), Reply(302))


@dataclass(frozen=True)
class FailingShare:
    """Fails a share (0..1) of the requests.

    By `message`, the same messages fail at each attempt, so that they end as dead letters; by
    `attempt`, each attempt has its own luck. Which ones is settled by their ids alone.
    """

    share: float
    by: str = "message"
    how: Sequence[Reply] = (Reply(500),)

    def __call__(self, request: Received) -> Reply:
        """The answer."""
        luck = self.luck(request)
        if luck >= self.share:
            return OK
        return self.how[int(luck / self.share * len(self.how))]

    def luck(self, request: Received) -> float:
        """A number from 0 to 1 that a request always has."""
        attempt = request.header("x-webhook-attempt") if self.by == "attempt" else ""
        text = f"{request.header('webhook-id')}/{attempt}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48
