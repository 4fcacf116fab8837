"""What happened to an entity or to a meter reading, as others react to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from tieline.entities.models import Diff

READINGS = "meter_reading"  # where a schema is named, readings go by this


class ChangeKind(StrEnum):
    """What happened. The words for entities are those of `OperationKind`."""

    CREATED = "createEntity"
    UPDATED = "updateEntity"
    SOFT_DELETED = "softDeleteEntity"
    RESTORED = "restoreEntity"
    DELETED = "deleteEntity"
    READING_CREATED = "createReading"
    READING_UPDATED = "updateReading"
    READING_DELETED = "deleteReading"


class Change(msgspec.Struct, frozen=True, gc=False):
    """One change that was committed.

    `seq` grows with time for changes of the same entity; a change is handed over once its effects
    are stored, in a transaction that takes it off the list. `version` is that of the entity after
    the change. `subject_id` is the entity, or the meter of a reading. `reading` is the reading in
    its wire form, for a deleted one as it was.
    """

    seq: int
    kind: ChangeKind
    schema: str
    subject_id: UUID
    version: int
    activity_id: str | None
    created_at: datetime
    reading: Mapping[str, Any] | None = None


class EntityChange(msgspec.Struct, frozen=True, gc=False):
    """The operation that a change of an entity was: `after` in its wire form, and the difference.

    A created entity has no diff: everything was added. `size` is that of both together, as JSON.
    """

    change: Change
    after: Mapping[str, Any]
    diff: Diff | None
    size: int = 0
