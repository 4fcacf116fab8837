"""Duties that recur: each is done by one process at a time, whichever is first."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import asyncpg
import structlog

from tieline.database import Database, Transaction
from tieline.kit.errors import TielineError

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Duty:
    """Something to do every `seconds`, in a transaction that nobody else's pass overlaps."""

    name: str
    seconds: float
    perform: Callable[[Transaction], Awaitable[None]]


class Periodic:
    """Performs the duties of one process."""

    def __init__(self, database: Database, duties: Sequence[Duty]) -> None:
        self._database = database
        self._duties = duties
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin; each duty is performed at once and then at its interval."""
        self._tasks = [asyncio.create_task(self._repeat(duty)) for duty in self._duties]

    async def stop(self) -> None:
        """Stop between two passes or in the middle of one, which then rolls back."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _repeat(self, duty: Duty) -> None:
        while True:
            try:
                await self._perform(duty)
            except (TielineError, asyncpg.PostgresError) as error:
                log.warning("duty.failed", duty=duty.name, reason=str(error))
            except Exception:
                log.exception("duty.crashed", duty=duty.name)
            await asyncio.sleep(duty.seconds)

    async def _perform(self, duty: Duty) -> None:
        number = int.from_bytes(hashlib.blake2b(duty.name.encode(), digest_size=7).digest(), "big")
        async with self._database.system() as tx:
            if await tx.fetchval("SELECT pg_try_advisory_xact_lock($1)", number):
                await duty.perform(tx)
