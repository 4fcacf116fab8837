"""Whether a change makes an event happen. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tieline.catalogue.definitions import EVERY_SCHEMA, AttributeChange, Operation, Trigger
from tieline.entities.changes.models import READINGS, ChangeKind, EntityChange
from tieline.entities.models import Diff

# An entity that comes back from the recycle bin exists again, as if it had been created.
_OPERATIONS = {
    ChangeKind.CREATED: Operation.CREATED,
    ChangeKind.RESTORED: Operation.CREATED,
    ChangeKind.UPDATED: Operation.UPDATED,
    ChangeKind.SOFT_DELETED: Operation.DELETED,
    ChangeKind.DELETED: Operation.DELETED,
    ChangeKind.READING_CREATED: Operation.CREATED,
    ChangeKind.READING_UPDATED: Operation.UPDATED,
    ChangeKind.READING_DELETED: Operation.DELETED,
}
_NOTHING: tuple[Any, ...] = (None, "", [], {}, {"$relation": []}, {"$relation_ref": []})


def operation_of(kind: ChangeKind) -> Operation:
    """What a change is called by triggers."""
    return _OPERATIONS[kind]


def is_about(trigger: Trigger, operation: Operation, schema: str) -> bool:
    """Whether changes of a schema by an operation can make the event happen at all."""
    if operation not in trigger.operations:
        return False
    return schema in trigger.schemas or (schema != READINGS and EVERY_SCHEMA in trigger.schemas)


def matches(trigger: Trigger, change: EntityChange) -> bool:
    """Whether a change makes the event happen; a reading's change has the reading as `after`.

    An entity that is purged from the recycle bin was deleted before, when it went there.
    """
    kind, after = change.change.kind, change.after
    operation = operation_of(kind)
    if not is_about(trigger, operation, change.change.schema):
        return False
    if kind is ChangeKind.DELETED and "_deleted_at" in after:
        return False
    return _affects(trigger, operation, change) and _serves(trigger, after)


def _affects(trigger: Trigger, operation: Operation, change: EntityChange) -> bool:
    if not trigger.attributes:
        return True
    if operation is Operation.CREATED:
        return any(change.after.get(name) is not None for name in trigger.attributes)
    diff = change.diff
    # Of a meter reading it is not known what was different before; a deletion changes nothing.
    if operation is Operation.DELETED or diff is None:
        return True
    return any(_changed(trigger, diff, change.after, name) for name in trigger.attributes)


def _changed(trigger: Trigger, diff: Diff, after: Mapping[str, Any], name: str) -> bool:
    before = diff.updated.get(name, diff.deleted.get(name))
    if not (name in diff.added or name in diff.updated or name in diff.deleted):
        return False
    if not trigger.attribute_changes:
        return True
    if after.get(name) in _NOTHING:
        happened = AttributeChange.DELETED
    elif before in _NOTHING:
        happened = AttributeChange.ADDED
    else:
        happened = AttributeChange.UPDATED
    return happened in trigger.attribute_changes


def _serves(trigger: Trigger, after: Mapping[str, Any]) -> bool:
    if not trigger.purposes and not trigger.purpose_filters:
        return True
    wanted = {*trigger.purposes, *(text for pair in trigger.purpose_filters for text in pair)}
    purposes = after.get("_purpose")
    return isinstance(purposes, list) and any(
        isinstance(purpose, str) and purpose in wanted for purpose in purposes
    )
