"""Single outcomes: what became of inbound events."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from tieline.http.erp_integration.monitoring.parts import Watcher, exact
from tieline.http.erp_integration.parts import Body, IntegrationId, Moment, Part, refusals
from tieline.http.responses import reply
from tieline.http.route import AskingRoute
from tieline.http.services import Use
from tieline.kit.errors import InvalidInput
from tieline.kit.time import to_wire
from tieline.monitoring.models import (
    ErrorCategory,
    EventType,
    Outcome,
    OutcomeCursor,
    OutcomePage,
    OutcomeQuery,
    OutcomeStatus,
    SyncType,
)

router = APIRouter(route_class=AskingRoute, tags=["monitoring"])


class CursorPart(Part):
    """Where the page before ended: its `next_cursor`, or moment and id of its last event."""

    model_config = ConfigDict(extra="forbid")

    completed_at: Moment | None = None
    event_id: str | None = None
    sync_type: str | None = None

    def position(self) -> OutcomeCursor | None:
        """The place in the list; None for its beginning. Raises `InvalidInput`."""
        if self.completed_at is None:
            if self.event_id is not None:
                raise InvalidInput("cursor.completed_at: is required beside event_id. Send both.")
            return None
        return OutcomeCursor(self.completed_at, self.event_id or "", self.sync_type)


class InboundEventsBody(Body):
    """Which events are wanted; every filter that is left out lets all pass."""

    model_config = ConfigDict(extra="forbid")

    use_case_id: UUID | None = Field(None, description="Events of this use case.")
    event_type: EventType | None = Field(None, description="As older ingest versions send it.")
    sync_type: SyncType | None = Field(None, description="What the work was about.")
    status: OutcomeStatus | None = Field(None, description="How it ended.")
    error_category: ErrorCategory | None = Field(None, description="Where the error's cause is.")
    correlation_id: str | None = Field(None, description="Events of one request or process.")
    object_type: str | None = Field(None, description="The event's name.")
    event_name: str | None = Field(None, description="Another word for object_type.")
    event_id: str | None = Field(None, description="One event.")
    from_date: Moment | None = Field(None, description="Completed at this moment or later.")
    to_date: Moment | None = Field(None, description="Completed at this moment or before.")
    limit: StrictInt = Field(50, ge=1, le=100, description="Events per page.")
    cursor: CursorPart | None = None

    def query(self) -> OutcomeQuery:
        """What is asked for. Raises `InvalidInput`."""
        return OutcomeQuery(
            use_case_id=self.use_case_id,
            event_type=self.event_type,
            sync_type=self.sync_type,
            status=self.status,
            error_category=self.error_category,
            correlation_id=self.correlation_id,
            object_type=self.object_type,
            event_name=self.event_name,
            event_id=self.event_id,
            from_date=self.from_date,
            to_date=self.to_date,
            cursor=self.cursor.position() if self.cursor else None,
            limit=self.limit,
        )


class InboundEventReply(BaseModel):
    """How the work on an event ended, for one sync type."""

    org_id: str
    event_id: str
    correlation_id: str | None
    integration_id: UUID | None
    use_case_id: UUID | None
    use_case_version: int | None = Field(None, description="The version by which it was mapped.")
    event_type: EventType | None = None
    object_type: str
    sync_type: SyncType
    status: OutcomeStatus
    error_code: str | None
    error_message: str | None
    error_category: ErrorCategory | None = None
    processing_duration_ms: int | None
    received_at: datetime
    completed_at: datetime
    entities: list[Any] | None = Field(None, description="What happened to which entity.")
    warnings: list[Any] | None = Field(None, description="What the mapping wants looked at.")


class CursorReply(BaseModel):
    """Where the page ended."""

    completed_at: datetime
    event_id: str
    sync_type: SyncType


class InboundEventsReply(BaseModel):
    """A page of events, newest first; `next_cursor` is null on the last one."""

    data: list[InboundEventReply]
    next_cursor: CursorReply | None
    has_more: bool


@router.post(
    "/v1/integrations/{integrationId}/monitoring/inbound-events",
    operation_id="queryInboundMonitoringEvents",
    response_model=InboundEventsReply,
    responses=refusals(404, 409),
)
async def query_inbound_monitoring_events(
    integration_id: IntegrationId, body: InboundEventsBody, caller: Watcher, use: Use
) -> Response:
    """Find out what became of an integration's inbound events, newest first."""
    query = body.query()
    await use.integrations.get_integration(caller.org_id, integration_id)
    page = await use.monitoring.query_inbound(caller.org_id, integration_id, query)
    return reply(_page_reply(page))


def _page_reply(page: OutcomePage) -> dict[str, Any]:
    cursor = page.next_cursor
    return {
        "data": [_outcome_reply(outcome) for outcome in page.outcomes],
        "next_cursor": cursor
        and {
            "completed_at": exact(cursor.completed_at),
            "event_id": cursor.event_id,
            "sync_type": cursor.sync_type,
        },
        "has_more": cursor is not None,
    }


def _outcome_reply(outcome: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = {
        "org_id": outcome.org_id,
        "event_id": outcome.event_id,
        "correlation_id": outcome.correlation_id,
        "integration_id": str(outcome.integration_id),
        "use_case_id": str(outcome.use_case_id) if outcome.use_case_id else None,
        "object_type": outcome.object_type,
        "sync_type": outcome.sync_type,
        "status": outcome.status,
        "error_code": outcome.error_code,
        "error_message": outcome.error_message,
        "processing_duration_ms": outcome.duration_ms,
        "received_at": to_wire(outcome.received_at),
        "completed_at": exact(outcome.completed_at),
    }
    for key, value in (
        ("use_case_version", outcome.use_case_version),
        ("event_type", outcome.event_type),
        ("error_category", outcome.error_category),
        ("entities", outcome.entities),
        ("warnings", outcome.warnings),
    ):
        if value is not None:
            found[key] = value
    return found
