"""Creates, updates and removes the entities that an event names, and relates them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from tieline.entities.client_input import check_relations
from tieline.entities.errors import InvalidEntity
from tieline.entities.models import STAMPED, StoredEntity
from tieline.inbound.application.errors import (
    EntityAlreadyExists,
    EntityReferenceNotFound,
    MalformedValue,
)
from tieline.inbound.application.targets import (
    all_targets,
    change_attribute,
    describe,
    find,
    is_reference,
    only,
    place_of,
    single_id,
)
from tieline.inbound.application.work import Work
from tieline.inbound.merging import merge_attributes, merge_relations, relation_item
from tieline.mapping.models import EntityMode, EntityUpdate, RelationUpdate


class DeferredRelation(msgspec.Struct, frozen=True, gc=False):
    """A relation attribute that waits until the event's other entities are done."""

    entity_id: UUID
    schema: str
    attribute: str
    update: RelationUpdate


def upsert(work: Work, update: EntityUpdate) -> tuple[StoredEntity, list[DeferredRelation]]:
    """Create or update the entity; it, and the relations that have to wait."""
    workspace = work.workspace
    entity = _existing(work, update)
    existing = entity.attributes if entity else {}
    attributes = merge_attributes(existing, _writable(update))
    unresolved: list[tuple[str, RelationUpdate]] = []
    for name, relation in update.relations.items():
        if name in STAMPED:
            continue
        items = _resolve(work, relation)
        if items is None:
            unresolved.append((name, relation))
        else:
            attributes[name] = merge_relations(existing.get(name), relation.operation, items)
    if entity is None:
        entity = workspace.create(update.schema, attributes, work.activity)
        work.note_created(entity)
    else:
        before, entity = entity, workspace.update(entity, attributes, work.activity)
        if not (work.restored and entity.id in work.restored):
            work.applied.touched(entity, "unchanged" if entity is before else "updated")
    if work.upserted is not None:
        work.upserted.add(entity.id)
    return entity, [
        DeferredRelation(entity.id, update.schema, name, relation) for name, relation in unresolved
    ]


def _existing(work: Work, update: EntityUpdate) -> StoredEntity | None:
    """The living entity that the update is about; taken out of the recycle bin if it is there."""
    found = find(work.workspace, update.schema, update)
    entity = only(found, update.schema, update)
    if entity is None:
        if is_reference(update.unique_ids):
            raise EntityReferenceNotFound(
                f"entities[{update.block}]: no {update.schema} has the _id "
                f"{update.unique_ids[0].value!r}. Correct the reference and replay the event."
            )
        return None
    if entity.deleted_at is not None:
        work.applied.warn(
            update.schema,
            update.unique_ids[0].attribute,
            "SOFT_DELETED_ENTITY_MATCHED",
            f"The matching {update.schema} {entity.id} was in the recycle bin and was restored.",
        )
        return work.restore(entity)
    if work.created is not None and entity.id not in work.created:
        raise EntityAlreadyExists(
            f"entities[{update.block}]: a {update.schema} with {describe(update.unique_ids)} "
            f"exists: {entity.id}. Send the event with the type UPDATE."
        )
    return entity


def _writable(update: EntityUpdate) -> dict[str, Any]:
    """The mapped attributes without what only the store itself sets.

    Raises `MalformedValue`: a payload's own `$relation` may be copied, and must be one.
    """
    attributes = {k: v for k, v in update.attributes.items() if k not in STAMPED}
    try:
        check_relations(attributes)
    except InvalidEntity as error:
        raise MalformedValue(
            f"{place_of(update)}: {error.message} Correct the source of its value."
        ) from None
    return attributes


def remove(work: Work, update: EntityUpdate) -> None:
    """Soft-delete or purge the entity."""
    found = find(work.workspace, update.schema, update)
    entity = only(found, update.schema, update)
    purge = update.mode is EntityMode.PURGE
    if entity is None or (entity.deleted_at is not None and not purge):
        work.applied.warn(
            update.schema,
            update.unique_ids[0].attribute,
            "ENTITY_NO_OP",
            f"There is no {update.schema} to delete with {describe(update.unique_ids)}.",
        )
    elif purge:
        work.workspace.purge(entity, work.activity)
        work.applied.touched(entity, "purged")
    else:
        work.applied.touched(work.workspace.soft_delete(entity, work.activity), "deleted")


def _resolve(work: Work, relation: RelationUpdate) -> list[dict[str, Any]] | None:
    """The relation's items as they are stored; None unless every target is there, just once."""
    items = []
    for target in relation.items:
        target_id = single_id(work.workspace, target.schema, target.unique_ids)
        if target_id is None:
            return None
        items.append(relation_item(target_id, target.schema, target.tags))
    return items


def relate(work: Work, deferred: DeferredRelation) -> None:
    """Write a relation attribute that had to wait, with stubs for what is missing."""
    update = deferred.update
    targets = all_targets(
        work,
        [(target.schema, target.unique_ids) for target in update.items],
        schema=deferred.schema,
        attribute=deferred.attribute,
    )
    if targets is not None:
        items = [
            relation_item(target_id, target.schema, target.tags)
            for target_id, target in zip(targets, update.items, strict=True)
        ]
        change_attribute(
            work,
            deferred.entity_id,
            deferred.attribute,
            lambda existing: merge_relations(existing, update.operation, items),
        )
