"""Reads what messages need besides their events: a few statements for however many events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from tieline.database import OrgTransaction
from tieline.entities.activity_repository import find_activities
from tieline.entities.queries import live_entities
from tieline.entities.reads import wire_document
from tieline.outbound.publishing.documents import Document, Materials, entity_of, related_ids
from tieline.outbound.publishing.planning import Sending


async def load_materials(tx: OrgTransaction, sendings: Sequence[Sending]) -> Materials:
    """The entities and activities that the messages of these sendings speak of."""
    events = {sending.event.id: sending.event for sending in sendings}.values()
    activity_ids = {e.change.change.activity_id for e in events if e.change is not None}
    known = [each for each in activity_ids if each is not None]
    found = await find_activities(tx, known) if known else []
    activities = {activity.id: activity for activity in found}
    # An event that no change has triggered only names its entity.
    named = [e.entity_id for e in events if e.change is None and e.entity_id is not None]
    materials = Materials(await documents_of(tx, named), activities)
    wanted: set[UUID] = set()
    for sending in sendings:
        entity = entity_of(sending.event, materials)
        options = sending.options
        if entity is not None and (options.hydrate_entity or options.include_relations):
            wanted.update(related_ids(entity))
    return Materials({**materials.entities, **await documents_of(tx, wanted)}, activities)


async def documents_of(tx: OrgTransaction, ids: Iterable[UUID]) -> dict[UUID, Document]:
    """Those of the entities that are not deleted, in their wire form."""
    found = await live_entities(tx, set(ids))
    return {item.entity.id: wire_document(tx.org_id, item) for item in found}
