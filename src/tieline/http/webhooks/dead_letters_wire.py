"""Answers about dead letters and their mass redrive."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from tieline.outbound.dead_letters.models import LetterStatus
from tieline.runtime.stepwise import WorkStatus


class DeadDeliveryReply(BaseModel):
    """A delivery that failed for good, and what was done about it."""

    event_id: UUID = Field(description="The id of the delivery.")
    webhook_config_id: UUID
    event_name: str
    catalog_event_id: str = Field(description="The event of the catalogue that it is about.")
    message_id: str = Field(description="What receivers get as `webhook-id`.")
    entity_id: UUID | None
    integration_id: UUID | None
    use_case_id: UUID | None
    correlation_id: str | None
    replay_of: UUID | None = Field(description="The delivery that this one repeated.")
    created_at: datetime
    failed_at: datetime
    attempts: int
    status_code: int | None = Field(description="What the receiver answered last.")
    error_code: str
    reason: str = Field(description="Why it failed, in words.")
    next_step: str = Field(description="What to do about it.")
    sendable: bool = Field(description="Whether there are bytes to send, and a webhook.")
    status: LetterStatus
    note: str | None = Field(description="Why it was discarded.")
    discarded_at: datetime | None
    discarded_by: str | None = Field(description="The name of the caller.")


class LetterCursorReply(BaseModel):
    """Where the page ended."""

    created_at: datetime
    event_id: UUID


class DeadDeliveriesReply(BaseModel):
    """A page of dead letters, newest delivery first; `next_cursor` is null on the last one."""

    data: list[DeadDeliveryReply]
    next_cursor: LetterCursorReply | None
    has_more: bool


class DeadDeliveryGroupReply(BaseModel):
    """Dead letters of one webhook with one error."""

    webhook_config_id: UUID
    error_code: str
    count: int
    first_failed_at: datetime
    last_failed_at: datetime
    example_event_id: UUID = Field(description="The newest of them.")
    example_reason: str = Field(description="Why that one failed.")
    next_step: str = Field(description="What to do about it.")


class DeadDeliveryGroupsReply(BaseModel):
    """The largest groups, largest first."""

    data: list[DeadDeliveryGroupReply]
    has_more: bool


class DiscardedReply(BaseModel):
    """How many letters were open and are discarded now."""

    discarded: int


class RedriveReply(BaseModel):
    """How far a mass redrive is."""

    id: UUID
    status: WorkStatus
    rate_per_second: int
    total: int = Field(description="Letters that were open when it began.")
    redriven: int = Field(description="Letters that are on their way again.")
    not_sendable: int = Field(description="Letters without bytes to send, or without a webhook.")
    requested_by: str = Field(description="The name of the caller.")
    created_at: datetime
    finished_at: datetime | None


class RedrivesReply(BaseModel):
    """Mass redrives, newest first."""

    redrives: list[RedriveReply]
