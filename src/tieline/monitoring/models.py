"""Outcomes of inbound events, and what one can ask about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec


class OutcomeStatus(StrEnum):
    """How an event ended. `skipped` and `warning` are no failures."""

    SUCCESS = "success"
    ERROR = "error"
    SKIPPED = "skipped"
    WARNING = "warning"


class ErrorCategory(StrEnum):
    """Where to look for the cause of an error."""

    VALIDATION = "validation"
    CONFIGURATION = "configuration"
    DOWNSTREAM_API = "downstream_api"
    TIMEOUT = "timeout"
    SYSTEM = "system"


class SyncType(StrEnum):
    """What the work on an event was about; an event has one outcome per sync type."""

    ENTITY = "entity"
    METER_READING = "meter_reading"
    WEBHOOK = "webhook"
    API_DEPRECATION = "api_deprecation"


class EventType(StrEnum):
    """What older ingest versions say about an event; absent since version 3."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    TRIGGER = "TRIGGER"


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """The terminal state of one event for one sync type.

    `object_type` is the event's name. `entities` says what happened to which entity, and
    `warnings` what the mapping wants to be looked at; both are JSON lists.
    """

    org_id: str
    integration_id: UUID
    event_id: str
    sync_type: SyncType
    received_at: datetime
    completed_at: datetime
    object_type: str
    status: OutcomeStatus
    duration_ms: int
    correlation_id: str | None = None
    use_case_id: UUID | None = None
    use_case_version: int | None = None
    event_type: EventType | None = None
    error_code: str | None = None
    error_category: ErrorCategory | None = None
    error_message: str | None = None
    entities: list[Any] | None = None
    warnings: list[Any] | None = None


@dataclass(frozen=True, slots=True)
class OutcomeCursor:
    """The place of an outcome in the list, newest first.

    A cursor that a client made from the last event of a page has no `sync_type`; it continues
    after all outcomes of that event at that moment.
    """

    completed_at: datetime
    event_id: str
    sync_type: str | None = None


@dataclass(frozen=True, slots=True)
class OutcomeQuery:
    """Which outcomes of an integration are wanted; None means any. Both dates are inclusive."""

    use_case_id: UUID | None = None
    event_type: EventType | None = None
    sync_type: SyncType | None = None
    status: OutcomeStatus | None = None
    error_category: ErrorCategory | None = None
    correlation_id: str | None = None
    object_type: str | None = None
    event_name: str | None = None
    event_id: str | None = None
    from_date: datetime | None = None
    to_date: datetime | None = None
    cursor: OutcomeCursor | None = None
    limit: int = 50

    @property
    def names_few(self) -> bool:
        """Whether an index leads to the few outcomes that can match."""
        return bool(self.event_id or self.correlation_id or self.event_type)


@dataclass(frozen=True, slots=True)
class OutcomePage:
    """Outcomes, newest first; `next_cursor` is None on the last page."""

    outcomes: list[Outcome]
    next_cursor: OutcomeCursor | None
