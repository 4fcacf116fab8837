"""Activities: the causes of changes, as a feed shows them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from tieline.entities.errors import InvalidEntity
from tieline.entities.models import STAMPED, Activity
from tieline.kit.ids import ulid_time
from tieline.kit.time import to_wire

_ULID = re.compile(r"01[0-9a-zA-Z]{24}")


class ActivityKind(StrEnum):
    """The types of activities that the store makes itself; callers may make any other."""

    CREATED = "EntityCreated"
    UPDATED = "EntityUpdated"
    SOFT_DELETED = "EntitySoftDeleted"
    DELETED = "EntityDeleted"
    RESTORED = "EntityRestored"
    RELATIONS_ADDED = "RelationsAdded"
    RELATIONS_REMOVED = "RelationsRemoved"
    RELATIONS_SOFT_DELETED = "RelationsSoftDeleted"
    RELATIONS_RESTORED = "RelationsRestored"
    RELATIONS_DELETED = "RelationsDeleted"


_TITLES = {
    ActivityKind.CREATED: "Entity created",
    ActivityKind.UPDATED: "Entity updated",
    ActivityKind.SOFT_DELETED: "Entity deleted",
    ActivityKind.DELETED: "Entity purged",
    ActivityKind.RESTORED: "Entity restored",
    ActivityKind.RELATIONS_ADDED: "Relations added",
    ActivityKind.RELATIONS_REMOVED: "Relations removed",
    ActivityKind.RELATIONS_SOFT_DELETED: "Relations deleted",
    ActivityKind.RELATIONS_RESTORED: "Relations restored",
    ActivityKind.RELATIONS_DELETED: "Relations purged",
}
# Types that a reader may want to leave out of a feed together.
GROUPS: Mapping[str, frozenset[str]] = {
    "entity": frozenset(kind for kind in ActivityKind if kind.startswith("Entity")),
    "relations": frozenset(kind for kind in ActivityKind if kind.startswith("Relations")),
}


class PresetRange(StrEnum):
    """Ranges of days that a feed knows by name; weeks begin on Monday, in UTC."""

    TODAY = "today"
    THIS_WEEK = "this_week"
    LAST_WEEK = "last_week"


@dataclass(frozen=True, slots=True)
class FeedFilter:
    """Which activities of a feed are wanted; bounds are moments, `until` is exclusive."""

    since: datetime | None = None
    until: datetime | None = None
    types: Sequence[str] = ()
    excluded_types: Sequence[str] = ()
    with_relations: bool = False
    offset: int = 0
    size: int = 25


@dataclass(frozen=True, slots=True)
class RecordedOperation:
    """One change of an entity as it was stored."""

    entity_id: UUID
    activity_id: str
    activity_type: str
    operation: str
    schema: str
    payload: Mapping[str, Any]
    diff: Mapping[str, Any] | None
    workflow_origin: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class ActivityWithOperations:
    """An activity, some of the changes that it caused, and how many there are."""

    activity: Activity
    operations: Sequence[RecordedOperation]
    total: int


def implicit_activity(
    kind: ActivityKind, schema: str, caller: Mapping[str, Any] | None
) -> Activity:
    """The activity of a change for which the caller named none."""
    who = str((caller or {}).get("name") or "Somebody")
    title = _TITLES[kind]
    return Activity(kind.value, title, f"{who}: {title.lower()} ({schema})", {}, caller)


def checked_activity_id(text: str, place: str = "activity_id") -> str:
    """The ULID in upper case. Raises `InvalidEntity` when it is none."""
    try:
        if _ULID.fullmatch(text):
            ulid_time(text)
            return text.upper()
    except (ValueError, OverflowError):
        pass
    raise InvalidEntity(f"{place}: must be a ULID, the _id of an activity.")


def preset_bounds(preset: PresetRange, now: datetime) -> tuple[datetime, datetime]:
    """The first moment of a range and the first one after it."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today - timedelta(days=today.weekday())
    match preset:
        case PresetRange.TODAY:
            return today, today + timedelta(days=1)
        case PresetRange.THIS_WEEK:
            return monday, monday + timedelta(days=7)
        case PresetRange.LAST_WEEK:
            return monday - timedelta(days=7), monday


def activity_document(activity: Activity) -> dict[str, Any]:
    """An activity in its wire form, without its operations."""
    return {
        "_id": activity.id,
        "timestamp": to_wire(activity.created_at),
        "type": activity.type,
        "title": activity.title,
        "message": activity.message,
        "payload": activity.payload or {},
        "pending": activity.pending,
        "caller": activity.caller or {},
    }


def feed_document(found: ActivityWithOperations, org_id: str) -> dict[str, Any]:
    """An activity in its wire form, with its operations."""
    return {
        **activity_document(found.activity),
        "operations_total": found.total,
        "operations": [operation_document(operation, org_id) for operation in found.operations],
    }


def operation_document(operation: RecordedOperation, org_id: str) -> dict[str, Any]:
    """A change in its wire form. What a creation added is everything that is in its payload."""
    entity_id = str(operation.entity_id)
    diff = operation.diff
    if diff is None:
        added = {k: v for k, v in operation.payload.items() if k not in STAMPED}
        diff = {"added": added, "updated": {}, "deleted": {}}
    document: dict[str, Any] = {
        "entity": entity_id,
        "org": org_id,
        "activity_id": operation.activity_id,
        "activity_type": operation.activity_type,
        "operation": operation.operation,
        "params": {"id": entity_id, "slug": operation.schema},
        "payload": operation.payload,
        "diff": diff,
    }
    if operation.workflow_origin is not None:
        document["_workflow_origin"] = operation.workflow_origin
    return document
