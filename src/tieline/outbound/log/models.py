"""What the log tells about a delivery, and what one can ask it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from tieline.outbound.deliveries.models import DeliveryKind, DeliveryState


class LogStatus(StrEnum):
    """How far a delivery is, in the words of the log."""

    IN_PROGRESS = "in_progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"

    @classmethod
    def of(cls, state: DeliveryState) -> LogStatus:
        """The word for a state. A cancelled delivery counts as failed: it never arrives."""
        match state:
            case DeliveryState.PENDING:
                return cls.IN_PROGRESS
            case DeliveryState.SUCCEEDED:
                return cls.SUCCEEDED
            case DeliveryState.FAILED | DeliveryState.CANCELLED:
                return cls.FAILED
            case DeliveryState.SKIPPED:
                return cls.SKIPPED


class LoggedDelivery(msgspec.Struct, frozen=True):
    """A delivery as the log shows it.

    `status_code`, `error_code` and `reason` are those of its end or, while it is on its way, of the
    last attempt in this round; `response_body` is what was kept of the answer to the last attempt.
    `seq` is its place in the queue, where those on their way are listed.
    """

    id: UUID
    org_id: str
    created_at: datetime
    webhook_id: UUID
    kind: DeliveryKind
    state: DeliveryState
    event_id: str
    event_name: str
    message_id: str
    entity_id: UUID | None
    integration_id: UUID | None
    use_case_id: UUID | None
    mapping_id: UUID | None
    correlation_id: str | None
    ack_id: str | None
    replay_of: UUID | None
    url: str | None
    http_method: str
    content_type: str
    body: bytes | None
    metadata: Mapping[str, Any]
    round: int
    attempts: int
    status_code: int | None
    error_code: str | None
    reason: str | None
    ended_at: datetime | None
    response_body: bytes | None = None
    seq: int | None = None


class LogCursor(msgspec.Struct, frozen=True):
    """The place of a delivery in the log, newest first; `seq` is that in the queue."""

    created_at: datetime
    id: UUID
    seq: int | None = None


class LogQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries of a webhook are wanted; None means any. Both dates are inclusive."""

    status: LogStatus | None = None
    delivery_id: UUID | None = None
    from_date: datetime | None = None
    to_date: datetime | None = None
    cursor: LogCursor | None = None
    limit: int = 25


class LogPage(msgspec.Struct, frozen=True):
    """Deliveries, newest first; `next_cursor` is None on the last page."""

    deliveries: list[LoggedDelivery]
    next_cursor: LogCursor | None


class LoggedAttempt(msgspec.Struct, frozen=True):
    """One request that was, or may have been, sent; `outcome` is in the words of the engine.

    A redrive begins another `round`, in which the numbers begin at 1 again.
    `milliseconds` is how long it took. Of the answer `response_body` is the beginning, and
    `response_bytes` how long it was, as far as that is known.
    """

    round: int
    number: int
    outcome: str
    started_at: datetime
    milliseconds: float | None
    url: str | None
    address: str | None
    request_headers: Any
    status_code: int | None
    response_headers: Any
    response_body: bytes | None
    response_bytes: int | None
    error_code: str | None
    error: str | None


class WaitReason(StrEnum):
    """Why a delivery that is on its way is not being sent at this moment, or that it is."""

    IN_FLIGHT = "in_flight"
    DISABLED = "disabled"
    PAUSED = "paused"
    ORDER = "order"
    RETRY = "retry"
    CIRCUIT = "circuit_open"
    CONCURRENCY = "concurrency"
    RATE = "rate_limit"
    CONSUMER = "consumer"
    TURN = "turn"


class Waiting(msgspec.Struct, frozen=True):
    """Why a delivery waits, in words, and until when if that is known.

    `since` is when what it waits for began, `behind` the delivery that has to come first.
    """

    reason: WaitReason
    message: str
    since: datetime | None = None
    until: datetime | None = None
    behind: UUID | None = None


class AttemptsShown(msgspec.Struct, frozen=True):
    """A delivery, its attempts in their order and, while it is on its way, why it waits."""

    delivery: LoggedDelivery
    attempts: list[LoggedAttempt]
    waiting: Waiting | None


class Replayed(msgspec.Struct, frozen=True):
    """A delivery that was sent again, and the new delivery that does it."""

    delivery_id: UUID
    replay_id: UUID


class Backlog(msgspec.Struct, frozen=True):
    """What waits for a webhook. Numbers beyond `MOST_COUNTED` are not counted out.

    `queued` counts all that has not ended, `in_flight` what is being sent or lent of it, `dead` the
    dead letters. `next_at` is when the next of those that wait is due.
    """

    paused_at: datetime | None
    enabled: bool
    queued: int
    in_flight: int
    dead: int
    oldest_at: datetime | None
    next_at: datetime | None
    circuit: str
    circuit_until: datetime | None


MOST_COUNTED = 10_000
