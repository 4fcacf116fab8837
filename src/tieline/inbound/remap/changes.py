"""What an event changed in a workspace. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from tieline.entities.models import StoredEntity, compare
from tieline.inbound.remap.models import EntityChange, EntityChangeKind, Replacement

States = Mapping[UUID, StoredEntity | None]


def entity_changes(
    before: States, after: States, changed: Sequence[UUID], named: Sequence[Mapping[str, Any]]
) -> list[EntityChange]:
    """The changes of entities in the order in which they happened, then those left unchanged.

    `changed` are the ids of the entities that were changed, `named` what the event says that it
    did to each entity: entities that it changed back and forth, or not at all, are unchanged.
    """
    changes = [
        change
        for entity_id in dict.fromkeys(changed)
        if (change := _change(before.get(entity_id), after.get(entity_id))) is not None
    ]
    seen = {change.id for change in changes}
    for entry in named:
        entity_id = UUID(entry["id"])
        if entity_id not in seen:
            seen.add(entity_id)
            changes.append(EntityChange(entity_id, entry["schema"], EntityChangeKind.UNCHANGED))
    return changes


def _change(before: StoredEntity | None, after: StoredEntity | None) -> EntityChange | None:
    entity = after or before
    if entity is None:
        return None  # made and purged by the same event
    if after is None:
        return EntityChange(entity.id, entity.schema, EntityChangeKind.PURGED)
    old = before.attributes if before else {}
    diff = compare(old, after.attributes)
    kind = _kind(before, after)
    if kind is EntityChangeKind.UPDATED and not diff:
        return None
    return EntityChange(
        entity.id,
        entity.schema,
        kind,
        added=diff.added,
        updated={
            name: Replacement(value, after.attributes[name]) for name, value in diff.updated.items()
        },
        deleted=diff.deleted,
    )


def _kind(before: StoredEntity | None, after: StoredEntity) -> EntityChangeKind:
    if before is None:
        return EntityChangeKind.CREATED
    if after.deleted_at is not None and before.deleted_at is None:
        return EntityChangeKind.DELETED
    if after.deleted_at is None and before.deleted_at is not None:
        return EntityChangeKind.RESTORED
    return EntityChangeKind.UPDATED
