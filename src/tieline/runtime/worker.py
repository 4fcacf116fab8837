"""A worker: takes jobs from the queue, survives the loss of the database, stops gracefully."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import asyncpg
import structlog
from pgqueuer import PgQueuer
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job as QueuedJob

from tieline.database import Database
from tieline.database.errors import DatabaseUnavailable
from tieline.runtime.queue import job_ids

log = structlog.get_logger(__name__)

Handler = Callable[[Mapping[str, Any]], Awaitable[None]]

_SHORTEST_PAUSE = 0.1  # seconds between two attempts to reach the database
_LONGEST_PAUSE = 3.0
_RETRY_AFTER = timedelta(seconds=1)


class Worker:
    """Runs the handlers of one process until it is told to stop."""

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, Handler],
        *,
        heartbeat: timedelta,
        concurrency: int = 20,
    ) -> None:
        self._database = database
        self._handlers = handlers
        self._heartbeat = heartbeat
        self._concurrency = concurrency
        self._stopping = asyncio.Event()
        self._queue: PgQueuer | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to take jobs."""
        self._task = asyncio.create_task(self._run(), name="tieline-worker")

    async def stop(self, patience: float) -> None:
        """Take no more jobs and let the running ones finish for up to `patience` seconds.

        What is still running then is cancelled: its transaction rolls back, and its job is taken
        over by another worker once its heartbeat is overdue.
        """
        self._stopping.set()
        if self._queue is not None:
            self._queue.shutdown.set()
        if self._task is None:
            return
        _, unfinished = await asyncio.wait({self._task}, timeout=patience)
        for task in unfinished:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        pause = _SHORTEST_PAUSE
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                await self._serve()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                # Whatever ended the session with the database: start a new one.
                log.warning("worker.reconnecting", reason=str(error) or type(error).__name__)
                await self._database.revive()
                lasted = time.monotonic() - began > _LONGEST_PAUSE
                pause = _SHORTEST_PAUSE if lasted else min(2 * pause, _LONGEST_PAUSE)
                await asyncio.sleep(pause)

    async def _serve(self) -> None:
        connection = await self._database.dedicated()
        try:
            queue = PgQueuer.from_asyncpg_connection(connection)
            connection.add_termination_listener(lambda _connection: queue.shutdown.set())
            for name, handler in self._handlers.items():
                self._register(queue, name, handler)
            self._queue = queue
            if self._stopping.is_set():
                return
            await queue.run(
                dequeue_timeout=timedelta(seconds=5),
                batch_size=self._concurrency // 2,
                max_concurrent_tasks=self._concurrency,
                heartbeat_timeout=self._heartbeat,
                shutdown_on_listener_failure=True,
            )
        finally:
            self._queue = None
            with contextlib.suppress(asyncpg.InterfaceError, OSError, TimeoutError):
                await connection.close(timeout=2)

    def _register(self, queue: PgQueuer, name: str, handler: Handler) -> None:
        async def run(job: QueuedJob) -> None:
            structlog.contextvars.clear_contextvars()
            structlog.contextvars.bind_contextvars(job=name, job_id=int(job.id))
            try:
                await handler(job_ids(job.payload))
            except DatabaseUnavailable as error:
                raise RetryRequested(delay=_RETRY_AFTER, reason=error.message) from error

        queue.entrypoint(name)(run)
