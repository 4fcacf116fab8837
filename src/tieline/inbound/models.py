"""An ERP event on its way: as sent, as accepted, and what the sender is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tieline.mapping.models import PayloadFormat


class Receipt(StrEnum):
    """What became of a sent event, as the sender is told at once."""

    SUCCESS = "success"  # accepted; it will reach a terminal state
    SKIPPED = "skipped"  # its deduplication id was seen within the window
    IGNORED = "ignored"  # no enabled use case takes it
    ERROR = "error"  # not a usable event; nothing was stored


@dataclass(frozen=True, slots=True)
class SentEvent:
    """One valid event of a request."""

    name: str | None
    slug: str | None
    time: datetime
    format: PayloadFormat
    payload: bytes
    deduplication_id: str | None
    event_type: str | None = None


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
    """An event with everything that is stored about it."""

    org_id: str
    integration_id: UUID
    event_id: str
    accepted_at: datetime
    name: str
    time: datetime
    format: PayloadFormat
    payload: bytes
    correlation_id: str
    deduplication_id: str | None = None
    event_type: str | None = None
    use_case_id: UUID | None = None
    use_case_version: int | None = None
    replay_of: str | None = None


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
