"""What one can ask of the engine: start and stop in a worker process, one attempt at once."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Coroutine
from datetime import datetime
from typing import Any
from uuid import UUID

from tieline.audit.actor import SYSTEM, acting_as
from tieline.database import Database
from tieline.database.notifications import ChangeListener
from tieline.kit.ids import new_uuid
from tieline.kit.time import Clock, utc_now
from tieline.outbound.acknowledgements.service import begin_waiting
from tieline.outbound.deliveries.engine.flights import Flights
from tieline.outbound.deliveries.engine.loop import Loop, Wait
from tieline.outbound.deliveries.engine.models import AttemptResult, Key
from tieline.outbound.deliveries.engine.recording import Chance
from tieline.outbound.deliveries.engine.sending import Sender
from tieline.outbound.deliveries.engine.shares import Shares
from tieline.outbound.deliveries.engine.single import SingleAttempts
from tieline.outbound.deliveries.engine.switching import Switching
from tieline.outbound.deliveries.engine.turns import Delivered, Turns
from tieline.outbound.deliveries.repository import CHANNEL

_SECONDS_TO_RECORD = 5.0


class DeliveryEngine:
    """Delivers what waits, in every process in which it is started.

    `capacity` is how many requests of this process may be under way at once. `wait(event, moment)`
    returns when the event is set or the moment has come.
    """

    def __init__(
        self,
        database: Database,
        sender: Sender,
        *,
        clock: Clock = utc_now,
        wait: Wait | None = None,
        chance: Chance = random.random,
        capacity: int = 256,
        sweep_seconds: float = 5.0,
        delivered: Delivered = begin_waiting,
    ) -> None:
        self._clock = clock
        self._background: set[asyncio.Task[Any]] = set()
        holder, stirred = new_uuid(), asyncio.Event()
        turns = Turns(database, holder, clock=clock, chance=chance, delivered=delivered)
        shares: Shares[Key] = Shares(capacity)
        self._flights = Flights(sender, shares, clock, stirred.set)
        self._switching = Switching(database, clock)
        self._loop = Loop(
            *(database, turns, self._flights, shares),
            holder=holder,
            clock=clock,
            wait=wait or self._wait,
            sweep_seconds=sweep_seconds,
            stirred=stirred,
            switching=self._switching,
        )
        # A holder of its own: what the loop does not know of it would free after a failure.
        self._single = SingleAttempts(database, turns, sender, new_uuid(), clock)
        self._listener = ChangeListener(database, CHANNEL, self._loop.heard)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to deliver."""
        with acting_as(SYSTEM):
            await self._listener.start()
            self._task = asyncio.create_task(self._loop.run(), name="tieline-deliveries")

    async def stop(self, seconds: float) -> None:
        """Begin nothing more, and give what is under way so long to end.

        What has not ended by then is noted as interrupted, and sent again by another process or
        after the next start.
        """
        self._loop.stop_leasing()
        await self._listener.stop()
        await asyncio.gather(self._flights.land(seconds), self._finish(seconds))
        await self._switching.finish(seconds)
        if self._task is not None:
            # Without the database nothing can be recorded; then the leases run out.
            await asyncio.wait({self._task}, timeout=_SECONDS_TO_RECORD)
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def attempt_now(self, org_id: str, delivery_id: UUID) -> AttemptResult:
        """Make an attempt at a delivery at once, whenever it is due, and tell what came of it.

        Neither a pause nor the circuit nor the rate of the webhook hold it back. A delivery that is
        under way already is waited for; of one that has ended, the end is told. If the caller goes
        away the attempt goes on. Not to be called within a transaction.

        Raises `DeliveryNotFound`, and `DeliveryUnderWay` when another process takes too long.
        """
        task = self._spawn(self._attempt(org_id, delivery_id))
        return await asyncio.shield(task)

    async def _attempt(self, org_id: str, delivery_id: UUID) -> AttemptResult:
        with acting_as(SYSTEM):
            result, turn = await self._single.attempt(org_id, delivery_id)
        if turn is not None:
            self._switching.decide(turn.came, self._loop.look_after)
            for each in turn.came.health:
                self._loop.look_after(each)
        return result

    async def _finish(self, seconds: float) -> None:
        if self._background:
            _, left = await asyncio.wait(set(self._background), timeout=seconds)
            for task in left:
                task.cancel()

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def _wait(self, event: asyncio.Event, moment: datetime | None) -> None:
        if moment is None:
            await event.wait()
            return
        seconds = (moment - self._clock()).total_seconds()
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()
