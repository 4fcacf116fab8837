"""A call of a webhook, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tieline.outbound.deliveries.models import DeliveryState

BY_HAND = "webhook.triggered"  # the name of the event, where a webhook has none of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is to be sent to a webhook.

    `document` is the message before the webhook's conditions and expression; its `metadata` are
    completed. `entity_id` is what it is about. `event_name` is under which name it is listed.
    """

    webhook_id: UUID
    document: Mapping[str, Any]
    entity_id: UUID | None = None
    event_name: str | None = None
    correlation_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """What came of a call so far. `attempts` is how many requests were made.

    `started_at` and `ended_at` are those of the last one; `response_body` is the beginning of its
    answer.
    """

    delivery_id: UUID
    state: DeliveryState
    attempts: int
    status_code: int | None = None
    code: str | None = None
    reason: str | None = None
    response_body: bytes | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    next_attempt_at: datetime | None = None
