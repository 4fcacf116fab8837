"""Answers to consumers who pull their messages."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from tieline.outbound.pulling.models import Settlement


class MessageReply(BaseModel):
    """A message that is lent."""

    id: str = Field(description="Names the message and this lease: what is acknowledged.")
    event_id: UUID = Field(description="The id of the delivery in the log.")
    message_id: str = Field(
        description="Stays the same however often the message comes: by it a repetition is known."
    )
    catalog_event_id: str = Field(description="The event of the catalogue that it is about.")
    event_name: str
    entity_id: UUID | None
    content_type: str
    body: str = Field(description="The message, as text: what is signed, to the character.")
    headers: dict[str, str] = Field(description="As a push would have them, signature included.")
    attempt: int = Field(description="How often it was handed out, this time included.")
    created_at: datetime
    lease_until: datetime = Field(description="Until then nobody else gets it.")


class PulledReply(BaseModel):
    """The next messages, oldest first."""

    messages: list[MessageReply]
    paused_at: datetime | None = Field(
        description="Since when the webhook is paused, which is why nothing comes."
    )


class SettledMessageReply(BaseModel):
    """What became of one message."""

    id: str
    status: Settlement


class SettledReply(BaseModel):
    """What became of each message, in the order of the request."""

    results: list[SettledMessageReply]
