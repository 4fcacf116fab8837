"""Hears of changes that any process commits, so that caches stay true."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import asyncpg

from tieline.database.errors import DatabaseUnavailable
from tieline.database.pool import Database

_SECONDS_BETWEEN_ATTEMPTS = 0.2
_SECONDS_BETWEEN_CHECKS = 2.0
_SECONDS_TO_ANSWER = 3.0


class ChangeListener:
    """Listens on one channel. `changed(payload)` is called for each notification, and
    `changed(None)` whenever notifications may have been missed, so that everything is forgotten.
    """

    def __init__(
        self, database: Database, channel: str, changed: Callable[[str | None], None]
    ) -> None:
        self._database = database
        self._channel = channel
        self._changed = changed
        self._task: asyncio.Task[None] | None = None
        self._alive = asyncio.Event()

    @property
    def alive(self) -> bool:
        """Whether every change is heard of; without that nothing may be cached."""
        return self._alive.is_set()

    async def start(self) -> None:
        """Begin to listen; comes back every time the connection is lost."""
        if self._task is None:
            self._task = asyncio.create_task(self._listen())

    async def wait_until_alive(self) -> None:
        """Return as soon as changes are heard of."""
        await self._alive.wait()

    async def stop(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _listen(self) -> None:
        while True:
            ended = asyncio.Event()
            with contextlib.suppress(
                DatabaseUnavailable, asyncpg.PostgresError, asyncpg.InterfaceError, OSError
            ):
                connection = await self._database.listen(
                    [self._channel], lambda _, payload: self._changed(payload), lost=ended.set
                )
                try:
                    self._changed(None)
                    self._alive.set()
                    await _until_lost(connection, ended)
                finally:
                    self._alive.clear()
                    self._changed(None)
                    await connection.close(timeout=1)
            await self._database.revive()
            await asyncio.sleep(_SECONDS_BETWEEN_ATTEMPTS)


async def _until_lost(connection: asyncpg.Connection, ended: asyncio.Event) -> None:
    """Return when the connection has ended, or raise when it does not answer any more.

    A network or a firewall may lose an idle connection without a word to either end; by waiting
    alone nobody would ever notice.
    """
    while not ended.is_set():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SECONDS_BETWEEN_CHECKS):
                await ended.wait()
        if not ended.is_set():
            await connection.execute("SELECT 1", timeout=_SECONDS_TO_ANSWER)
