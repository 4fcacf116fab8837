"""Consumers that wait for messages: woken by notifications, without a connection meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from uuid import UUID

from tieline.database import Database
from tieline.database.notifications import ChangeListener
from tieline.outbound.deliveries.repository import CHANNEL
from tieline.outbound.pulling import metrics

_UNHEARD_SECONDS = 1.0  # how often to look while notifications cannot be heard


class Bells:
    """Rings for whoever waits for a webhook's messages, when there may be some.

    Each of those who wait has a bell of its own; one that was rung before anybody listened to it is
    heard all the same.
    """

    def __init__(self, database: Database) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._listener = ChangeListener(database, CHANNEL, self.ring)
        self._open = True

    async def start(self) -> None:
        """Begin to hear of messages."""
        self._open = True
        await self._listener.start()

    def close(self) -> None:
        """Let nobody wait any more."""
        self._open = False
        self.ring(None)

    async def stop(self) -> None:
        """Stop listening."""
        await self._listener.stop()

    @property
    def open(self) -> bool:
        """Whether it makes sense to wait."""
        return self._open

    def ring(self, webhook: str | None) -> None:
        """Wake those who wait for `<organisation>/<webhook>`; None stands for all."""
        if webhook is None:
            for bells in self._waiting.values():
                for bell in bells:
                    bell.set()
            return
        for bell in self._waiting.get(webhook, ()):
            bell.set()

    @contextlib.contextmanager
    def bell(self, org_id: str, webhook_id: UUID) -> Iterator[asyncio.Event]:
        """A bell that rings from now on."""
        name, bell = f"{org_id}/{webhook_id}", asyncio.Event()
        self._waiting.setdefault(name, set()).add(bell)
        metrics.WAITING.inc()
        try:
            yield bell
        finally:
            metrics.WAITING.dec()
            self._waiting[name].discard(bell)
            if not self._waiting[name]:
                del self._waiting[name]

    def count(self, org_id: str, webhook_id: UUID) -> int:
        """How many wait for a webhook's messages."""
        return len(self._waiting.get(f"{org_id}/{webhook_id}", ()))

    async def heard(self, bell: asyncio.Event, seconds: float) -> None:
        """Return when the bell rings, after so many seconds at the latest, and silence it."""
        if not self._listener.alive:
            seconds = min(seconds, _UNHEARD_SECONDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await bell.wait()
        bell.clear()
