"""A message that somebody is to acknowledge."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

# Between the delivery and the acknowledgement; what comes later is as good as nothing.
TIME_TO_ACKNOWLEDGE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """The acknowledgement of one message, by the `_ack_id` that the message carries.

    `delivered_at` is when the message first arrived; until then no time runs out.
    """

    org_id: str
    ack_id: str
    integration_id: UUID
    use_case_id: UUID
    mapping_id: UUID | None
    webhook_id: UUID
    delivery_id: UUID
    event_id: str
    event_name: str
    correlation_id: str | None
    created_at: datetime
    delivered_at: datetime | None = None
