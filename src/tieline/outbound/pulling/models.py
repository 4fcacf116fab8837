"""A message that a consumer pulls, and what became of what it says about one."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from tieline.kit.ids import parse_uuid


class LeaseId(msgspec.Struct, frozen=True):
    """What a consumer names a message by: the delivery, and the lease under which it has it.

    The next consumer of the same message has another lease, so that whoever was too slow is told.
    """

    delivery_id: UUID
    lease: UUID

    def __str__(self) -> str:
        return f"{self.delivery_id}.{self.lease}"

    @classmethod
    def parse(cls, text: str) -> LeaseId | None:
        """The id that a text stands for, or None when it is none."""
        delivery, _, lease = text.partition(".")
        first, second = parse_uuid(delivery), parse_uuid(lease)
        return cls(first, second) if first and second else None


class Leased(msgspec.Struct, frozen=True):
    """A row of the queue that somebody has or had, before it changes.

    `attempt` is the number of this attempt in its `round`. `entity_id` is given where the order of
    an entity is kept.
    """

    seq: int
    delivery_id: UUID
    created_at: datetime
    entity_id: UUID | None
    attempt: int
    round: int
    lease: UUID | None
    leased_at: datetime | None
    leased_until: datetime | None


class Message(msgspec.Struct, frozen=True):
    """A message that is lent to a consumer until `lease_until`.

    `message_id` stays the same whenever the message is handed out, `attempt` counts that.
    """

    id: LeaseId
    message_id: str
    event_id: str
    event_name: str
    entity_id: UUID | None
    content_type: str
    body: bytes
    attempt: int
    created_at: datetime
    lease_until: datetime
    headers: dict[str, str] = msgspec.field(default_factory=dict)


class Pulled(msgspec.Struct, frozen=True):
    """What a consumer gets; `paused_at` says why it gets nothing if the webhook is paused."""

    messages: list[Message]
    paused_at: datetime | None = None


class Settlement(StrEnum):
    """What became of a message about which a consumer said something."""

    ACKNOWLEDGED = "acknowledged"
    RETURNED = "returned"  # it is handed out again
    EXTENDED = "extended"
    DEAD = "dead"  # that was its last attempt, or it was dead already
    ALREADY_ACKNOWLEDGED = "already_acknowledged"
    LEASE_LOST = "lease_lost"  # the time was up, and it was or will be handed out again
    NOT_FOUND = "not_found"


class Settled(msgspec.Struct, frozen=True):
    """One id that a consumer named, and what became of it."""

    id: str
    status: Settlement
