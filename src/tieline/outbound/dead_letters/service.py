"""What one can do with dead letters: look at them, redrive them in bulk, discard them."""

from __future__ import annotations

from uuid import UUID

from msgspec.structs import replace

from tieline.audit.recording import record
from tieline.database import Database, OrgTransaction
from tieline.kit.ids import new_uuid
from tieline.kit.time import Clock, utc_now
from tieline.outbound.dead_letters import redrive_repository, repository
from tieline.outbound.dead_letters.documents import audited_redrive, filter_document
from tieline.outbound.dead_letters.errors import DeliveryRedriveNotFound
from tieline.outbound.dead_letters.models import (
    GroupPage,
    LetterCursor,
    LetterFilter,
    LetterPage,
    LetterStatus,
    Redrive,
)
from tieline.outbound.dead_letters.redrive import REDRIVE
from tieline.records.envelope import Caller
from tieline.runtime.queue import enqueue
from tieline.runtime.stepwise import WorkStatus

DEFAULT_RATE = 50  # deliveries per second
HIGHEST_RATE = 1_000
_MOST_REDRIVES = 100


class DeadDeliveries:
    """The deliveries of all webhooks that failed for good.

    A caller that is an application deals with those of its own webhooks only.
    """

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def query(
        self,
        caller: Caller,
        wanted: LetterFilter,
        *,
        status: LetterStatus = LetterStatus.OPEN,
        cursor: LetterCursor | None = None,
        limit: int = 50,
    ) -> LetterPage:
        """A page of dead letters, newest delivery first."""
        async with self._database.reading(caller.org_id) as tx:
            visible = await _visible(tx, caller)
            letters = await repository.newest_letters(
                tx, wanted, visible, status, cursor=cursor, count=limit + 1
            )
        page = letters[:limit]
        if len(letters) <= limit:
            return LetterPage(page, next_cursor=None)
        return LetterPage(page, LetterCursor(page[-1].created_at, page[-1].id))

    async def groups(
        self,
        caller: Caller,
        wanted: LetterFilter,
        *,
        status: LetterStatus = LetterStatus.OPEN,
        limit: int = 50,
    ) -> GroupPage:
        """The dead letters by webhook and error, the largest groups first."""
        async with self._database.reading(caller.org_id) as tx:
            visible = await _visible(tx, caller)
            groups = await repository.largest_groups(tx, wanted, visible, status, count=limit + 1)
        return GroupPage(groups[:limit], has_more=len(groups) > limit)

    async def discard(self, caller: Caller, wanted: LetterFilter, *, note: str, by: str) -> int:
        """Close open dead letters that need not be delivered; how many there were."""
        async with self._database.organisation(caller.org_id) as tx:
            visible = await _visible(tx, caller)
            count = await repository.discard_open(
                tx, wanted, visible, note=note, by=by, now=self._clock()
            )
            if count:
                after = {"filter": filter_document(wanted), "count": count, "note": note}
                await record(tx, "dead_deliveries.discarded", "delivery", "*", after=after)
        return count

    async def redrive(
        self, caller: Caller, wanted: LetterFilter, *, rate_per_second: int, by: str
    ) -> Redrive:
        """Begin to send the letters again that are open now; a worker carries it out."""
        now = self._clock()
        async with self._database.organisation(caller.org_id) as tx:
            visible = await _visible(tx, caller)
            total = await redrive_repository.count_open(tx, wanted, visible, now)
            redrive = Redrive(
                id=new_uuid(),
                selection=wanted,
                webhook_ids=None if visible is None else tuple(visible),
                rate_per_second=rate_per_second,
                status=WorkStatus.RUNNING if total else WorkStatus.DONE,
                step=0,
                after_created=None,
                after_id=None,
                total=total,
                redriven=0,
                not_sendable=0,
                requested_by=by,
                created_at=now,
                next_at=now,
                finished_at=None if total else now,
            )
            await redrive_repository.insert_redrive(tx, redrive)
            if total:
                await enqueue(tx, [REDRIVE.job(caller.org_id, redrive.id, redrive.step)])
            after = audited_redrive(redrive)
            target = str(redrive.id)
            await record(tx, "delivery_redrive.started", "delivery_redrive", target, after=after)
        return redrive

    async def list_redrives(self, caller: Caller) -> list[Redrive]:
        """The last hundred redrives, newest first."""
        async with self._database.reading(caller.org_id) as tx:
            visible = await _visible(tx, caller)
            return await redrive_repository.newest_redrives(tx, visible, _MOST_REDRIVES)

    async def get_redrive(self, caller: Caller, redrive_id: UUID) -> Redrive:
        """How far a redrive is. Raises `DeliveryRedriveNotFound`."""
        async with self._database.reading(caller.org_id) as tx:
            return await _find(tx, caller, redrive_id)

    async def cancel_redrive(self, caller: Caller, redrive_id: UUID) -> Redrive:
        """End a redrive before its time; one that has ended stays as it is.

        What it has sent on its way stays so. Raises `DeliveryRedriveNotFound`.
        """
        async with self._database.organisation(caller.org_id) as tx:
            found = await _find(tx, caller, redrive_id, lock=True)
            if found.status is not WorkStatus.RUNNING:
                return found
            cancelled = replace(found, status=WorkStatus.CANCELLED, finished_at=self._clock())
            await redrive_repository.update_progress(tx, cancelled)
            await record(
                tx,
                "delivery_redrive.cancelled",
                "delivery_redrive",
                str(redrive_id),
                before=audited_redrive(found),
                after=audited_redrive(cancelled),
            )
        return cancelled


async def _visible(tx: OrgTransaction, caller: Caller) -> list[UUID] | None:
    """The webhooks that a caller may see; None for all."""
    if caller.app_id is None:
        return None
    return await repository.webhooks_of_application(tx, caller.app_id)


async def _find(
    tx: OrgTransaction, caller: Caller, redrive_id: UUID, *, lock: bool = False
) -> Redrive:
    found = await redrive_repository.find_redrive(tx, redrive_id, lock=lock)
    visible = await _visible(tx, caller)
    if found is None or (
        visible is not None
        and (found.webhook_ids is None or not set(found.webhook_ids) <= set(visible))
    ):
        raise DeliveryRedriveNotFound
    return found
