"""What a mass redrive consists of: each step has some letters sent again."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from msgspec.structs import replace

from tieline.audit.actor import SYSTEM, acting_as
from tieline.audit.recording import record
from tieline.audit.repository import newest_actor
from tieline.database import Database, OrgTransaction
from tieline.kit.time import Clock, utc_now
from tieline.outbound.dead_letters import redrive_repository
from tieline.outbound.dead_letters.documents import audited_redrive
from tieline.outbound.dead_letters.models import Redrive
from tieline.outbound.deliveries import queue
from tieline.runtime.stepwise import Stepper, WorkKind, WorkStatus

REDRIVE = WorkKind("outbound.redrive", "delivery_redrives")
_LARGEST_STEP = 500  # letters


class RedriveSteps:
    """The steps of redrives."""

    async def find(self, tx: OrgTransaction, work_id: UUID, *, lock: bool) -> Redrive | None:
        """A redrive; with `lock` nobody else changes it."""
        return await redrive_repository.find_redrive(tx, work_id, lock=lock)

    async def advance(self, tx: OrgTransaction, work: Redrive, now: datetime) -> Redrive:
        """The redrive after the next letters were seen to."""
        size = min(work.rate_per_second, _LARGEST_STEP)
        letters = await redrive_repository.lock_next_letters(tx, work, size)
        revived = await queue.redrive(tx, [letter.id for letter in letters], now)
        ended = len(letters) < size
        return replace(
            work,
            status=WorkStatus.DONE if ended else WorkStatus.RUNNING,
            step=work.step + 1,
            after_created=letters[-1].created_at if letters else work.after_created,
            after_id=letters[-1].id if letters else work.after_id,
            redriven=work.redriven + len(revived),
            not_sendable=work.not_sendable + len(letters) - len(revived),
            next_at=now + timedelta(seconds=len(letters) / work.rate_per_second),
            finished_at=now if ended else None,
        )

    async def store(self, tx: OrgTransaction, work: Redrive) -> None:
        """Store how far a locked redrive is."""
        await redrive_repository.update_progress(tx, work)

    async def note_end(self, tx: OrgTransaction, work: Redrive) -> None:
        """Note that a redrive is done, in the name of whoever began it."""
        target = str(work.id)
        who = await newest_actor(tx, "delivery_redrive.started", "delivery_redrive", target)
        with acting_as(who or SYSTEM):
            after = audited_redrive(work)
            await record(tx, "delivery_redrive.finished", "delivery_redrive", target, after=after)


def delivery_redriving(database: Database, clock: Clock = utc_now) -> Stepper[Redrive]:
    """What takes redrives further."""
    return Stepper(database, REDRIVE, RedriveSteps(), clock)
