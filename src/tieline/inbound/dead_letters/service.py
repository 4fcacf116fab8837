"""What one can do with dead letters: look at them, replay them in bulk, discard them."""

from __future__ import annotations

from uuid import UUID

from msgspec.structs import replace

from tieline.audit.recording import record
from tieline.database import Database
from tieline.inbound.dead_letters import redrive_repository, repository
from tieline.inbound.dead_letters.documents import audited_redrive, filter_document
from tieline.inbound.dead_letters.errors import RedriveNotFound
from tieline.inbound.dead_letters.models import (
    GroupPage,
    LetterCursor,
    LetterFilter,
    LetterPage,
    LetterStatus,
    Redrive,
)
from tieline.inbound.dead_letters.redrive import REDRIVE
from tieline.inbound.stored_events import REPLAY_PREFIX
from tieline.integrations.service import IntegrationService
from tieline.kit.ids import new_ulid, new_uuid
from tieline.kit.time import Clock, utc_now
from tieline.runtime.queue import enqueue
from tieline.runtime.stepwise import WorkStatus

DEFAULT_RATE = 50  # events per second
HIGHEST_RATE = 1_000
_MOST_REDRIVES = 100


class DeadLetters:
    """The failed events of all integrations. Each method raises `IntegrationNotFound`."""

    def __init__(
        self, database: Database, integrations: IntegrationService, clock: Clock = utc_now
    ) -> None:
        self._database = database
        self._integrations = integrations
        self._clock = clock

    async def query(
        self,
        org_id: str,
        integration_id: UUID,
        wanted: LetterFilter,
        *,
        status: LetterStatus | None = LetterStatus.OPEN,
        cursor: LetterCursor | None = None,
        limit: int = 50,
    ) -> LetterPage:
        """A page of dead letters, newest failure first; with status None whatever became of it."""
        await self._integrations.get_integration(org_id, integration_id)
        async with self._database.reading(org_id) as tx:
            letters = await repository.newest_letters(
                tx, integration_id, wanted, status, cursor=cursor, count=limit + 1
            )
        page = letters[:limit]
        if len(letters) <= limit:
            return LetterPage(page, next_cursor=None)
        return LetterPage(page, LetterCursor(page[-1].failed_at, page[-1].event_id))

    async def groups(
        self,
        org_id: str,
        integration_id: UUID,
        wanted: LetterFilter,
        *,
        status: LetterStatus | None = LetterStatus.OPEN,
        limit: int = 50,
    ) -> GroupPage:
        """The dead letters by code, reason, use case and event name, the largest groups first."""
        await self._integrations.get_integration(org_id, integration_id)
        async with self._database.reading(org_id) as tx:
            groups = await repository.largest_groups(
                tx, integration_id, wanted, status, count=limit + 1
            )
        return GroupPage(groups[:limit], has_more=len(groups) > limit)

    async def discard(
        self, org_id: str, integration_id: UUID, wanted: LetterFilter, *, note: str, by: str
    ) -> int:
        """Close open dead letters whose events need not be applied; how many there were."""
        await self._integrations.get_integration(org_id, integration_id)
        async with self._database.organisation(org_id) as tx:
            count = await repository.discard_open(
                tx, integration_id, wanted, note=note, by=by, now=self._clock()
            )
            if count:
                await record(
                    tx,
                    "dead_letters.discarded",
                    "integration",
                    str(integration_id),
                    after={"filter": filter_document(wanted), "count": count, "note": note},
                )
        return count

    async def redrive(
        self,
        org_id: str,
        integration_id: UUID,
        wanted: LetterFilter,
        *,
        rate_per_second: int = DEFAULT_RATE,
        by: str,
    ) -> Redrive:
        """Begin to replay the letters that are open now; a worker carries it out."""
        await self._integrations.get_integration(org_id, integration_id)
        now = self._clock()
        async with self._database.organisation(org_id) as tx:
            until = await redrive_repository.newest_seq(tx)
            total = await redrive_repository.count_open(tx, integration_id, wanted, until, now)
            redrive = Redrive(
                id=new_uuid(),
                integration_id=integration_id,
                selection=wanted,
                rate_per_second=rate_per_second,
                status=WorkStatus.RUNNING if total else WorkStatus.DONE,
                step=0,
                after_seq=0,
                until_seq=until,
                total=total,
                replayed=0,
                ignored=0,
                not_found=0,
                correlation_id=REPLAY_PREFIX + new_ulid(),
                requested_by=by,
                created_at=now,
                next_at=now,
                finished_at=None if total else now,
            )
            await redrive_repository.insert_redrive(tx, redrive)
            if total:
                await enqueue(tx, [REDRIVE.job(org_id, redrive.id, redrive.step)])
            after = audited_redrive(redrive)
            await record(tx, "redrive.started", "redrive", str(redrive.id), after=after)
        return redrive

    async def list_redrives(self, org_id: str, integration_id: UUID) -> list[Redrive]:
        """The last hundred redrives, newest first. Raises `IntegrationNotFound`."""
        await self._integrations.get_integration(org_id, integration_id)
        async with self._database.reading(org_id) as tx:
            return await redrive_repository.newest_redrives(tx, integration_id, _MOST_REDRIVES)

    async def get_redrive(self, org_id: str, integration_id: UUID, redrive_id: UUID) -> Redrive:
        """How far a redrive is. Raises `RedriveNotFound`."""
        async with self._database.reading(org_id) as tx:
            found = await redrive_repository.find_redrive(
                tx, redrive_id, integration_id=integration_id
            )
        if found is None:
            raise RedriveNotFound
        return found

    async def cancel_redrive(self, org_id: str, integration_id: UUID, redrive_id: UUID) -> Redrive:
        """End a redrive before its time; one that has ended stays as it is.

        What it has replayed stays replayed. Raises `RedriveNotFound`.
        """
        async with self._database.organisation(org_id) as tx:
            found = await redrive_repository.find_redrive(
                tx, redrive_id, integration_id=integration_id, lock=True
            )
            if found is None:
                raise RedriveNotFound
            if found.status is not WorkStatus.RUNNING:
                return found
            cancelled = replace(found, status=WorkStatus.CANCELLED, finished_at=self._clock())
            await redrive_repository.update_progress(tx, cancelled)
            before, after = audited_redrive(found), audited_redrive(cancelled)
            target = str(redrive_id)
            await record(tx, "redrive.cancelled", "redrive", target, before=before, after=after)
        return cancelled
