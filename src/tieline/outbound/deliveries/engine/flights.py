"""The requests of one process that are under way, and those that have ended unrecorded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

from tieline.kit.time import Clock
from tieline.outbound.deliveries.engine import metrics
from tieline.outbound.deliveries.engine.models import Attempt, AttemptNumber, Key, Leased
from tieline.outbound.deliveries.engine.sending import Sender
from tieline.outbound.deliveries.engine.shares import QUICK_SECONDS, Shares
from tieline.outbound.deliveries.verdicts import INTERRUPTED, Blame


class Flights:
    """Makes attempts at leased deliveries, each in a task; `landed` is called when one ends."""

    def __init__(
        self, sender: Sender, shares: Shares[Key], clock: Clock, landed: Callable[[], None]
    ) -> None:
        self._sender = sender
        self._shares = shares
        self._clock = clock
        self._landed = landed
        self._under_way: dict[AttemptNumber, asyncio.Task[None]] = {}
        self._ended: list[Attempt] = []

    def begin(self, leased: Leased) -> None:
        """Make the attempt."""
        self._shares.begin(leased.key)
        task = asyncio.create_task(self._fly(leased))
        self._under_way[leased.number] = task
        metrics.IN_FLIGHT.inc()

    def take_ended(self) -> list[Attempt]:
        """The attempts that have ended, in that order; whoever takes them has to record them."""
        taken, self._ended = self._ended, []
        return taken

    @property
    def any_ended(self) -> bool:
        """Whether there is something to be recorded."""
        return bool(self._ended)

    @property
    def any_under_way(self) -> bool:
        """Whether something is yet to end."""
        return bool(self._under_way)

    @property
    def known(self) -> set[AttemptNumber]:
        """The attempts about which this process will have something to tell."""
        return {*self._under_way, *(each.lease.number for each in self._ended)}

    async def land(self, seconds: float) -> None:
        """Wait so long for all to end, then give up the others as interrupted."""
        if self._under_way:
            await asyncio.wait(self._under_way.values(), timeout=seconds)
        left = list(self._under_way.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _fly(self, leased: Leased) -> None:
        key, began, started_at = leased.key, time.perf_counter(), self._clock()
        loop = asyncio.get_running_loop()
        slow = loop.call_later(QUICK_SECONDS, partial(self._shares.note, key, quick=False))
        try:
            attempt = await self._sender.attempt(leased)
        except asyncio.CancelledError:
            # Only `land` cancels; what was interrupted is told, and sent again by somebody else.
            attempt = Attempt(
                lease=leased, verdict=INTERRUPTED, started_at=started_at, ended_at=self._clock()
            )
        slow.cancel()
        self._shares.end(key)
        seconds = time.perf_counter() - began
        if seconds < QUICK_SECONDS and attempt.verdict.blame is not Blame.OURSELVES:
            self._shares.note(key, quick=True)
        self._ended.append(attempt)
        del self._under_way[leased.number]
        metrics.IN_FLIGHT.dec()
        metrics.ATTEMPTS.labels(attempt.verdict.outcome.value).inc()
        metrics.SECONDS.observe(seconds)
        self._landed()
