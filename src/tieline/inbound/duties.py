"""What the inbound pipeline does now and then: find lost work, forget what is over."""

from __future__ import annotations

from datetime import timedelta

from tieline.database import Transaction
from tieline.inbound import repository
from tieline.inbound.jobs import drain_job
from tieline.kit.time import Clock, utc_now
from tieline.runtime.periodic import Duty
from tieline.runtime.queue import enqueue

_GRACE = timedelta(seconds=2)  # a younger event's own job is on its way


def inbound_duties(
    *, sweep_seconds: float, deduplication_window: timedelta, clock: Clock = utc_now
) -> list[Duty]:
    """The sweeper, and the end of deduplication windows."""

    async def sweep(tx: Transaction) -> None:
        waiting = await repository.lanes_with_waiting_events(tx, clock() - _GRACE)
        await enqueue(tx, [drain_job(*lane, once=True) for lane in waiting])

    async def forget(tx: Transaction) -> None:
        await repository.delete_old_deduplication_ids(tx, clock() - deduplication_window)

    return [
        Duty("inbound.sweep", sweep_seconds, sweep),
        Duty("inbound.forget_deduplication_ids", 600, forget),
    ]
