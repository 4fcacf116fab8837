"""Applies the waiting events of a lane, batch by batch, in the order of acceptance.

One transaction per batch holds everything: the lock that keeps others away, the changes of entities
and readings, their history, the outcomes, and the work list without the finished events. It commits
as a whole, so every effect happens exactly once, however often the job runs.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from tieline.database import Database, OrgTransaction
from tieline.database.pipeline import Pipeline
from tieline.entities.flush import ConcurrentChange, conflicts_named, write
from tieline.entities.readings.repository import write as write_readings
from tieline.inbound import repository
from tieline.inbound.application.errors import StateNotLoaded
from tieline.inbound.batch import Applying, Batch
from tieline.inbound.dead_letters.repository import insert_dead_letters
from tieline.inbound.lookahead import EventMapping, Lookahead, Mapped
from tieline.inbound.models import PendingEvent
from tieline.inbound.outcomes import outcomes_of
from tieline.integrations.service import IntegrationService
from tieline.kit.errors import Unavailable
from tieline.kit.time import Clock, utc_now
from tieline.mapping.mapper import Mapper
from tieline.monitoring.models import Outcome
from tieline.monitoring.repository import insert_outcomes

log = structlog.get_logger(__name__)

_RETRIES = 5
_PART = 125  # events whose changes are written while the next ones are worked out
_RETRYABLE = (ConcurrentChange, asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
# The state of the machine or of the database, which no event can help: the job comes back later.
_NOBODYS_FAULT = (
    Unavailable,
    OSError,
    MemoryError,
    asyncpg.InterfaceError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
)
# Of these, what fewer events at once may help: no room for so many locks, a statement that takes
# longer than any may.
_TOO_MUCH = (asyncpg.OutOfMemoryError, TimeoutError)


class _Progress(Enum):
    BUSY = auto()  # somebody else is at it
    EMPTY = auto()  # nothing waits
    APPLIED = auto()


_Done = tuple[_Progress, list[Outcome]]


class Drain:
    """Applies waiting events."""

    def __init__(
        self,
        database: Database,
        integrations: IntegrationService,
        mapper: Mapper,
        *,
        batch_size: int,
        public_url: str = "",
        clock: Clock = utc_now,
        finished: Callable[[Sequence[Outcome]], None] = lambda _outcomes: None,
    ) -> None:
        self._database = database
        self._mapping = EventMapping(integrations, mapper, public_url)
        self._batch_size = batch_size
        self._clock = clock
        self._finished = finished

    async def job(self, ids: Mapping[str, Any]) -> None:
        """What the queue calls."""
        # A job that was put into the queue before there were lanes is about the one there was.
        await self.run(ids["org"], UUID(ids["integration"]), int(ids.get("lane", 0)))

    async def run(self, org_id: str, integration_id: UUID, lane: int = 0) -> None:
        """Apply until nothing waits, or until somebody else is found doing so."""
        ahead = Lookahead(self._database, self._mapping, org_id, integration_id, lane)
        try:
            while True:
                progress = await self._apply_next(ahead, self._batch_size)
                if progress is _Progress.BUSY:
                    return
                if progress is _Progress.EMPTY:
                    # An event may have been accepted after the last look and before the lock was
                    # released. Its own job found the lock taken and went away: look once more.
                    async with self._database.reading(org_id) as tx:
                        if not await repository.anything_waits(tx, integration_id, lane):
                            return
        finally:
            await ahead.close()

    async def _apply_next(self, ahead: Lookahead, size: int) -> _Progress:
        for attempt in range(_RETRIES):
            claimed: list[PendingEvent] = []
            try:
                async with self._database.organisation(ahead.org_id) as tx:
                    progress, outcomes = await self._batch(tx, ahead, size, claimed)
            except _RETRYABLE:
                log.info("drain.conflict", **_named(ahead), attempt=attempt)
            except _NOBODYS_FAULT as error:
                cause = error.__cause__ or error
                if size == 1 and isinstance(cause, TimeoutError) and claimed:
                    # Once may be the database's bad moment. Twice it is the event, and those
                    # behind it have waited long enough.
                    if attempt:
                        return await self._give_up(ahead, claimed[0], TimeoutError())
                    continue
                if size == 1 or not isinstance(cause, _TOO_MUCH):
                    raise
                log.info("drain.halving", **_named(ahead), error=repr(error))
                return await self._apply_next(ahead, size // 2)
            except Exception as error:
                if size == 1 and claimed:
                    return await self._give_up(ahead, claimed[0], error)
                if size == 1:
                    raise
                # One event of the batch cannot be applied. Halve until it stands alone.
                log.info("drain.halving", **_named(ahead), error=repr(error))
                return await self._apply_next(ahead, size // 2)
            else:
                self._finished(outcomes)
                return progress
        if size > 1:
            return await self._apply_next(ahead, size // 2)
        raise ConcurrentChange

    async def _batch(
        self, tx: OrgTransaction, ahead: Lookahead, size: int, claimed: list[PendingEvent]
    ) -> _Done:
        """Apply the next events, which are put into `claimed` as soon as they are known."""
        integration_id, lane = ahead.integration_id, ahead.lane
        if not await repository.try_lock_lane(tx, integration_id, lane):
            return _Progress.BUSY, []
        events = await repository.waiting_events(tx, integration_id, lane, size)
        if not events:
            lost = await repository.forget_without_event(tx, integration_id, lane)
            if lost:
                log.error("drain.events_lost", **_named(ahead), event_ids=lost)
            return _Progress.EMPTY, []
        claimed += events
        mapped = await ahead.results(events)
        if len(events) == size:
            ahead.start(after=events[-1].seq, count=self._batch_size)
        batch = await Batch.load(tx, self._clock(), mapped)
        started = time.perf_counter()
        outcomes: list[Outcome] = []
        with conflicts_named():
            async with Pipeline(tx) as pipeline:
                done = [event.seq for event in events]
                await pipeline.add(repository.finish(integration_id, lane, done))
                for start in range(0, len(mapped), _PART):
                    part = mapped[start : start + _PART]
                    applied = await pipeline.prepare(
                        part, partial(self._apply, batch, integration_id)
                    )
                    outcomes += itertools.chain.from_iterable(applied)
                    # Before the entities: a meter that is purged takes its readings along.
                    await write_readings(pipeline, batch.ledger.cut())
                    await write(pipeline, batch.workspace.cut())
        await _record(tx, outcomes)
        log.debug(
            "drain.batch",
            events=len(events),
            milliseconds=round((time.perf_counter() - started) * 1000, 1),
        )
        return _Progress.APPLIED, outcomes

    def _apply(self, batch: Batch, integration_id: UUID, mapped: Mapped) -> list[Outcome]:
        applying = batch.apply(integration_id, mapped)
        if isinstance(applying.result, StateNotLoaded):
            raise applying.result
        event, org_id = mapped.event, batch.workspace.org_id
        return outcomes_of(org_id, integration_id, event, applying, self._clock())

    async def _give_up(self, ahead: Lookahead, event: PendingEvent, error: Exception) -> _Progress:
        """The event can be mapped but not applied: record that, and go on with the others."""
        integration_id, lane = ahead.integration_id, ahead.lane
        async with self._database.organisation(ahead.org_id) as tx:
            if not await repository.try_lock_lane(tx, integration_id, lane):
                return _Progress.BUSY
            # Between the two transactions somebody else may have had the lane, and given the event
            # up already: the fault must not be recorded for the one behind it.
            waiting = await repository.waiting_events(tx, integration_id, lane, 1)
            if [each.seq for each in waiting] != [event.seq]:
                return _Progress.APPLIED
            failed = Applying(error, 0)
            outcomes = outcomes_of(tx.org_id, integration_id, event, failed, self._clock())
            with conflicts_named():
                await repository.finish(integration_id, lane, [event.seq]).run(tx)
            await _record(tx, outcomes)
        self._finished(outcomes)
        return _Progress.APPLIED


async def _record(tx: OrgTransaction, outcomes: Sequence[Outcome]) -> None:
    await insert_outcomes(tx, outcomes)
    await insert_dead_letters(tx, outcomes)


def _named(ahead: Lookahead) -> dict[str, Any]:
    return {"integration": str(ahead.integration_id), "lane": ahead.lane}
