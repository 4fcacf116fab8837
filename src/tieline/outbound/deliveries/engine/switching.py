"""Pauses and disables webhooks that ask for it by the way they answer.

It happens beside the turns, in transactions of its own: the record of a webhook may be locked by a
caller who waits for the lock on its state, which a turn holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import asyncpg
import structlog

from tieline.audit.actor import SYSTEM, acting_as
from tieline.database import Database
from tieline.database.errors import DatabaseUnavailable
from tieline.kit.time import Clock
from tieline.outbound.deliveries.engine.models import Key
from tieline.outbound.deliveries.engine.recording import Consequences
from tieline.outbound.deliveries.engine.standings import find_streak
from tieline.outbound.webhooks import switching
from tieline.outbound.webhooks.models import WEBHOOKS
from tieline.records.repository import lock_record

log = structlog.get_logger(__name__)

GONE = "The receiver answered 410 Gone: it wants no messages any more."


class Switching:
    """Carries out what turns have found. Until that is done the webhooks are `barred`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self.barred: set[Key] = set()

    def decide(self, came: Consequences, done: Callable[[Key], None]) -> None:
        """Disable and pause webhooks; `done` is called with each when that has happened."""
        for key in came.disable - self.barred:
            self._begin(key, self._disable(key), done)
        for key in came.pause - self.barred:
            self._begin(key, self._pause(key), done)

    async def finish(self, seconds: float) -> None:
        """Wait so long for what is being carried out; what fails is found again."""
        if self._tasks:
            _, left = await asyncio.wait(set(self._tasks), timeout=seconds)
            for task in left:
                task.cancel()

    def _begin(
        self, key: Key, work: Coroutine[Any, Any, None], done: Callable[[Key], None]
    ) -> None:
        self.barred.add(key)
        task = asyncio.create_task(self._carry_out(key, work, done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(
        self, key: Key, work: Coroutine[Any, Any, None], done: Callable[[Key], None]
    ) -> None:
        try:
            with acting_as(SYSTEM):
                await work
        except (DatabaseUnavailable, asyncpg.PostgresError) as error:
            # The next failure asks for it again.
            log.warning("webhook.not_switched", webhook=str(key.webhook_id), reason=str(error))
        except Exception:
            log.exception("webhook.switching_crashed", webhook=str(key.webhook_id))
        finally:
            self.barred.discard(key)
            done(key)

    async def _disable(self, key: Key) -> None:
        async with self._database.organisation(key.org_id) as tx:
            if await switching.disable(tx, key.webhook_id, GONE, self._clock()):
                log.warning("webhook.disabled", webhook=str(key.webhook_id), reason=GONE)

    async def _pause(self, key: Key) -> None:
        now = self._clock()
        async with self._database.organisation(key.org_id) as tx:
            # Whoever has just resumed it has begun its streak anew.
            await lock_record(tx, WEBHOOKS, key.webhook_id)
            if not (await find_streak(tx, key.webhook_id)).asks_for_pause(now):
                return
            if await switching.pause(tx, key.webhook_id, now):
                log.warning("webhook.paused", webhook=str(key.webhook_id))
