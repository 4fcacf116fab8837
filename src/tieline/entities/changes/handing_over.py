"""Hands over the changes of an organisation to all who react to them, in order and exactly once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import Enum
from typing import Any, Protocol

import asyncpg
import structlog

from tieline.database import Database, OrgTransaction, Transaction
from tieline.database.errors import DatabaseUnavailable
from tieline.entities.changes import repository
from tieline.entities.changes.jobs import hand_over_job
from tieline.entities.changes.listening import forget_listener_changes
from tieline.entities.changes.models import Change
from tieline.kit.errors import Unavailable
from tieline.kit.time import Clock, utc_now
from tieline.runtime.periodic import Duty
from tieline.runtime.queue import enqueue

log = structlog.get_logger(__name__)

_AT_ONCE = 500
_ATTEMPTS = 3
_GRACE = timedelta(seconds=2)  # a younger change's own job is on its way
_MAX_FAULT = 500
_SECONDS_BETWEEN_TRIES = 3600
_LONGEST_REMEMBERED = timedelta(days=1)
_LOST_RACE = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.UniqueViolationError,
)
# Neither is a fault of the changes at hand: they wait until it is over.
_NOBODYS_FAULT = (DatabaseUnavailable, Unavailable)


class ChangeConsumer(Protocol):
    """Somebody who reacts to changes."""

    async def consume(self, tx: OrgTransaction, changes: Sequence[Change]) -> None:
        """Do what follows from changes, in the transaction that takes them off the list."""
        ...


class _Progress(Enum):
    HANDED_OVER = "handed over"
    EMPTY = "empty"
    BUSY = "busy"


class HandingOver:
    """Handles the jobs. All consumers take a change in one transaction, or none does."""

    def __init__(self, database: Database, consumers: Sequence[ChangeConsumer]) -> None:
        self._database = database
        self._consumers = consumers

    async def job(self, ids: Mapping[str, Any]) -> None:
        """What the queue calls."""
        await self.hand_over(ids["org"])

    async def hand_over(self, org_id: str) -> None:
        """Hand over what waits, unless somebody else is at it."""
        while True:
            progress = await self._next(org_id, _AT_ONCE)
            if progress is _Progress.BUSY:
                return
            if progress is _Progress.EMPTY:
                # Somebody may have committed between the last look and the end of the lock, and
                # their job has found the lock taken.
                async with self._database.reading(org_id) as tx:
                    if not await repository.anything_waits(tx):
                        return

    async def _next(self, org_id: str, size: int) -> _Progress:
        taken: list[Change] = []
        for attempt in range(_ATTEMPTS):
            taken.clear()
            try:
                return await self._batch(org_id, size, taken)
            except _LOST_RACE as error:
                log.info("changes.conflict", org=org_id, attempt=attempt, error=repr(error))
                fault: Exception = error
            except _NOBODYS_FAULT:
                raise
            except Exception as error:
                fault = error
                break
        if not taken:
            raise fault
        if size > 1:
            # One of them cannot be handed over. Halve until it stands alone.
            log.info("changes.halving", org=org_id, error=repr(fault))
            return await self._next(org_id, size // 2)
        return await self._set_aside(org_id, taken[0], fault)

    async def _batch(self, org_id: str, size: int, taken: list[Change]) -> _Progress:
        """Hand over the next changes, which are put into `taken` as soon as they are known."""
        async with self._database.organisation(org_id) as tx:
            if not await repository.try_lock(tx):
                return _Progress.BUSY
            changes = await repository.waiting_changes(tx, size)
            if not changes:
                return _Progress.EMPTY
            taken += changes
            for consumer in self._consumers:
                await consumer.consume(tx, changes)
            await repository.finish(tx, changes)
        return _Progress.HANDED_OVER

    async def _set_aside(self, org_id: str, change: Change, fault: Exception) -> _Progress:
        log.error("changes.set_aside", org=org_id, seq=change.seq, exc_info=fault)
        async with self._database.organisation(org_id) as tx:
            await repository.set_aside(tx, change, repr(fault)[:_MAX_FAULT])
        return _Progress.HANDED_OVER


def change_duties(*, sweep_seconds: float, clock: Clock = utc_now) -> list[Duty]:
    """The sweeper, for changes whose job was lost; and another try for those with a fault."""

    async def sweep(tx: Transaction) -> None:
        waiting = await repository.organisations_with_changes(tx, clock() - _GRACE)
        await enqueue(tx, [hand_over_job(org_id, once=True) for org_id in waiting])

    async def try_again(tx: Transaction) -> None:
        # Often it is a newer version of this program that can do what the one before could not.
        await repository.forget_faults(tx)

    async def forget(tx: Transaction) -> None:
        await forget_listener_changes(tx, clock() - _LONGEST_REMEMBERED)

    return [
        Duty("changes.sweep", sweep_seconds, sweep),
        Duty("changes.forget_listener_changes", _SECONDS_BETWEEN_TRIES, forget),
        Duty("changes.try_again", _SECONDS_BETWEEN_TRIES, try_again),
    ]
