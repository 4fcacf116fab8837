"""What the engine works with: leased deliveries, attempts, and how webhooks stand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec

from tieline.outbound.deliveries.circuit import Circuit
from tieline.outbound.deliveries.models import DeliveryState
from tieline.outbound.deliveries.rates import Bucket
from tieline.outbound.deliveries.retry import RetryPolicy
from tieline.outbound.deliveries.streaks import Streak
from tieline.outbound.deliveries.verdicts import Outcome, Verdict


class Key(NamedTuple):
    """A webhook of an organisation."""

    org_id: str
    webhook_id: UUID


class AttemptNumber(NamedTuple):
    """An attempt at a delivery, of all there ever are."""

    delivery_id: UUID
    round: int
    attempt: int


class Lease(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The right to make attempt number `attempt` at a delivery, which nobody else has meanwhile.

    `holder` is the process that has it, `seq` the place of the delivery in the queue.
    """

    key: Key
    seq: int
    delivery_id: UUID
    created_at: datetime
    round: int
    attempt: int
    holder: UUID
    leased_at: datetime
    ack_id: str | None = None

    @property
    def number(self) -> AttemptNumber:
        """Which attempt at which delivery it is for."""
        return AttemptNumber(self.delivery_id, self.round, self.attempt)


class Leased(Lease, frozen=True, gc=False, kw_only=True):
    """A leased delivery with all that it takes to send it; the policy is that of its webhook."""

    message_id: str
    event_name: str
    content_type: str
    body: bytes
    policy: RetryPolicy


class Exchange(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What was sent and what came back, as far as it is kept, without secrets.

    `response_body` is the beginning of the answer, `response_bytes` the size of what
    was read of it.
    """

    url: str | None = None
    address: str | None = None
    request_headers: Mapping[str, str] | None = None
    status_code: int | None = None
    response_headers: Mapping[str, str] | None = None
    response_body: bytes | None = None
    response_bytes: int | None = None


NOTHING_SENT = Exchange()


class Attempt(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An attempt that has ended. `retry_after` is how long the receiver asked to wait."""

    lease: Lease
    verdict: Verdict
    started_at: datetime
    ended_at: datetime
    milliseconds: float | None = None
    exchange: Exchange = NOTHING_SENT
    retry_after: timedelta | None = None


class AttemptResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an attempt that somebody waited for.

    `state` is that of the delivery afterwards; while it is pending it is tried again at
    `next_attempt_at`. `response_body` is the beginning of the answer; neither it nor the headers
    hold secrets.
    """

    delivery_id: UUID
    state: DeliveryState
    outcome: Outcome
    attempt: int
    started_at: datetime
    milliseconds: float
    status_code: int | None = None
    response_headers: Mapping[str, str] = {}
    response_body: bytes = b""
    error_code: str | None = None
    reason: str | None = None
    next_attempt_at: datetime | None = None


class Standing(msgspec.Struct, kw_only=True):
    """How a webhook stands, and what it is set to; whoever has one holds the lock on its state.

    `exists` is false when it was deleted; then nothing else tells anything.
    """

    key: Key
    circuit: Circuit
    streak: Streak
    bucket: Bucket
    exists: bool = True
    sends: bool = True  # enabled, not paused, and not one whose consumer comes for its messages
    ordered: bool = False
    max_concurrency: int = 1
    rate: float | None = None
    policy: RetryPolicy = RetryPolicy()


class Claim(msgspec.Struct, frozen=True):
    """How many deliveries of a webhook are wanted, and until when they will be leased."""

    standing: Standing
    most: int
    until: datetime


class Found(msgspec.Struct, frozen=True):
    """A webhook for which there is something to do, at once or from `due_at` on."""

    key: Key
    due_at: datetime
