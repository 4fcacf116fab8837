"""Carries out mass redrives, a step at a time, no faster than was asked for.

One transaction per step holds everything: the deliveries that are on their way again, how far the
redrive is, and the job for the next step. A step that is interrupted leaves nothing behind, and a
job that runs twice finds its step done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from tieline.audit.actor import SYSTEM, acting_as
from tieline.audit.recording import record
from tieline.audit.repository import newest_actor
from tieline.database import Database, OrgTransaction
from tieline.kit.time import Clock, utc_now
from tieline.outbound.dead_letters import redrive_repository
from tieline.outbound.dead_letters.documents import audited_redrive
from tieline.outbound.dead_letters.jobs import redrive_job
from tieline.outbound.dead_letters.models import Redrive, RedriveStatus
from tieline.outbound.deliveries import queue
from tieline.runtime.queue import enqueue

_LARGEST_STEP = 500  # letters
_EARLIEST = 2.0  # seconds by which a job may come too early and wait


class DeliveryRedriving:
    """Takes redrives further."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def job(self, ids: Mapping[str, Any]) -> None:
        """What the queue calls."""
        await self.step(ids["org"], UUID(ids["redrive"]), int(ids["step"]))

    async def step(self, org_id: str, redrive_id: UUID, step: int) -> None:
        """Send the next letters again, unless this step was done or the redrive has ended."""
        async with self._database.reading(org_id) as tx:
            redrive = await redrive_repository.find_redrive(tx, redrive_id)
        if redrive is None or redrive.step != step:
            return
        # The queue counts a delay from the beginning of the step before, by another clock.
        early = (redrive.next_at - self._clock()).total_seconds()
        if early > _EARLIEST:
            return  # the clocks disagree; the sweeper comes back when it is time
        await asyncio.sleep(max(0.0, early))
        began = self._clock()
        async with self._database.organisation(org_id) as tx:
            locked = await redrive_repository.find_redrive(tx, redrive_id, lock=True)
            if locked is None or locked.step != step or locked.status is not RedriveStatus.RUNNING:
                return
            advanced = await self._advance(tx, locked, began)
            await redrive_repository.update_progress(tx, advanced)
            if advanced.status is RedriveStatus.RUNNING:
                delay = advanced.next_at - began
                await enqueue(tx, [redrive_job(org_id, redrive_id, advanced.step, delay=delay)])
            else:
                await _record_end(tx, advanced)

    async def _advance(self, tx: OrgTransaction, redrive: Redrive, now: datetime) -> Redrive:
        """The redrive after the next letters were seen to."""
        size = min(redrive.rate_per_second, _LARGEST_STEP)
        letters = await redrive_repository.lock_next_letters(tx, redrive, size)
        revived = await queue.redrive(tx, [letter.id for letter in letters], now)
        ended = len(letters) < size
        return replace(
            redrive,
            status=RedriveStatus.DONE if ended else RedriveStatus.RUNNING,
            step=redrive.step + 1,
            after_created=letters[-1].created_at if letters else redrive.after_created,
            after_id=letters[-1].id if letters else redrive.after_id,
            redriven=redrive.redriven + len(revived),
            not_sendable=redrive.not_sendable + len(letters) - len(revived),
            next_at=now + timedelta(seconds=len(letters) / redrive.rate_per_second),
            finished_at=now if ended else None,
        )


async def _record_end(tx: OrgTransaction, redrive: Redrive) -> None:
    """Note that a redrive is done, in the name of whoever began it."""
    target = str(redrive.id)
    who = await newest_actor(tx, "delivery_redrive.started", "delivery_redrive", target)
    with acting_as(who or SYSTEM):
        after = audited_redrive(redrive)
        await record(tx, "delivery_redrive.finished", "delivery_redrive", target, after=after)
