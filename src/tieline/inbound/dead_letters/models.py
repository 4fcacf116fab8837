"""Dead letters, what one can ask about them, and their mass replay."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from tieline.monitoring.models import ErrorCategory, SyncType
from tieline.runtime.stepwise import WorkStatus


class LetterStatus(StrEnum):
    """Whether somebody still has to see to a dead letter."""

    OPEN = "open"
    REPLAYED = "replayed"  # a new event repeats it, whatever becomes of that one
    DISCARDED = "discarded"  # somebody decided that it need not be applied


class DeadLetter(msgspec.Struct, frozen=True):
    """An event that failed, and what was done about it.

    `reason` is the message without what differs from event to event. `replay_of` is the event
    that this one repeated, `replay_event_id` the one that repeats it.
    """

    integration_id: UUID
    event_id: str
    accepted_at: datetime
    failed_at: datetime
    use_case_id: UUID | None
    use_case_version: int | None
    event_name: str
    correlation_id: str | None
    sync_type: SyncType
    error_code: str
    error_category: ErrorCategory
    error_message: str
    reason: str
    replay_of: str | None
    status: LetterStatus
    note: str | None
    replay_event_id: str | None
    resolved_at: datetime | None
    resolved_by: str | None


class LetterFilter(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which dead letters are meant; None means any. Both dates are inclusive bounds of failing."""

    event_ids: tuple[str, ...] | None = None
    use_case_id: UUID | None = None
    event_name: str | None = None
    error_code: str | None = None
    error_category: ErrorCategory | None = None
    reason: str | None = None
    correlation_id: str | None = None
    from_date: datetime | None = None
    to_date: datetime | None = None


class LetterCursor(msgspec.Struct, frozen=True):
    """The place of a dead letter in the list, newest failure first."""

    failed_at: datetime
    event_id: str = ""


class LetterPage(msgspec.Struct, frozen=True):
    """Dead letters, newest failure first; `next_cursor` is None on the last page."""

    letters: list[DeadLetter]
    next_cursor: LetterCursor | None


class LetterGroup(msgspec.Struct, frozen=True):
    """Dead letters with one cause; `event_id` and `error_message` are those of the newest event."""

    error_code: str
    error_category: ErrorCategory
    reason: str
    use_case_id: UUID | None
    event_name: str
    count: int
    first_failed_at: datetime
    last_failed_at: datetime
    event_id: str
    error_message: str


class GroupPage(msgspec.Struct, frozen=True):
    """The largest groups, largest first, and whether there are more."""

    groups: list[LetterGroup]
    has_more: bool


class Redrive(msgspec.Struct, frozen=True):
    """A mass replay of the letters that were open when it began.

    It has seen to the events up to `after_seq`, in the order of acceptance, and goes on no sooner
    than `next_at`. `step` counts its transactions. Of `total` letters, `replayed` have a new
    event, `ignored` no use case that takes them, and `not_found` no payload any more; those that
    somebody else replayed or discarded meanwhile are in none of the three.
    """

    id: UUID
    integration_id: UUID
    selection: LetterFilter
    rate_per_second: int
    status: WorkStatus
    step: int
    after_seq: int
    until_seq: int
    total: int
    replayed: int
    ignored: int
    not_found: int
    correlation_id: str
    requested_by: str
    created_at: datetime
    next_at: datetime
    finished_at: datetime | None
