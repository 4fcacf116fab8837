"""Answers about dead letters and their mass replay."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from tieline.inbound.dead_letters.models import (
    LetterStatus,
)
from tieline.monitoring.models import ErrorCategory, SyncType
from tieline.runtime.stepwise import WorkStatus


class DeadLetterReply(BaseModel):
    """An event that failed, and what was done about it."""

    event_id: str
    event_name: str
    integration_id: UUID
    use_case_id: UUID | None
    use_case_version: int | None = Field(description="The version by which it was mapped.")
    correlation_id: str | None
    sync_type: SyncType
    error_code: str
    error_category: ErrorCategory
    error_message: str
    reason: str = Field(description="The message without what differs from event to event.")
    received_at: datetime
    failed_at: datetime
    replay_of: str | None = Field(description="The event that this one repeated.")
    status: LetterStatus
    note: str | None = Field(description="Why it was discarded.")
    replay_event_id: str | None = Field(description="The event that repeats this one.")
    resolved_at: datetime | None
    resolved_by: str | None = Field(description="The name of the API key.")


class LetterCursorReply(BaseModel):
    """Where the page ended."""

    failed_at: datetime
    event_id: str


class DeadLettersReply(BaseModel):
    """A page of dead letters, newest failure first; `next_cursor` is null on the last one."""

    data: list[DeadLetterReply]
    next_cursor: LetterCursorReply | None
    has_more: bool


class DeadLetterGroupReply(BaseModel):
    """Dead letters with one cause."""

    error_code: str
    error_category: ErrorCategory
    reason: str
    use_case_id: UUID | None
    event_name: str
    count: int
    first_failed_at: datetime
    last_failed_at: datetime
    example_event_id: str = Field(description="The newest of the events.")
    example_message: str = Field(description="Why that one failed.")
    next_step: str = Field(description="What to do about it.")


class DeadLetterGroupsReply(BaseModel):
    """The largest groups, largest first."""

    data: list[DeadLetterGroupReply]
    has_more: bool


class DiscardReply(BaseModel):
    """How many letters were open and are discarded now."""

    discarded: int


class RedriveReply(BaseModel):
    """How far a mass replay is."""

    id: UUID
    integration_id: UUID
    status: WorkStatus
    rate_per_second: int
    total: int = Field(description="Letters that were open when it began.")
    replayed: int = Field(description="Letters whose event is repeated by a new one.")
    ignored: int = Field(description="Letters whose event no enabled use case takes now.")
    not_found: int = Field(description="Letters whose payload is no longer stored.")
    correlation_id: str = Field(description="Of all the new events.")
    requested_by: str = Field(description="The name of the API key.")
    created_at: datetime
    finished_at: datetime | None


class RedrivesReply(BaseModel):
    """Mass replays, newest first."""

    redrives: list[RedriveReply]
