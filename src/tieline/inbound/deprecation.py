"""What monitoring tells about a request to an earlier ingest version. Pure."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tieline.inbound.models import InvalidEvent, SentEvent
from tieline.kit.ids import ulid_time
from tieline.monitoring.models import Outcome, OutcomeStatus, SyncType


class Deprecated(StrEnum):
    """The operations of the ingest that should not be used any more."""

    VERSION_1 = "processErpUpdatesEvents"
    VERSION_2 = "processErpUpdatesEventsV2"


def deprecation_outcome(
    operation: Deprecated,
    org_id: str,
    integration_id: UUID,
    *,
    event_id: str,
    event: SentEvent | InvalidEvent,
    correlation_id: str,
    now: datetime,
) -> Outcome:
    """The row that a deprecated request leaves beside those of its events.

    `event` is the first one of the request, and `event_id` the id that it got.
    """
    return Outcome(
        org_id=org_id,
        integration_id=integration_id,
        event_id=event_id,
        sync_type=SyncType.API_DEPRECATION,
        received_at=ulid_time(event_id),
        completed_at=now,
        object_type=event.name or "" if isinstance(event, SentEvent) else "",
        status=OutcomeStatus.WARNING,
        duration_ms=0,
        correlation_id=correlation_id,
        error_code="DEPRECATED_ENDPOINT",
        error_message=(
            f"The operation {operation} is deprecated. Send events to "
            "POST /erp-integration/v3/erp/updates/events instead."
        ),
    )
