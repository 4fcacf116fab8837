"""Answers about deliveries. The names that the published client knows come first in each."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from tieline.outbound.deliveries.models import DeliveryKind, DeliveryState
from tieline.outbound.log.models import LogStatus, WaitReason


class ResponseReply(BaseModel):
    """What came of a delivery. What there is none of is left out."""

    status_code: int | None = Field(None, description="What the receiver answered last.")
    message: str | None = Field(None, description="Why it is not delivered, in words.")
    body: dict[str, Any] | None = Field(
        None,
        description="The beginning of the last answer; what is no object stands under `text`.",
    )
    code: str | None = Field(None, description="A stable code for that.")


class EventReply(BaseModel):
    """A delivery: one message on its way to one webhook."""

    event_id: UUID = Field(description="The id of the delivery.")
    org_id: str
    webhook_config_id: UUID
    url: str | None = Field(None, description="Left out when the webhook had none.")
    created_at: datetime
    event_name: str
    http_response: ResponseReply | None = Field(
        None, description="Left out as long as nothing came of it."
    )
    metadata: dict[str, Any]
    status: LogStatus
    http_method: str
    payload: str | None = Field(
        None, description="What is sent, as text. Left out when nothing is."
    )
    kind: DeliveryKind = Field(description="Why there is this delivery.")
    state: DeliveryState
    message_id: str = Field(description="What receivers get as `webhook-id`.")
    catalog_event_id: str = Field(description="The event of the catalogue that it is about.")
    entity_id: UUID | None
    integration_id: UUID | None
    use_case_id: UUID | None
    mapping_id: UUID | None
    correlation_id: str | None
    replay_of: UUID | None = Field(description="The delivery that this one repeats.")
    content_type: str
    attempts: int = Field(description="How many attempts there were, in all rounds.")
    ended_at: datetime | None


class EventsReply(BaseModel):
    """A page of deliveries, newest first. The last one has no `cursor`."""

    data: list[EventReply]
    cursor: str | None = None


class CursorReply(BaseModel):
    """Where the page ended."""

    created_at: datetime
    event_id: UUID


class EventPageReply(BaseModel):
    """A page of deliveries, newest first; `next_cursor` is null on the last one."""

    data: list[EventReply]
    next_cursor: CursorReply | None
    has_more: bool


class AttemptReply(BaseModel):
    """One request that was, or may have been, sent."""

    round: int = Field(description="Each redrive is another round.")
    number: int = Field(description="Counted from 1 in each round.")
    outcome: str = Field(
        description="`succeeded`, `failed`, or `lost`: nobody knows whether it arrived."
    )
    started_at: datetime
    milliseconds: float | None
    url: str | None
    address: str | None = Field(description="The address of the network that it went to.")
    request_headers: Any = Field(description="What was sent, secrets hidden.")
    status_code: int | None
    response_headers: Any
    response_body: str | None = Field(description="The beginning of the answer.")
    response_bytes: int | None = Field(description="How long the answer was, if that is known.")
    error_code: str | None
    error: str | None = Field(description="Why it failed, in words.")


class WaitingReply(BaseModel):
    """Why a delivery waits."""

    reason: WaitReason
    message: str = Field(description="The same in words.")
    since: datetime | None
    until: datetime | None = Field(description="When it goes on, if that is known.")
    behind_event_id: UUID | None = Field(description="The delivery that comes first.")


class AttemptsReply(BaseModel):
    """The attempts of a delivery, oldest first."""

    event_id: UUID
    status: LogStatus
    state: DeliveryState
    reason: str | None
    error_code: str | None
    attempts: list[AttemptReply]
    waiting: WaitingReply | None = Field(description="Null when it is not on its way.")


class ReplayReply(BaseModel):
    """An event that is sent again, and the new event that does it."""

    event_id: UUID
    replay_event_id: UUID


class ReplaysReply(BaseModel):
    """What was sent again, in the order of the request."""

    replayed_event_ids: list[UUID]
    replays: list[ReplayReply]


class BacklogReply(BaseModel):
    """What waits for a webhook. Numbers end at 10,000."""

    webhook_config_id: UUID
    enabled: bool
    paused_at: datetime | None
    queued: int = Field(description="Deliveries that have not ended.")
    in_flight: int = Field(description="Those of them that are being sent, or are lent.")
    dead: int = Field(description="Dead letters that are open.")
    oldest_created_at: datetime | None
    next_attempt_at: datetime | None = Field(description="When the next one is due.")
    circuit: str = Field(description="`closed`, `open` or `half_open`.")
    circuit_until: datetime | None
