"""The loop of one process: waits until there is something to do, and takes turns.

While the transaction of a turn runs further requests end; the next turn records them in one go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import structlog

from tieline.database import Database
from tieline.database.errors import DatabaseUnavailable
from tieline.kit.ids import parse_uuid
from tieline.kit.time import Clock
from tieline.outbound.deliveries.engine import leases
from tieline.outbound.deliveries.engine.allotment import Allotment
from tieline.outbound.deliveries.engine.apart import Apart
from tieline.outbound.deliveries.engine.board import HealthBoard
from tieline.outbound.deliveries.engine.flights import Flights
from tieline.outbound.deliveries.engine.health import Health
from tieline.outbound.deliveries.engine.models import Attempt, AttemptNumber, Key
from tieline.outbound.deliveries.engine.salvage import record_singly
from tieline.outbound.deliveries.engine.shares import Shares
from tieline.outbound.deliveries.engine.switching import Switching
from tieline.outbound.deliveries.engine.timetable import Timetable
from tieline.outbound.deliveries.engine.turns import Turn, Turns, Wish

log = structlog.get_logger(__name__)

UNREACHABLE = (DatabaseUnavailable, asyncpg.PostgresConnectionError, OSError)
Wait = Callable[[asyncio.Event, datetime | None], Awaitable[None]]

_AT_ONCE = 200  # webhooks looked after in one turn
_UNTIL_UNLOCKED = timedelta(milliseconds=20)
_AFTER_FAILURE = timedelta(milliseconds=200)


class Loop:
    """Takes turns for one process, until it is told to stop."""

    def __init__(
        self,
        database: Database,
        turns: Turns,
        flights: Flights,
        shares: Shares[Key],
        *,
        holder: UUID,
        clock: Clock,
        wait: Wait,
        sweep_seconds: float,
        stirred: asyncio.Event,
        switching: Switching,
    ) -> None:
        self._database = database
        self._turns = turns
        self._flights = flights
        self._shares = shares
        self._holder = holder
        self._clock = clock
        self._wait = wait
        self._between_sweeps = timedelta(seconds=sweep_seconds)
        self._stirred = stirred
        self._switching = switching
        self._timetable: Timetable[Key] = Timetable()
        self._apart: Apart[Key] = Apart()
        self._board = HealthBoard()
        self._crowded: set[Key] = set()
        self._sweep_at: datetime | None = None  # None stands for at once
        self._not_before: datetime | None = None
        self._kept: list[Attempt] = []
        self._kept_until: datetime | None = None
        self._unsure = False
        self._stopping = False

    def heard(self, payload: str | None) -> None:
        """Something waits for a webhook, or notifications may have been missed."""
        org_id, _, text = (payload or "").partition("/")
        webhook_id = parse_uuid(text)
        if webhook_id is None:
            self._sweep_at = None
        else:
            self._timetable.add(Key(org_id, webhook_id))
        self._stirred.set()

    def look_after(self, key: Key) -> None:
        """See whether there is something to do for a webhook."""
        self._timetable.add(key)
        self._stirred.set()

    def stop_leasing(self) -> None:
        """From now on only record; the loop ends when nothing is under way and all is recorded."""
        self._stopping = True
        self._stirred.set()

    async def run(self) -> None:
        """Take turns."""
        while not (self._stopping and self._is_done()):
            await self._wait(self._stirred, self._next_moment())
            self._stirred.clear()
            try:
                await self._step()
            except UNREACHABLE as error:
                log.warning("deliveries.turn_failed", reason=str(error) or type(error).__name__)
                await self._database.revive()
                self._not_before = self._clock() + _AFTER_FAILURE
            except Exception:
                log.exception("deliveries.turn_crashed")
                self._not_before = self._clock() + _AFTER_FAILURE

    def _is_done(self) -> bool:
        recorded = not (self._flights.any_ended or self._kept or self._unsure)
        return recorded and not self._flights.any_under_way and not self._board.news

    def _next_moment(self) -> datetime | None:
        """When to take a turn even if nobody stirs; a moment that has passed is at once."""
        now = self._clock()
        if self._not_before is not None and now < self._not_before:
            return self._not_before
        if self._flights.any_ended or (self._timetable.anything_now and not self._stopping):
            return now
        moments = [self._kept_until]
        if self._stopping:
            at_once = self._is_done() or self._board.news or self._unsure
            moments.append(now if at_once else None)
        else:
            moments += [self._timetable.next_at, self._board.next_at(now), self._sweep_at or now]
        return min((moment for moment in moments if moment is not None), default=None)

    async def _step(self) -> None:
        now = self._clock()
        if self._not_before is not None and now < self._not_before:
            return
        if self._unsure:
            # A transaction may have committed without our hearing of it.
            async with self._database.system() as tx:
                await leases.give_back(tx, self._holder, self._known())
            self._unsure, self._sweep_at = False, None
        if not self._stopping and (self._sweep_at is None or self._sweep_at <= now):
            await self._sweep(now)
        await self._turn(now)

    async def _sweep(self, now: datetime) -> None:
        """Find what is due, and what will be until the next sweep."""
        self._sweep_at = now + self._between_sweeps
        async with self._database.system() as tx:
            found = await leases.sweep(tx, self._sweep_at)
        for each in found:
            self._timetable.add_at(each.key, each.due_at)

    async def _turn(self, now: datetime) -> None:
        attempts = self._take_ended(now)
        keys = [] if self._stopping else self._of_one_turn(now)
        health = self._board.due(now, everything=self._stopping)
        if not (attempts or keys or health):
            return
        allotment = Allotment(self._shares, closed=self._stopping, barred=self._switching.barred)
        wish = Wish(
            attempts=attempts,
            keys=keys,
            grant=allotment.grant,
            health=list(health.items()),
            known=self._known(),
        )
        try:
            turn = await self._turns.take(wish)
        except Exception as error:
            self._unsure = True
            self._timetable.add_all(keys)
            self._keep(attempts, now)
            if not isinstance(error, UNREACHABLE):
                self._apart.failed(keys, now)
                await self._salvage(now)
            raise
        self._apart.succeeded(set(keys) - turn.locked)
        self._after(turn, allotment, health)

    def _of_one_turn(self, now: datetime) -> list[Key]:
        """The webhooks to look after now; the others have their turn later."""
        keys = self._timetable.take(now)
        chosen = self._apart.choose(keys, now, _AT_ONCE)
        if len(chosen) < len(keys):
            taken = set(chosen)
            for key in keys:
                if key not in taken:
                    self._postpone(key)
        return chosen

    def _postpone(self, key: Key) -> None:
        moment = self._apart.not_before(key)
        if moment is None:
            self._timetable.add(key)
        else:
            self._timetable.add_at(key, moment)

    def _take_ended(self, now: datetime) -> list[Attempt]:
        """What has to be recorded; by what has ended there is room again for others."""
        attempts = self._flights.take_ended()
        if attempts:
            self._timetable.add_all(self._crowded)
            self._crowded.clear()
        if self._kept_until is not None and self._kept_until <= now:
            attempts = self._kept + attempts
            self._kept, self._kept_until = [], None
        return attempts

    def _keep(self, attempts: list[Attempt], now: datetime) -> None:
        """These could not be recorded: try again in a moment."""
        if attempts:
            self._kept = attempts + self._kept
            self._kept_until = now + _UNTIL_UNLOCKED

    async def _salvage(self, now: datetime) -> None:
        known = self._known()
        attempts, self._kept = self._kept, []
        try:
            self._keep(await record_singly(self._turns, attempts, known), now)
        except DatabaseUnavailable:
            self._keep(attempts, now)
            raise

    def _after(self, turn: Turn, allotment: Allotment, health: Mapping[Key, Health]) -> None:
        """Send what was leased, and remember what else there is to do."""
        now = self._clock()
        if self._stopping:
            # It was told so during the turn: what was leased is given back unsent.
            self._unsure = self._unsure or bool(turn.leased)
        else:
            for leased in turn.leased:
                self._flights.begin(leased)
        self._keep(turn.kept, now)
        crowded = allotment.crowded & turn.again
        if len(turn.leased) < allotment.granted:
            # Others did not use what was kept for them.
            self._timetable.add_all(crowded)
        else:
            self._crowded |= crowded
        self._timetable.add_all((turn.again - allotment.full - allotment.crowded) | turn.behind)
        for key in turn.locked:
            self._timetable.add_at(key, now + _UNTIL_UNLOCKED)
        for key, moment in turn.later:
            self._timetable.add_at(key, moment)
        for lease, due_at in turn.came.retries:
            # The sweep finds those that are further away.
            if due_at <= now + 2 * self._between_sweeps:
                self._timetable.add_at(lease.key, due_at)
        self._board.note(turn.came.health)
        self._board.shown(turn.shown, health)
        self._switching.decide(turn.came, self.look_after)

    def _known(self) -> set[AttemptNumber]:
        return self._flights.known | {each.lease.number for each in self._kept}
