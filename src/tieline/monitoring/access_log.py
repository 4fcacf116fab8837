"""The log of API calls: written behind the calls' backs, asked by the organisation that called."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from datetime import timedelta

import structlog

from tieline import metrics
from tieline.database import Database
from tieline.kit.errors import Unavailable
from tieline.kit.time import Clock, utc_now
from tieline.monitoring import access_log_repository as repository
from tieline.monitoring.access_models import AccessCursor, AccessEntry, AccessPage, AccessQuery
from tieline.monitoring.statistics import check_order

log = structlog.get_logger(__name__)

_WRITTEN_TOGETHER = 1_000
_MOST_WAITING = 20_000
_SECONDS = 1.0


class AccessLog:
    """Remembers calls, writes them down about once a second, and answers questions about them.

    A call is answered before it is written down: a process that dies takes the last second along.
    When more calls wait than `capacity`, the oldest ones are forgotten and counted as lost.
    """

    def __init__(
        self,
        database: Database,
        *,
        retention: timedelta = timedelta(days=30),
        capacity: int = _MOST_WAITING,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._retention = retention
        self._clock = clock
        self._waiting: deque[AccessEntry] = deque()
        self._capacity = capacity
        self._enough = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def record(self, entry: AccessEntry) -> None:
        """Remember a call; it is written down soon."""
        waiting = self._waiting
        waiting.append(entry)
        if len(waiting) >= _WRITTEN_TOGETHER:
            self._enough.set()
            self._forget_surplus()

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._write_forever())

    async def stop(self) -> None:
        """Write down what waits, and stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        await self.flush()

    async def flush(self) -> None:
        """Write down what waits. What the database cannot take now waits on."""
        self._enough.clear()
        entries = list(self._waiting)
        if not entries:
            return
        self._waiting.clear()
        try:
            async with self._database.system() as tx:
                await repository.insert_entries(tx, entries)
        except (Unavailable, asyncio.CancelledError) as error:
            self._waiting.extendleft(reversed(entries))
            self._forget_surplus()
            if isinstance(error, asyncio.CancelledError):
                raise
            log.warning("access_log.waits", calls=len(self._waiting), reason=str(error))
        except Exception:
            metrics.CALLS_NOT_LOGGED.inc(len(entries))
            log.exception("access_log.lost", calls=len(entries))

    async def query(self, org_id: str, query: AccessQuery) -> AccessPage:
        """A page of the organisation's calls, newest first.

        Raises `InvalidInput` when the dates are the wrong way round.
        """
        check_order(query.from_date, query.to_date)
        now = self._clock()
        kept_since = now - self._retention - timedelta(days=1)
        cursor = query.cursor
        latest = (now + timedelta(days=1), query.to_date, cursor.at if cursor else None)
        async with self._database.reading(org_id) as tx:
            entries = await repository.newest_entries(
                tx,
                query,
                oldest=max(query.from_date or kept_since, kept_since),
                newest=min(moment for moment in latest if moment is not None),
                count=query.limit + 1,
            )
        page = entries[: query.limit]
        if len(entries) <= query.limit:
            return AccessPage(page, next_cursor=None)
        return AccessPage(page, AccessCursor(page[-1].at, page[-1].request_id))

    async def _write_forever(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SECONDS):
                    await self._enough.wait()
            await self.flush()

    def _forget_surplus(self) -> None:
        surplus = len(self._waiting) - self._capacity
        if surplus > 0:
            metrics.CALLS_NOT_LOGGED.inc(surplus)
            for _ in range(surplus):
                self._waiting.popleft()
