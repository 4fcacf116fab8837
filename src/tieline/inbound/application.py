"""Applies a mapped event to the entities in a workspace. Pure: no I/O, no clock of its own.

An event applies as a whole or not at all. Relations whose targets are not all there wait until the
event's other entities are done; targets that are still missing then come into being as stubs, made
of nothing but what identifies them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, assert_never
from uuid import UUID

from tieline.entities.client_input import check_relations
from tieline.entities.errors import InvalidEntity
from tieline.entities.models import STAMPED, Activity, StoredEntity
from tieline.entities.workspace import ID_PATH, Found, Key, Workspace
from tieline.inbound.merging import merge_attributes, merge_relations, relation_item
from tieline.kit.errors import TielineError
from tieline.mapping.models import (
    EntityMode,
    EntityUpdate,
    MappingResult,
    RelationTarget,
    RelationUpdate,
    UniqueId,
)
from tieline.monitoring.models import ErrorCategory


class EventNotApplicable(TielineError):
    """The event cannot be applied to the stored entities. Correct the data and replay it."""

    code = "EVENT_NOT_APPLICABLE"
    http_status = 422
    category: ClassVar[ErrorCategory] = ErrorCategory.VALIDATION


class MultipleMatches(EventNotApplicable):
    """Several entities have this unique id. Merge or delete all but one, then replay the event."""

    code = "UNIQUE_ID_MULTIPLE_MATCHES"


class EntityReferenceNotFound(EventNotApplicable):
    """No entity of this schema has the given `_id`. Correct the reference and replay the event."""

    code = "ENTITY_REFERENCE_NOT_FOUND"


class UnusableUniqueId(EventNotApplicable):
    """A unique id has no usable value. Send it, or correct the field that produces it."""

    code = "MISSING_UNIQUE_IDENTIFIERS"


class MalformedRelation(EventNotApplicable):
    """A mapped value says that it is a relation but is none. Correct the source of its value."""

    code = "ATTRIBUTE_TYPE_MISMATCH"


class FeatureNotAvailable(EventNotApplicable):
    """This release does not store meter readings. Remove `meter_readings` and replay the event."""

    code = "FEATURE_NOT_AVAILABLE"
    category = ErrorCategory.CONFIGURATION


@dataclass(slots=True)
class Applied:
    """What an event did: entities in the order in which they were touched, and warnings."""

    entities: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)

    def touched(self, entity: StoredEntity, what: str) -> None:
        """Note what happened to an entity."""
        self.entities.append({"id": str(entity.id), "schema": entity.schema, "operation": what})

    def warn(self, schema: str, subject: str, code: str, message: str) -> None:
        """Note something that did not stop the event."""
        self.warnings.append(
            {"entity_schema": schema, "field": subject, "code": code, "message": message}
        )


def keys_of(result: MappingResult) -> Iterable[Key]:
    """All keys that applying the result will look for; unusable ones are left out."""
    for update in result.entities:
        if (key := _key(update.schema, update.unique_ids)) is not None:
            yield key
        for relation in update.relations.values():
            for target in relation.items:
                if (key := _key(target.schema, target.unique_ids)) is not None:
                    yield key


def apply_result(workspace: Workspace, result: MappingResult, activity: Activity) -> Applied:
    """Apply everything that an event was mapped to.

    Raises `EventNotApplicable`; the caller then rolls the workspace back to its savepoint.
    """
    if result.meter_readings:
        raise FeatureNotAvailable
    applied = Applied()
    deferred: list[tuple[UUID, str, str, RelationUpdate]] = []
    for warning in result.warnings:
        applied.warn(warning.entity_schema, warning.field, "MAPPING_WARNING", warning.message)
    for update in result.entities:
        match update.mode:
            case EntityMode.UPSERT:
                _upsert(workspace, update, activity, applied, deferred)
            case EntityMode.DELETE | EntityMode.PURGE:
                _remove(workspace, update, activity, applied)
            case _:
                assert_never(update.mode)
    for entity_id, schema, attribute, relation in deferred:
        _relate_to_stubs(workspace, entity_id, schema, attribute, relation, activity, applied)
    return applied


def _upsert(
    workspace: Workspace,
    update: EntityUpdate,
    activity: Activity,
    applied: Applied,
    deferred: list[tuple[UUID, str, str, RelationUpdate]],
) -> None:
    found = _find(workspace, update)
    entity = _only(found, update)
    if entity is None and _is_reference(update.unique_ids):
        raise EntityReferenceNotFound(
            f"entities[{update.block}]: no {update.schema} has the _id "
            f"{update.unique_ids[0].value!r}. Correct the reference and replay the event."
        )
    if entity is not None and entity.deleted_at is not None:
        entity = workspace.restore(entity, activity)
        applied.warn(
            update.schema,
            update.unique_ids[0].attribute,
            "SOFT_DELETED_ENTITY_MATCHED",
            f"The matching {update.schema} {entity.id} was in the recycle bin and was restored.",
        )
    existing = entity.attributes if entity else {}
    attributes = merge_attributes(existing, _writable(update))
    unresolved: list[tuple[str, RelationUpdate]] = []
    for name, relation in update.relations.items():
        items = _resolve(workspace, relation)
        if items is None:
            unresolved.append((name, relation))
        else:
            attributes[name] = merge_relations(existing.get(name), relation.operation, items)
    if entity is None:
        entity = workspace.create(update.schema, attributes, activity)
        applied.touched(entity, "created")
    else:
        changed = workspace.update(entity, attributes, activity)
        applied.touched(changed, "unchanged" if changed is entity else "updated")
    deferred += [(entity.id, update.schema, name, relation) for name, relation in unresolved]


def _writable(update: EntityUpdate) -> dict[str, Any]:
    """The mapped attributes without what only the store itself sets.

    Raises `MalformedRelation`: a payload's own `$relation` may be copied, and must be one.
    """
    attributes = {k: v for k, v in update.attributes.items() if k not in STAMPED}
    try:
        check_relations(attributes)
    except InvalidEntity as error:
        raise MalformedRelation(
            f"entities[{update.block}] ({update.schema}): {error.message} "
            "Correct the source of its value."
        ) from None
    return attributes


def _remove(
    workspace: Workspace, update: EntityUpdate, activity: Activity, applied: Applied
) -> None:
    found = _find(workspace, update)
    entity = _only(found, update)
    purge = update.mode is EntityMode.PURGE
    if entity is None or (entity.deleted_at is not None and not purge):
        applied.warn(
            update.schema,
            update.unique_ids[0].attribute,
            "ENTITY_NO_OP",
            f"There is no {update.schema} to delete with {_describe(update.unique_ids)}.",
        )
    elif purge:
        workspace.purge(entity, activity)
        applied.touched(entity, "purged")
    else:
        applied.touched(workspace.soft_delete(entity, activity), "deleted")


def _find(workspace: Workspace, update: EntityUpdate) -> Found:
    key = _key(update.schema, update.unique_ids)
    if key is None:
        raise UnusableUniqueId(
            f"entities[{update.block}] ({update.schema}): "
            f"{_describe(update.unique_ids)} identifies nothing. Send a value for each unique id."
        )
    return workspace.find(key)


def _only(found: Found, update: EntityUpdate) -> StoredEntity | None:
    """The one entity that is meant; of several in the recycle bin the one deleted last."""
    if len(found.live) > 1:
        raise MultipleMatches(
            f"entities[{update.block}]: {len(found.live)} entities of schema {update.schema} have "
            f"{_describe(update.unique_ids)}. Merge or delete all but one, then replay the event."
        )
    if found.live:
        return found.live[0]
    return max(found.deleted, key=lambda entity: (entity.deleted_at, entity.id), default=None)


def _resolve(workspace: Workspace, relation: RelationUpdate) -> list[dict[str, Any]] | None:
    """The relation's items as they are stored; None unless every target is there, just once."""
    items = []
    for target in relation.items:
        key = _key(target.schema, target.unique_ids)
        live = workspace.find(key).live if key else ()
        if len(live) != 1:
            return None
        items.append(relation_item(live[0].id, target.schema, target.tags))
    return items


