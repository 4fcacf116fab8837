"""What a mass replay consists of: each step makes new events of some letters, which closes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
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
from tieline.inbound.dead_letters.models import Redrive
from tieline.inbound.models import Receipt
from tieline.inbound.routing import route_again
from tieline.integrations.service import IntegrationService
from tieline.kit.time import Clock, utc_now
from tieline.runtime.stepwise import Stepper, WorkKind, WorkStatus

REDRIVE = WorkKind("inbound.redrive", "inbound_redrives")
_LARGEST_STEP = 500  # letters


class RedriveSteps:
    """The steps of redrives."""

    def __init__(self, integrations: IntegrationService, acceptance: Acceptance) -> None:
        self._integrations = integrations
        self._acceptance = acceptance

    async def find(self, tx: OrgTransaction, work_id: UUID, *, lock: bool) -> Redrive | None:
        """A redrive; with `lock` nobody else changes it."""
        return await redrive_repository.find_redrive(tx, work_id, lock=lock)

    async def advance(self, tx: OrgTransaction, work: Redrive, now: datetime) -> Redrive:
        """The redrive after the next letters were seen to."""
        size = min(work.rate_per_second, _LARGEST_STEP)
        letters = await redrive_repository.lock_next_letters(tx, work, size)
        moments = {event_id: accepted_at for _, event_id, accepted_at in letters}
        sizes = await stored_repository.payload_sizes(tx, work.integration_id, moments)
        count = stored_repository.fitting([sizes.get(event_id, 0) for _, event_id, _ in letters])
        taken = letters[:count]
        stored = {event_id: moment for _, event_id, moment in taken if event_id in sizes}
        receipts = await self._replay(tx, work, stored)
        ended = len(taken) == len(letters) < size
        return replace(
            work,
            status=WorkStatus.DONE if ended else WorkStatus.RUNNING,
            step=work.step + 1,
            after_seq=taken[-1][0] if taken else work.after_seq,
            replayed=work.replayed + receipts.count(Receipt.SUCCESS),
            ignored=work.ignored + receipts.count(Receipt.IGNORED),
            not_found=work.not_found + len(taken) - len(receipts),
            next_at=now + timedelta(seconds=len(taken) / work.rate_per_second),
            finished_at=now if ended else None,
        )

    async def store(self, tx: OrgTransaction, work: Redrive) -> None:
        """Store how far a locked redrive is."""
        await redrive_repository.update_progress(tx, work)

    async def note_end(self, tx: OrgTransaction, work: Redrive) -> None:
        """Note that a redrive is done, in the name of whoever began it."""
        target = str(work.id)
        who = await newest_actor(tx, "redrive.started", "redrive", target)
        with acting_as(who or SYSTEM):
            await record(tx, "redrive.finished", "redrive", target, after=audited_redrive(work))

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


def redriving(
    database: Database,
    integrations: IntegrationService,
    acceptance: Acceptance,
    clock: Clock = utc_now,
) -> Stepper[Redrive]:
    """What takes redrives further."""
    return Stepper(database, REDRIVE, RedriveSteps(integrations, acceptance), clock)
