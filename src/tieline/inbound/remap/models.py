"""Which events to map anew, and what each of them would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

DEFAULT_LIMIT = 25
HIGHEST_LIMIT = 100


class Selection(msgspec.Struct, frozen=True):
    """Stored events of an integration; None means any, and both dates are inclusive.

    With `event_ids` those events and no others. `only_failed` leaves those with an open dead
    letter. Of more than `limit` events the ones that were accepted last are taken.
    """

    event_ids: tuple[str, ...] | None = None
    use_case_id: UUID | None = None
    event_name: str | None = None
    from_date: datetime | None = None
    to_date: datetime | None = None
    only_failed: bool = False
    limit: int = DEFAULT_LIMIT


class RemapStatus(StrEnum):
    """How an event would end."""

    SUCCESS = "success"
    WARNING = "warning"
    ERROR = "error"
    IGNORED = "ignored"  # no enabled use case takes it now
    UNKNOWN = "unknown"  # it depends on an event before it in a way that only applying shows


class EntityChangeKind(StrEnum):
    """What would happen to an entity."""

    CREATED = "created"
    UPDATED = "updated"
    RESTORED = "restored"
    DELETED = "deleted"
    PURGED = "purged"
    UNCHANGED = "unchanged"


class Replacement(msgspec.Struct, frozen=True):
    """The value of an attribute before and after."""

    old: Any
    new: Any


class EntityChange(msgspec.Struct, frozen=True):
    """What would happen to an entity. The id of one that would be created stands for it only."""

    id: UUID
    schema: str
    kind: EntityChangeKind
    added: Mapping[str, Any] = {}
    updated: Mapping[str, Replacement] = {}
    deleted: Mapping[str, Any] = {}


class Failure(msgspec.Struct, frozen=True):
    """Why an event failed when it was applied."""

    error_code: str
    error_message: str


class RemappedEvent(msgspec.Struct, frozen=True):
    """What an event would do now. `failed_before` is None unless it failed when it was applied.

    `use_case_version` is the version in force now, `accepted_version` the one it was accepted by.
    """

    event_id: str
    event_name: str
    accepted_at: datetime
    use_case_id: UUID | None
    use_case_version: int | None
    accepted_version: int | None
    failed_before: Failure | None
    status: RemapStatus
    error_code: str | None = None
    error_message: str | None = None
    entities: Sequence[EntityChange] = ()
    readings: Sequence[Mapping[str, Any]] = ()
    warnings: Sequence[Mapping[str, Any]] = ()


class Remap(msgspec.Struct, frozen=True):
    """The events in the order of acceptance, each on top of those before it.

    `has_more` says that the selection holds more events than are shown; `not_found` are ids that
    were asked for without a stored event.
    """

    events: list[RemappedEvent]
    has_more: bool
    not_found: list[str]
