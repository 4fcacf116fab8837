"""Deliveries that failed for good, what one can ask about them, and their mass redrive."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from tieline.runtime.stepwise import WorkStatus


class LetterStatus(StrEnum):
    """Whether somebody still has to see to a dead letter."""

    OPEN = "open"
    DISCARDED = "discarded"  # somebody decided that it need not be delivered


class DeadDelivery(msgspec.Struct, frozen=True):
    """A delivery that failed for good, without what was to be sent.

    `sendable` says whether there are bytes to send and a webhook to send them to.
    """

    id: UUID
    webhook_id: UUID
    event_id: str
    event_name: str
    message_id: str
    entity_id: UUID | None
    integration_id: UUID | None
    use_case_id: UUID | None
    correlation_id: str | None
    replay_of: UUID | None
    created_at: datetime
    failed_at: datetime
    attempts: int
    status_code: int | None
    error_code: str
    reason: str
    sendable: bool
    discarded_at: datetime | None
    discarded_by: str | None
    note: str | None


class LetterFilter(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which dead letters are meant; None means any. Both dates are inclusive bounds of failing."""

    delivery_ids: tuple[UUID, ...] | None = None
    webhook_id: UUID | None = None
    event_name: str | None = None
    error_code: str | None = None
    entity_id: UUID | None = None
    from_date: datetime | None = None
    to_date: datetime | None = None


class LetterCursor(msgspec.Struct, frozen=True):
    """The place of a dead letter in the list, newest delivery first."""

    created_at: datetime
    id: UUID


class LetterPage(msgspec.Struct, frozen=True):
    """Dead letters, newest delivery first; `next_cursor` is None on the last page."""

    letters: list[DeadDelivery]
    next_cursor: LetterCursor | None


class LetterGroup(msgspec.Struct, frozen=True):
    """Dead letters of one webhook with one error; the example is the newest of them."""

    webhook_id: UUID
    error_code: str
    count: int
    first_failed_at: datetime
    last_failed_at: datetime
    example_id: UUID
    example_reason: str


class GroupPage(msgspec.Struct, frozen=True):
    """The largest groups, largest first, and whether there are more."""

    groups: list[LetterGroup]
    has_more: bool


class Redrive(msgspec.Struct, frozen=True):
    """A mass redrive of the letters that were open when it began.

    `webhook_ids` are the webhooks that its author may see, None for all. It has seen to the letters
    up to (`after_created`, `after_id`), in the order in which the deliveries were made, and goes on
    no sooner than `next_at`. `step` counts its transactions. Of `total` letters `redriven` are on
    their way again, and `not_sendable` have no bytes to send or a webhook that is gone; those that
    somebody else redrove or discarded meanwhile are in neither.
    """

    id: UUID
    selection: LetterFilter
    webhook_ids: tuple[UUID, ...] | None
    rate_per_second: int
    status: WorkStatus
    step: int
    after_created: datetime | None
    after_id: UUID | None
    total: int
    redriven: int
    not_sendable: int
    requested_by: str
    created_at: datetime
    next_at: datetime
    finished_at: datetime | None
