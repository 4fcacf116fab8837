"""Carries out mass replays, a step at a time, no faster than was asked for.

One transaction per step holds everything: the new events, the letters that they close, how far the
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
from tieline.inbound import stored_repository
from tieline.inbound.acceptance import Acceptance
from tieline.inbound.dead_letters import redrive_repository
from tieline.inbound.dead_letters.documents import audited_redrive
from tieline.inbound.dead_letters.jobs import redrive_job
from tieline.inbound.dead_letters.models import Redrive, RedriveStatus
from tieline.inbound.models import Receipt
from tieline.inbound.routing import route_again
from tieline.integrations.service import IntegrationService
from tieline.kit.time import Clock, utc_now
from tieline.runtime.queue import enqueue

_LARGEST_STEP = 500  # letters
_EARLIEST = 2.0  # seconds by which a job may come too early and wait


class Redriving:
    """Takes redrives further."""

    def __init__(
        self,
        database: Database,
        integrations: IntegrationService,
        acceptance: Acceptance,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._integrations = integrations
        self._acceptance = acceptance
        self._clock = clock

    async def job(self, ids: Mapping[str, Any]) -> None:
        """What the queue calls."""
        await self.step(ids["org"], UUID(ids["redrive"]), int(ids["step"]))

    async def step(self, org_id: str, redrive_id: UUID, step: int) -> None:
        """Replay the next letters, unless this step was done or the redrive has ended."""
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
        # Accepting joins this transaction.
        async with self._database.request() as request:
            organisation = OrgTransaction(request.connection, org_id)
            locked = await redrive_repository.find_redrive(organisation, redrive_id, lock=True)
            if locked is None or locked.step != step or locked.status is not RedriveStatus.RUNNING:
                return
            advanced = await self._advance(organisation, locked, began)
            await redrive_repository.update_progress(organisation, advanced)
            if advanced.status is RedriveStatus.RUNNING:
                delay = advanced.next_at - began
                job = redrive_job(org_id, redrive_id, advanced.step, delay=delay)
                await enqueue(request, [job])
            else:
                await _record_end(organisation, advanced)

    async def _advance(self, tx: OrgTransaction, redrive: Redrive, now: datetime) -> Redrive:
        """The redrive after the next letters were seen to."""
        size = min(redrive.rate_per_second, _LARGEST_STEP)
        letters = await redrive_repository.lock_next_letters(tx, redrive, size)
        moments = {event_id: accepted_at for _, event_id, accepted_at in letters}
        sizes = await stored_repository.payload_sizes(tx, redrive.integration_id, moments)
        count = stored_repository.fitting([sizes.get(event_id, 0) for _, event_id, _ in letters])
        taken = letters[:count]
        stored = {event_id: moment for _, event_id, moment in taken if event_id in sizes}
        receipts = await self._replay(tx, redrive, stored)
        ended = len(taken) == len(letters) < size
        return replace(
            redrive,
            status=RedriveStatus.DONE if ended else RedriveStatus.RUNNING,
            step=redrive.step + 1,
            after_seq=taken[-1][0] if taken else redrive.after_seq,
            replayed=redrive.replayed + receipts.count(Receipt.SUCCESS),
            ignored=redrive.ignored + receipts.count(Receipt.IGNORED),
            not_found=redrive.not_found + len(taken) - len(receipts),
            next_at=now + timedelta(seconds=len(taken) / redrive.rate_per_second),
            finished_at=now if ended else None,
        )

    async def _replay(
        self, tx: OrgTransaction, redrive: Redrive, moments: Mapping[str, datetime]
    ) -> list[Receipt]:
        if not moments:
            return []
        routes = await self._integrations.read_routes(tx.org_id, redrive.integration_id)
        events = await stored_repository.find_events(tx, redrive.integration_id, moments)
        routed = [
            route_again(event, redrive.correlation_id, routes, by=redrive.requested_by)
            for event in events
        ]
        results = await self._acceptance.store(routed)
        return [result.status for result in results.values()]


async def _record_end(tx: OrgTransaction, redrive: Redrive) -> None:
    """Note that a redrive is done, in the name of whoever began it."""
    target = str(redrive.id)
    who = await newest_actor(tx, "redrive.started", "redrive", target)
    with acting_as(who or SYSTEM):
        await record(tx, "redrive.finished", "redrive", target, after=audited_redrive(redrive))
