"""What the store holds: entities, activities, and the operations that activities consist of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from tieline.kit.ids import new_ulid, parse_uuid, ulid_time
from tieline.kit.time import to_wire

Attributes = Mapping[str, Any]

# Kept in columns of their own and stamped by the store: never taken from a client.
STAMPED = frozenset({"_id", "_org", "_schema", "_created_at", "_updated_at", "_deleted_at"})


class StoredEntity(msgspec.Struct, frozen=True, gc=False):
    """One entity as stored. `attributes` holds the user's attributes and `_tags`, `_title`, ..."""

    id: UUID
    schema: str
    attributes: Attributes
    version: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None


class OperationKind(StrEnum):
    """What happened to an entity."""

    CREATED = "createEntity"
    UPDATED = "updateEntity"
    SOFT_DELETED = "softDeleteEntity"
    RESTORED = "restoreEntity"
    DELETED = "deleteEntity"


class Diff(msgspec.Struct, frozen=True, gc=False):
    """How attributes changed. `updated` and `deleted` hold the values from BEFORE the change."""

    added: Attributes
    updated: Attributes
    deleted: Attributes

    def __bool__(self) -> bool:
        """Whether anything changed at all."""
        return bool(self.added or self.updated or self.deleted)


class Activity(msgspec.Struct, frozen=True, gc=False):
    """What the operations of one cause have in common; `id` is a ULID that carries the time."""

    type: str
    title: str
    message: str
    payload: Mapping[str, Any] | None = None
    caller: Mapping[str, Any] | None = None
    pending: bool = False
    id: str = msgspec.field(default_factory=new_ulid)
    stored: bool = False  # it was read from the table, and so must not be written again

    @property
    def created_at(self) -> datetime:
        """When the activity began."""
        return ulid_time(self.id)


class Operation(msgspec.Struct, frozen=True, gc=False):
    """One change of one entity: the state after it, and how it got there.

    A created entity's diff is None: everything in `after` was added.
    """

    kind: OperationKind
    activity: Activity
    after: StoredEntity
    diff: Diff | None
    workflow_origin: Mapping[str, Any] | None = None


def compare(before: Attributes, after: Attributes) -> Diff:
    """The difference between two states of an entity's attributes."""
    return Diff(
        added={name: value for name, value in after.items() if name not in before},
        updated={
            name: before[name]
            for name, value in after.items()
            if name in before and not same(before[name], value)
        },
        deleted={name: value for name, value in before.items() if name not in after},
    )


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal. Unlike Python, JSON tells `true` from 1."""
    if one != other:
        return False
    if isinstance(one, str):
        return True
    if isinstance(one, list):
        return all(map(same, one, other))
    if isinstance(one, dict):
        return all(same(value, other[name]) for name, value in one.items())
    return isinstance(one, bool) == isinstance(other, bool)


def document(entity: StoredEntity, org_id: str, title: str | None) -> dict[str, Any]:
    """An entity in its wire form: the stamped properties first, then the attributes."""
    content = {**stamps(entity, org_id, title), **entity.attributes}
    content["_title"] = title
    return content


def stamps(entity: StoredEntity, org_id: str, title: str | None) -> dict[str, Any]:
    """The properties of an entity that the store itself sets."""
    content: dict[str, Any] = {
        "_id": str(entity.id),
        "_org": org_id,
        "_schema": entity.schema,
        "_title": title,
        "_created_at": to_wire(entity.created_at),
        "_updated_at": to_wire(entity.updated_at),
    }
    if entity.deleted_at is not None:
        content["_deleted_at"] = to_wire(entity.deleted_at)
    return content


def relation_items(value: Any) -> Iterable[Mapping[str, Any]]:
    """The items of a relation attribute in its stored form; nothing for any other value."""
    if type(value) is dict and "$relation" in value and isinstance(value["$relation"], list):
        return [item for item in value["$relation"] if isinstance(item, dict)]
    return ()


def relation_targets(attributes: Attributes) -> set[UUID]:
    """The entities that these attributes relate to."""
    return {
        target
        for value in attributes.values()
        for item in relation_items(value)
        if (target := parse_uuid(str(item.get("entity_id")))) is not None
    }
