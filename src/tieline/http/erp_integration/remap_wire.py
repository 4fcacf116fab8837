"""The answer to a re-map."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from tieline.inbound.remap.models import EntityChangeKind, RemapStatus


class ReplacementReply(BaseModel):
    """The value of an attribute before and after."""

    old: Any
    new: Any


class EntityChangeReply(BaseModel):
    """What would happen to an entity; the id of one that would be created stands for it only."""

    id: UUID
    schema_: str = Field(alias="schema")
    change: EntityChangeKind
    added: dict[str, Any]
    updated: dict[str, ReplacementReply]
    deleted: dict[str, Any]


class FailureReply(BaseModel):
    """Why an event failed when it was applied."""

    error_code: str
    error_message: str


class RemappedEventReply(BaseModel):
    """What an event would do now."""

    event_id: str
    event_name: str
    received_at: datetime
    use_case_id: UUID | None = Field(description="The use case that takes it now.")
    use_case_version: int | None = Field(description="The version in force now.")
    accepted_version: int | None = Field(description="The version it was accepted by.")
    failed_before: FailureReply | None
    status: RemapStatus
    error_code: str | None
    error_message: str | None
    entities: list[EntityChangeReply]
    meter_readings: list[Any]
    warnings: list[Any]


class RemapReply(BaseModel):
    """The events in the order of acceptance, each on top of those before it."""

    data: list[RemappedEventReply]
    has_more: bool = Field(description="The selection holds more events than are shown.")
    not_found: list[str] = Field(description="Ids of the request without a stored event.")
