"""When each key, or each user, was last used, without a write per request."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

import asyncpg
import structlog

from tieline.database import Database, Transaction
from tieline.identity.api_keys import repository
from tieline.kit.errors import TielineError

log = structlog.get_logger(__name__)

_SECONDS_BETWEEN_WRITES = 10.0

Store = Callable[[Transaction, Mapping[tuple[str, str], datetime]], Awaitable[None]]


class LastUsed:
    """Remembers uses in memory and writes them together, every ten seconds and at the end."""

    def __init__(
        self,
        database: Database,
        seconds: float = _SECONDS_BETWEEN_WRITES,
        *,
        store: Store = repository.write_last_uses,
    ) -> None:
        self._database = database
        self._seconds = seconds
        self._store = store
        self._uses: dict[tuple[str, str], datetime] = {}
        self._task: asyncio.Task[None] | None = None

    def note(self, org_id: str, key_id: str, moment: datetime) -> None:
        """A key, or whatever else has this id, was used."""
        self._uses[org_id, key_id] = moment

    async def write(self) -> None:
        """Store what was noted; a moment stored by another process only moves forward."""
        uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            async with self._database.system() as tx:
                await self._store(tx, uses)
        except BaseException:
            # Kept for the next time, unless the key has been used again since.
            self._uses = {**uses, **self._uses}
            raise

    async def start(self) -> None:
        """Begin to write from time to time."""
        self._task = asyncio.create_task(self._repeat())

    async def stop(self) -> None:
        """Write what is left, if the database can be reached, and end."""
        if self._task is None:
            return
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._task = None
        await self._attempt()

    async def _repeat(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            await self._attempt()

    async def _attempt(self) -> None:
        try:
            await self.write()
        except (TielineError, asyncpg.PostgresError) as error:
            log.warning("last_used.not_written", reason=str(error))
