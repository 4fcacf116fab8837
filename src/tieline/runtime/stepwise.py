"""Long work over many rows, a step at a time, no faster than was asked for.

Each piece of work is a row. One transaction per step holds everything: what the step does, how far
the work is, and the job for the next step. A step that is interrupted leaves nothing behind, and a
job that runs twice finds its step done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from tieline.database import Database, OrgTransaction, Transaction
from tieline.kit.time import Clock, utc_now
from tieline.runtime.periodic import Duty
from tieline.runtime.queue import Job, enqueue

_GRACE = timedelta(seconds=5)  # a job that is due since then is on its way
_EARLIEST = 2.0  # seconds by which a job may come too early and wait


class WorkStatus(StrEnum):
    """How a piece of work stands."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


class Work(Protocol):
    """A piece of work: `step` counts its transactions, and it goes on no sooner than `next_at`."""

    @property
    def id(self) -> UUID:
        """Its id."""
        ...

    @property
    def step(self) -> int:
        """How many steps are done."""
        ...

    @property
    def status(self) -> WorkStatus:
        """How it stands."""
        ...

    @property
    def next_at(self) -> datetime:
        """When the next step may begin."""
        ...


W = TypeVar("W", bound=Work)


class Steps(Protocol[W]):
    """What one kind of work consists of."""

    async def find(self, tx: OrgTransaction, work_id: UUID, *, lock: bool) -> W | None:
        """A piece of work; with `lock` nobody else changes it."""
        ...

    async def advance(self, tx: OrgTransaction, work: W, now: datetime) -> W:
        """Do the next step; the work after it, which is running or done."""
        ...

    async def store(self, tx: OrgTransaction, work: W) -> None:
        """Store how far a locked piece of work is."""
        ...

    async def note_end(self, tx: OrgTransaction, work: W) -> None:
        """Note that a piece of work is done."""
        ...


@dataclass(frozen=True)
class WorkKind:
    """A kind of work: the name of its jobs, and its table.

    The table has the columns `org_id`, `id`, `step`, `status`, `next_at` and `finished_at`.
    """

    name: str
    table: str

    def job(self, org_id: str, work_id: UUID, step: int, *, delay: timedelta | None = None) -> Job:
        """The job for one step; a second one for the same step is dropped."""
        return Job(
            self.name,
            {"org": org_id, "work": str(work_id), "step": str(step)},
            delay=delay,
            once=f"{self.name}:{org_id}:{work_id}:{step}",
        )

    def duties(
        self, *, sweep_seconds: float, retention: timedelta, clock: Clock = utc_now
    ) -> list[Duty]:
        """The sweeper for work whose job was lost, and the end of what has ended so long ago."""

        async def sweep(tx: Transaction) -> None:
            rows = await tx.fetch(
                f"SELECT org_id, id, step FROM {self.table} "
                "WHERE status = 'running' AND next_at < $1",
                clock() - _GRACE,
            )
            await enqueue(tx, [self.job(row["org_id"], row["id"], row["step"]) for row in rows])

        async def forget(tx: Transaction) -> None:
            await tx.execute(
                f"DELETE FROM {self.table} WHERE finished_at < $1", clock() - retention
            )

        return [
            Duty(f"{self.name}.sweep", sweep_seconds, sweep),
            Duty(f"{self.name}.forget", 3600, forget),
        ]


class Stepper(Generic[W]):
    """Takes work of one kind further."""

    def __init__(
        self, database: Database, kind: WorkKind, steps: Steps[W], clock: Clock = utc_now
    ) -> None:
        self._database = database
        self._kind = kind
        self._steps = steps
        self._clock = clock

    async def job(self, ids: Mapping[str, Any]) -> None:
        """What the queue calls."""
        await self.step(ids["org"], UUID(ids["work"]), int(ids["step"]))

    async def step(self, org_id: str, work_id: UUID, step: int) -> None:
        """Do a step, unless it was done or the work has ended."""
        async with self._database.reading(org_id) as tx:
            work = await self._steps.find(tx, work_id, lock=False)
        if work is None or work.step != step:
            return
        # The queue counts a delay from the beginning of the step before, by another clock.
        early = (work.next_at - self._clock()).total_seconds()
        if early > _EARLIEST:
            return  # the clocks disagree; the sweeper comes back when it is time
        await asyncio.sleep(max(0.0, early))
        began = self._clock()
        # Whatever else a step calls joins this transaction.
        async with self._database.request() as request:
            tx = OrgTransaction(request.connection, org_id)
            locked = await self._steps.find(tx, work_id, lock=True)
            if locked is None or locked.step != step or locked.status is not WorkStatus.RUNNING:
                return
            advanced = await self._steps.advance(tx, locked, began)
            await self._steps.store(tx, advanced)
            if advanced.status is WorkStatus.RUNNING:
                delay = advanced.next_at - began
                await enqueue(tx, [self._kind.job(org_id, work_id, advanced.step, delay=delay)])
            else:
                await self._steps.note_end(tx, advanced)
