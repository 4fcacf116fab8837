"""Accepted events: what was sent, and sending it through once more."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from tieline.http.auth import require
from tieline.http.erp_integration.parts import Body, IntegrationId, Moment, Part, refusals
from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use
from tieline.identity.models import Principal, Scope
from tieline.inbound.models import (
    UNTOLD_EVENT_TYPE,
    AcceptedEvent,
    EventCursor,
    EventPage,
    EventQuery,
    Replay,
    ReplayStatus,
)
from tieline.kit.errors import InvalidInput
from tieline.kit.time import to_wire

router = APIRouter(route_class=TielineRoute, tags=["integrations"])

EventTypeName = Literal["CREATE", "UPDATE", "DELETE"]


class EventCursorPart(Part):
    """Where the page before ended: its `next_cursor`, or the same of its last event."""

    model_config = ConfigDict(extra="forbid")

    event_time: Moment | None = None
    event_id: str | None = None

    def position(self) -> EventCursor | None:
        """The place in the list; None for its beginning. Raises `InvalidInput`."""
        if self.event_time is None:
            if self.event_id is not None:
                raise InvalidInput("cursor.event_time: is required beside event_id. Send both.")
            return None
        return EventCursor(self.event_time, self.event_id or "")


class EventsBody(Body):
    """Which events are wanted; every filter that is left out lets all pass."""

    model_config = ConfigDict(extra="forbid")

    event_id: str | None = Field(None, description="One event.")
    event_type: EventTypeName | None = Field(
        None, description="As older ingest versions send it; events without one count as UPDATE."
    )
    correlation_id: str | None = Field(None, description="Events of one request or replay.")
    object_type: str | None = Field(None, description="The event's name.")
    event_name: str | None = Field(None, description="Another word for object_type.")
    limit: StrictInt = Field(25, ge=1, le=25, description="Events per page.")
    cursor: EventCursorPart | None = None

    def query(self) -> EventQuery:
        """What is asked for. Raises `InvalidInput`."""
        return EventQuery(
            event_id=self.event_id,
            event_type=self.event_type,
            correlation_id=self.correlation_id,
            object_type=self.object_type,
            event_name=self.event_name,
            cursor=self.cursor.position() if self.cursor else None,
            limit=self.limit,
        )


class StoredEventReply(BaseModel):
    """An event as it was accepted."""

    event_id: str
    event_time: datetime = Field(description="When it was accepted; the list is ordered by it.")
    event_type: EventTypeName = Field(description="UPDATE where the sender did not say.")
    object_type: str = Field(description="The event's name.")
    event_name: str = Field(description="The same.")
    use_case_slug: str | None = Field(description="The slug that the event named.")
    timestamp: datetime = Field(description="When it happened in the ERP.")
    format: Literal["json", "xml"]
    payload: str = Field(description="What was sent, as text.")
    correlation_id: str
    deduplication_id: str | None = None
    integration_id: UUID
    use_case_id: UUID | None = Field(description="Null when no enabled use case took it.")
    replay_of: str | None = Field(description="The event that this one repeats.")


class EventCursorReply(BaseModel):
    """Where the page ended."""

    event_time: datetime
    event_id: str


class EventsReply(BaseModel):
    """A page of events, newest first; `next_cursor` is null on the last one."""

    data: list[StoredEventReply]
    next_cursor: EventCursorReply | None
    has_more: bool


class ReplayBody(Body):
    """Which events to replay."""

    model_config = ConfigDict(extra="forbid")

    event_ids: list[StrictStr] = Field(
        min_length=1, max_length=100, description="Ids of stored events."
    )


class ReplayResultReply(BaseModel):
    """What became of one event of the request."""

    event_id: str
    status: ReplayStatus
    replay_event_id: str | None = Field(description="The new event, if there is one.")
    message: str


class ReplayReply(BaseModel):
    """One result per id, in the order of the request."""

    event_ids: list[str] = Field(description="The ids of the request.")
    correlation_id: str = Field(description="Of all the new events.")
    replayed: int = Field(description="How many events will be applied again.")
    results: list[ReplayResultReply]


@router.post(
    "/v1/integrations/{integrationId}/events",
    operation_id="queryEvents",
    response_model=EventsReply,
    responses=refusals(404, 409),
)
async def query_events(
    integration_id: IntegrationId,
    body: EventsBody,
    caller: Annotated[Principal, Depends(require(Scope.ERP_MONITORING))],
    use: Use,
) -> Response:
    """See the accepted events of an integration with their payloads, newest first."""
    page = await use.stored_events.query(caller.org_id, integration_id, body.query())
    return reply(_page_reply(page))


@router.post(
    "/v1/integrations/{integrationId}/events/replay",
    operation_id="replayEvents",
    response_model=ReplayReply,
    responses=refusals(404, 409),
)
async def replay_events(
    integration_id: IntegrationId,
    body: ReplayBody,
    caller: Annotated[Principal, Depends(require(Scope.ERP_EVENTS))],
    use: Use,
) -> Response:
    """Accept stored events anew, with their payloads, by their use cases as they are now.

    `queued`: a new event repeats this one and will be applied. `ignored`: no enabled use case
    takes it. `not_found`: no payload is stored for it. `skipped`: the request names it twice.
    """
    replay = await use.stored_events.replay(
        caller.org_id, integration_id, body.event_ids, by=caller.name
    )
    return reply(_replay_reply(body.event_ids, replay))


def _page_reply(page: EventPage) -> dict[str, Any]:
    cursor = page.next_cursor
    return {
        "data": [_event_reply(event) for event in page.events],
        "next_cursor": cursor
        and {"event_time": to_wire(cursor.accepted_at), "event_id": cursor.event_id},
        "has_more": cursor is not None,
    }


def _event_reply(event: AcceptedEvent) -> dict[str, Any]:
    found: dict[str, Any] = {
        "event_id": event.event_id,
        # To the millisecond, as the id has it: a client may build a cursor from both.
        "event_time": to_wire(event.accepted_at),
        "event_type": event.event_type or UNTOLD_EVENT_TYPE,
        "object_type": event.name,
        "event_name": event.name,
        "use_case_slug": event.slug,
        "timestamp": to_wire(event.time),
        "format": event.format,
        # Applying works on the very bytes. Those that are no text cannot be shown as they are.
        "payload": event.payload.decode("utf-8", "replace"),
        "correlation_id": event.correlation_id,
        "integration_id": str(event.integration_id),
        "use_case_id": str(event.use_case_id) if event.use_case_id else None,
        "replay_of": event.replay_of,
    }
    if event.deduplication_id is not None:
        found["deduplication_id"] = event.deduplication_id
    return found


def _replay_reply(event_ids: list[str], replay: Replay) -> dict[str, Any]:
    return {
        "event_ids": event_ids,
        "correlation_id": replay.correlation_id,
        "replayed": replay.replayed,
        "results": [
            {
                "event_id": result.event_id,
                "status": result.status,
                "replay_event_id": result.replay_event_id,
                "message": result.message,
            }
            for result in replay.results
        ],
    }
