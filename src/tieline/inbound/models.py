"""An ERP event on its way: as sent, as accepted, and what the sender is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tieline.mapping.models import PayloadFormat
from tieline.monitoring.models import EventType

# The type of an event whose sender named none, as since version 3 of the ingest: it creates or
# updates as its use case says, and that is what earlier versions call an update.
UNTOLD_EVENT_TYPE = EventType.UPDATE


class Receipt(StrEnum):
    """What became of a sent event, as the sender is told at once."""

    SUCCESS = "success"  # accepted; it will reach a terminal state
    SKIPPED = "skipped"  # its deduplication id was seen within the window
    IGNORED = "ignored"  # no enabled use case takes it
    ERROR = "error"  # not a usable event; nothing was stored


@dataclass(frozen=True, slots=True)
class SentEvent:
    """One valid event of a request; its own correlation id and group win over the request's."""

    name: str | None
    slug: str | None
    time: datetime
    format: PayloadFormat
    payload: bytes
    deduplication_id: str | None
    event_type: str | None = None
    correlation_id: str | None = None
    group_id: str | None = None


@dataclass(frozen=True, slots=True)
class InvalidEvent:
    """One event of a request that cannot be accepted, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class EventResult:
    """The answer to one sent event."""

    event_id: str
    status: Receipt
    message: str


@dataclass(frozen=True, slots=True)
class AcceptedEvent:
    """An event with everything that is stored about it.

    `name` is what monitoring calls the event; `slug` is the one it was addressed to, if any.
    `replay_of` is the id of the event that this one repeats. Events of one group are applied in
    order, those of different groups side by side.
    """

    org_id: str
    integration_id: UUID
    event_id: str
    accepted_at: datetime
    name: str
    time: datetime
    format: PayloadFormat
    payload: bytes
    correlation_id: str
    slug: str | None = None
    deduplication_id: str | None = None
    event_type: str | None = None
    use_case_id: UUID | None = None
    use_case_version: int | None = None
    replay_of: str | None = None
    group_id: str | None = None


@dataclass(frozen=True, slots=True)
class Routed:
    """An event on its way in, and why it will not be applied if that is known already.

    `replayed_by` names who asked for it, if it repeats another one.
    """

    event: AcceptedEvent
    ignored: tuple[str, str] | None  # (error code, message)
    replayed_by: str | None = None


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """A waiting event, read back for mapping."""

    seq: int
    event_id: str
    accepted_at: datetime
    name: str
    event_type: str | None
    format: PayloadFormat
    payload: bytes
    correlation_id: str
    use_case_id: UUID
    use_case_version: int


@dataclass(frozen=True, slots=True)
class EventCursor:
    """The place of a stored event in the list, newest first.

    Without an `event_id` the list continues with the events that are older than that moment.
    """

    accepted_at: datetime
    event_id: str = ""


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which stored events of an integration are wanted; None means any."""

    event_id: str | None = None
    event_type: str | None = None
    correlation_id: str | None = None
    object_type: str | None = None
    event_name: str | None = None
    cursor: EventCursor | None = None
    limit: int = 25


@dataclass(frozen=True, slots=True)
class EventPage:
    """Stored events, newest first; `next_cursor` is None on the last page."""

    events: list[AcceptedEvent]
    next_cursor: EventCursor | None


class ReplayStatus(StrEnum):
    """What became of the wish to replay an event."""

    QUEUED = "queued"  # repeated by a new event, which will reach a terminal state
    SKIPPED = "skipped"  # the request named it before
    IGNORED = "ignored"  # no enabled use case takes it now
    NOT_FOUND = "not_found"  # no payload is stored for it


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """The answer for one event; `replay_event_id` is the new event, if there is one."""

    event_id: str
    status: ReplayStatus
    replay_event_id: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Replay:
    """The results in the order of the request, and what all the new events have in common."""

    correlation_id: str
    results: list[ReplayResult]

    @property
    def replayed(self) -> int:
        """How many events will be applied again."""
        return sum(result.status is ReplayStatus.QUEUED for result in self.results)