def _relate_to_stubs(
    workspace: Workspace,
    entity_id: UUID,
    schema: str,
    attribute: str,
    relation: RelationUpdate,
    activity: Activity,
    applied: Applied,
) -> None:
    items = []
    for target in relation.items:
        entity = _target_or_stub(workspace, target, activity, applied)
        if isinstance(entity, str):
            # Half a relation would look complete: the attribute stays as it was.
            applied.warn(schema, attribute, "UNIQUE_ID_LOOKUP_UNRESOLVABLE", entity)
            return
        items.append(relation_item(entity.id, target.schema, target.tags))
    source = workspace.get(entity_id)
    if source is None or source.deleted_at is not None:
        return  # a later block of the same event removed it
    merged = merge_relations(source.attributes.get(attribute), relation.operation, items)
    workspace.update(source, {**source.attributes, attribute: merged}, activity)


def _target_or_stub(
    workspace: Workspace, target: RelationTarget, activity: Activity, applied: Applied
) -> StoredEntity | str:
    """The entity that a relation leads to, made if need be; or why there cannot be one."""
    key = _key(target.schema, target.unique_ids)
    described = f"{target.schema} with {_describe(target.unique_ids)}"
    if key is None:
        return f"The relation to a {described} identifies nothing and was left out."
    found = workspace.find(key)
    if len(found.live) > 1:
        return f"The relation was left out: {len(found.live)} entities match {described}."
    if found.live:
        return found.live[0]
    if found.deleted:
        latest = max(found.deleted, key=lambda entity: (entity.deleted_at, entity.id))
        applied.warn(
            target.schema,
            target.unique_ids[0].attribute,
            "SOFT_DELETED_ENTITY_MATCHED",
            f"The related {target.schema} {latest.id} was in the recycle bin and was restored.",
        )
        return workspace.restore(latest, activity)
    if any(unique.path == ID_PATH for unique in target.unique_ids):
        return f"The relation was left out: there is no {described}."
    stub = workspace.create(target.schema, _stub_attributes(target.unique_ids), activity)
    applied.touched(stub, "stub created")
    return stub


def _stub_attributes(unique_ids: Sequence[UniqueId]) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for unique in unique_ids:
        head, _, tail = unique.path.partition(".")
        if tail and head == unique.attribute:
            attributes[head] = [{tail: unique.value}]
        else:
            attributes[unique.attribute] = unique.value
    return attributes


def _is_reference(unique_ids: Sequence[UniqueId]) -> bool:
    return len(unique_ids) == 1 and unique_ids[0].path == ID_PATH


def _key(schema: str, unique_ids: Sequence[UniqueId]) -> Key | None:
    return Key.of(schema, ((unique.path, unique.value) for unique in unique_ids))


def _describe(unique_ids: Sequence[UniqueId]) -> str:
    return " and ".join(f"{unique.path} = {unique.value!r}" for unique in unique_ids)
