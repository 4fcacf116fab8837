"""What one can do with activities."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from tieline.database import Database, OrgTransaction
from tieline.entities import activity_repository as repository
from tieline.entities.activities import ActivityWithOperations, FeedFilter
from tieline.entities.errors import ActivityNotFound, EntityNotFound
from tieline.entities.models import Activity
from tieline.entities.queries import find_entity


class ActivityService:
    """The activities of all organisations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, org_id: str, activity: Activity, entity_ids: Sequence[UUID] = ()
    ) -> Activity:
        """Store an activity and show it in feeds. Raises `EntityNotFound`."""
        async with self._database.organisation(org_id) as tx:
            await _refuse_unknown(tx, entity_ids)
            await repository.add_activity(tx, activity)
            await repository.attach(tx, activity.id, entity_ids)
        return activity

    async def get(
        self, org_id: str, activity_id: str, *, offset: int, size: int
    ) -> ActivityWithOperations:
        """An activity with a page of its operations. Raises `ActivityNotFound`."""
        async with self._database.reading(org_id) as tx:
            activity = await known_activity(tx, activity_id)
            operations, total = await repository.operations_of(tx, activity, offset, size)
        return ActivityWithOperations(activity, operations, total)

    async def attach(self, org_id: str, activity_id: str, entity_ids: Sequence[UUID]) -> Activity:
        """Show an activity in the feeds of entities.

        Raises `ActivityNotFound` and `EntityNotFound`.
        """
        async with self._database.organisation(org_id) as tx:
            activity = await known_activity(tx, activity_id)
            await _refuse_unknown(tx, entity_ids)
            await repository.attach(tx, activity_id, entity_ids)
        return activity

    async def feed(
        self, org_id: str, schema: str, entity_id: UUID, wanted: FeedFilter
    ) -> tuple[list[ActivityWithOperations], int]:
        """A page of what happened to an entity, and how much there is. Raises `EntityNotFound`.

        The feed of a deleted entity can be read until it is purged.
        """
        async with self._database.reading(org_id) as tx:
            if await find_entity(tx, schema, entity_id) is None:
                raise EntityNotFound
            return await repository.feed(tx, entity_id, wanted)


async def known_activity(tx: OrgTransaction, activity_id: str) -> Activity:
    """An activity by its id. Raises `ActivityNotFound`."""
    activity = await repository.find_activity(tx, activity_id)
    if activity is None:
        raise ActivityNotFound
    return activity


async def _refuse_unknown(tx: OrgTransaction, entity_ids: Sequence[UUID]) -> None:
    missing = await repository.missing_entities(tx, entity_ids)
    if missing:
        raise EntityNotFound(f"entities: there is no entity {missing[0]}. Check the id.")
