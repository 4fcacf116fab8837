"""Deliveries as monitoring shows them, and what one can ask about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from tieline.outbound.deliveries.models import DeliveryState


class MonitoredStatus(StrEnum):
    """How far a delivery is, in the words of monitoring.

    `skipped` is shown to whoever asks for it: nothing was to be sent, so nothing went wrong.
    """

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    PENDING = "pending"
    SKIPPED = "skipped"

    @classmethod
    def of(cls, state: DeliveryState) -> MonitoredStatus:
        """The word for a state. What was cancelled never arrives, and so has failed."""
        match state:
            case DeliveryState.SUCCEEDED:
                return cls.SUCCEEDED
            case DeliveryState.FAILED | DeliveryState.CANCELLED:
                return cls.FAILED
            case DeliveryState.PENDING:
                return cls.PENDING
            case DeliveryState.SKIPPED:
                return cls.SKIPPED

    @property
    def states(self) -> list[str]:
        """The states that it stands for."""
        return [state.value for state in DeliveryState if self.of(state) is self]


class MonitoredDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery as monitoring shows it.

    `status_code`, `error_code` and `reason` are those of its end or, while it is pending, of the
    last attempt. `body` is None when nothing was rendered or when it has more than `SHOWN_BYTES`
    bytes; `body_bytes` is its size.
    """

    id: UUID
    created_at: datetime
    updated_at: datetime
    webhook_id: UUID
    state: DeliveryState
    event_id: str
    event_name: str
    message_id: str
    integration_id: UUID | None
    use_case_id: UUID | None
    mapping_id: UUID | None
    correlation_id: str | None
    entity_id: UUID | None
    url: str | None
    http_method: str
    metadata: Mapping[str, Any]
    attempts: int
    status_code: int | None
    error_code: str | None
    reason: str | None
    body: bytes | None
    body_bytes: int | None


@dataclass(frozen=True, slots=True)
class DeliveryPlace:
    """The place of a delivery in the list, newest first."""

    created_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringQuery:
    """Which deliveries of an integration are wanted; None means any. Both dates are inclusive."""

    event_name: str | None = None
    status: MonitoredStatus | None = None
    webhook_id: UUID | None = None
    from_date: datetime | None = None
    to_date: datetime | None = None
    cursor: DeliveryPlace | None = None
    limit: int = 50

    @property
    def states(self) -> list[str]:
        """The states of the deliveries that are wanted; skipped ones only by their name."""
        if self.status is not None:
            return self.status.states
        return [
            state for status in MonitoredStatus if status != "skipped" for state in status.states
        ]


@dataclass(frozen=True, slots=True)
class MonitoringPage:
    """Deliveries, newest first; `next_cursor` is None on the last page."""

    deliveries: list[MonitoredDelivery]
    next_cursor: DeliveryPlace | None
