"""Reads what messages need besides their events: a few statements for however many events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from tieline.database import OrgTransaction
from tieline.entities.activity_repository import find_activities
from tieline.entities.queries import entity_sizes, live_entities
from tieline.entities.reads import wire_document
from tieline.outbound.publishing.documents import (
    MOST_RELATED_BYTES,
    Document,
    Materials,
    entity_of,
    related_ids,
)
from tieline.outbound.publishing.planning import Sending

_NOTHING_KNOWN = Materials()


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
    related = [_related(sending, materials) for sending in sendings]
    sizes = await _sizes(tx, related)
    wanted = {each for ids in related for each in affordable(ids, sizes)}
    return Materials({**materials.entities, **await documents_of(tx, wanted)}, activities)


async def costs_of(tx: OrgTransaction, sendings: Sequence[Sending]) -> list[int]:
    """About how many bytes each message takes while it is made."""
    related = [_related(sending, _NOTHING_KNOWN) for sending in sendings]
    sizes = await _sizes(tx, related)
    costs = []
    for sending, ids in zip(sendings, related, strict=True):
        own = sending.event.change.size if sending.event.change is not None else 0
        costs.append(own + sum(sizes.get(each, 0) for each in affordable(ids, sizes)))
    return costs


def affordable(ids: Sequence[UUID], sizes: Mapping[UUID, int]) -> Sequence[UUID]:
    """As many of the related entities of one message, in their order, as are not too much."""
    total = 0
    for position, entity_id in enumerate(ids):
        total += sizes.get(entity_id, 0)
        if total > MOST_RELATED_BYTES:
            return ids[:position]
    return ids


async def _sizes(tx: OrgTransaction, related: Iterable[Sequence[UUID]]) -> dict[UUID, int]:
    wanted = {each for ids in related for each in ids}
    return await entity_sizes(tx, wanted) if wanted else {}


def _related(sending: Sending, materials: Materials) -> list[UUID]:
    """The entities around that of a message, if they belong into it."""
    entity, options = entity_of(sending.event, materials), sending.options
    if entity is None or not (options.hydrate_entity or options.include_relations):
        return []
    return related_ids(entity)


async def documents_of(tx: OrgTransaction, ids: Iterable[UUID]) -> dict[UUID, Document]:
    """Those of the entities that are not deleted, in their wire form."""
    found = await live_entities(tx, set(ids))
    return {item.entity.id: wire_document(tx.org_id, item) for item in found}
