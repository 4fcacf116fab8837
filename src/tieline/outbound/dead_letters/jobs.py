"""The job that takes a mass redrive one step further, and the duties around it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from tieline.database import Transaction
from tieline.kit.time import Clock, utc_now
from tieline.outbound.dead_letters import redrive_repository
from tieline.runtime.periodic import Duty
from tieline.runtime.queue import Job, enqueue

REDRIVE = "outbound.redrive"
_GRACE = timedelta(seconds=5)  # a job that is due since then is on its way


def redrive_job(org_id: str, redrive_id: UUID, step: int, *, delay: timedelta | None = None) -> Job:
    """The job for one step of a redrive; a second one for the same step is dropped."""
    return Job(
        REDRIVE,
        {"org": org_id, "redrive": str(redrive_id), "step": str(step)},
        delay=delay,
        once=f"{REDRIVE}:{org_id}:{redrive_id}:{step}",
    )


def delivery_redrive_duties(
    *, sweep_seconds: float, retention: timedelta, clock: Clock = utc_now
) -> list[Duty]:
    """The sweeper for redrives whose job was lost, and the end of finished ones.

    `retention` is how long deliveries are kept: a redrive tells nothing once they are gone.
    """

    async def sweep(tx: Transaction) -> None:
        overdue = await redrive_repository.overdue_redrives(tx, clock() - _GRACE)
        await enqueue(tx, [redrive_job(*one) for one in overdue])

    async def forget(tx: Transaction) -> None:
        await redrive_repository.delete_finished(tx, clock() - retention)

    return [
        Duty("outbound.sweep_redrives", sweep_seconds, sweep),
        Duty("outbound.forget_redrives", 3600, forget),
    ]
