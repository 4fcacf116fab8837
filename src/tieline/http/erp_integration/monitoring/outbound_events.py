"""Single deliveries: what became of outbound events."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from tieline.audit.models import Shown
from tieline.audit.recording import viewed
from tieline.http.erp_integration.monitoring.parts import Watcher, exact
from tieline.http.erp_integration.parts import Body, IntegrationId, Moment, Part, refusals
from tieline.http.responses import reply
from tieline.http.route import AskingRoute
from tieline.http.services import Use
from tieline.integrations.outbound_routes import webhook_id_from
from tieline.kit import json
from tieline.kit.errors import InvalidInput
from tieline.kit.time import to_wire
from tieline.outbound.monitoring.models import (
    DeliveryPlace,
    MonitoredDelivery,
    MonitoredStatus,
    MonitoringPage,
    MonitoringQuery,
)

router = APIRouter(route_class=AskingRoute, tags=["monitoring"])

_NO_ID = UUID(int=0)  # before all others: a page goes on with what is earlier than its moment


class PlacePart(Part):
    """Where the page before ended: its `next_cursor`, or moment and id of its last event."""

    created_at: Moment | None = None
    event_id: UUID | None = None

    def position(self) -> DeliveryPlace | None:
        """The place in the list; None for its beginning. Raises `InvalidInput`."""
        if self.created_at is None:
            if self.event_id is not None:
                raise InvalidInput("cursor.created_at: is required beside event_id. Send both.")
            return None
        return DeliveryPlace(self.created_at, self.event_id or _NO_ID)


class OutboundEventsBody(Body):
    """Which deliveries are wanted; every filter that is left out lets all pass."""

    model_config = ConfigDict(extra="forbid")

    event_name: str | None = Field(None, description="Deliveries of this event of the catalogue.")
    status: MonitoredStatus | None = Field(
        None, description="How far they are. Those that were skipped are shown only by this name."
    )
    webhook_config_id: str | None = Field(
        None, description="Deliveries to this webhook: a UUID or `whk_...`."
    )
    from_date: Moment | None = Field(None, description="Made at this moment or later.")
    to_date: Moment | None = Field(None, description="Made at this moment or before.")
    limit: StrictInt = Field(50, ge=1, le=100, description="Deliveries per page.")
    cursor: PlacePart | None = None

    def query(self) -> MonitoringQuery:
        """What is asked for. Raises `InvalidInput`."""
        named = self.webhook_config_id
        webhook_id = None if named is None else webhook_id_from(named)
        if named is not None and webhook_id is None:
            raise InvalidInput("webhook_config_id: is neither a UUID nor an id such as whk_01J...")
        return MonitoringQuery(
            event_name=self.event_name,
            status=self.status,
            webhook_id=webhook_id,
            from_date=self.from_date,
            to_date=self.to_date,
            cursor=self.cursor.position() if self.cursor else None,
            limit=self.limit,
        )


class OutboundEventReply(BaseModel):
    """A delivery of an event to a webhook. What is not known is absent."""

    org_id: str
    event_id: UUID = Field(description="The delivery; an event has one for each webhook.")
    event_name: str
    status: MonitoredStatus
    url: str | None = None
    http_method: str
    http_response: dict[str, Any] | None = Field(
        None, description="`status_code`, and if it went wrong `code` and `message`."
    )
    webhook_config_id: UUID
    metadata: dict[str, Any]
    execution_context: dict[str, Any] = Field(
        description="What it belongs to: the event of the catalogue, the use case, the mapping."
    )
    payload: dict[str, Any] | None = Field(
        None,
        description="What was sent. Something else than an object stands under `value`; of more "
        "than 100,000 bytes only `omitted_bytes` is shown.",
    )
    created_at: datetime
    updated_at: datetime


class PlaceReply(BaseModel):
    """Where the page ended."""

    created_at: datetime
    event_id: UUID


class OutboundEventsReply(BaseModel):
    """A page of deliveries, newest first; `next_cursor` is null on the last one."""

    data: list[OutboundEventReply]
    next_cursor: PlaceReply | None
    has_more: bool


@router.post(
    "/v1/integrations/{integrationId}/monitoring/outbound-events",
    operation_id="queryOutboundMonitoringEvents",
    response_model=OutboundEventsReply,
    responses=refusals(404, 409),
)
async def query_outbound_monitoring_events(
    integration_id: IntegrationId, body: OutboundEventsBody, caller: Watcher, use: Use
) -> Response:
    """Find out what became of an integration's outbound events, newest first."""
    page = await use.outbound_monitoring.query(caller.org_id, integration_id, body.query())
    shown = [str(each.id) for each in page.deliveries if each.body is not None]
    asked = body.model_dump(mode="json", exclude_none=True)
    await viewed(use.database, caller.org_id, Shown.DELIVERY, shown, asked)
    return reply(_page_reply(page, caller.org_id))


def _page_reply(page: MonitoringPage, org_id: str) -> dict[str, Any]:
    cursor = page.next_cursor
    return {
        "data": [_delivery_reply(delivery, org_id) for delivery in page.deliveries],
        "next_cursor": cursor
        and {"created_at": exact(cursor.created_at), "event_id": str(cursor.id)},
        "has_more": cursor is not None,
    }


def _delivery_reply(delivery: MonitoredDelivery, org_id: str) -> dict[str, Any]:
    found = {
        "org_id": org_id,
        "event_id": str(delivery.id),
        "event_name": delivery.event_name,
        "status": MonitoredStatus.of(delivery.state),
        "url": delivery.url,
        "http_method": delivery.http_method,
        "http_response": _response(delivery),
        "webhook_config_id": str(delivery.webhook_id),
        "metadata": dict(delivery.metadata),
        "execution_context": _context(delivery),
        "payload": _payload(delivery),
        "created_at": exact(delivery.created_at),
        "updated_at": to_wire(delivery.updated_at),
    }
    return {key: value for key, value in found.items() if value is not None}


def _response(delivery: MonitoredDelivery) -> dict[str, Any] | None:
    found = {
        "status_code": delivery.status_code,
        "code": delivery.error_code,
        "message": delivery.reason,
    }
    return {key: value for key, value in found.items() if value is not None} or None


def _context(delivery: MonitoredDelivery) -> dict[str, Any]:
    found = {
        "catalog_event_id": delivery.event_id,
        "message_id": delivery.message_id,
        "correlation_id": delivery.correlation_id,
        "entity_id": _text(delivery.entity_id),
        "integration_id": _text(delivery.integration_id),
        "use_case_id": _text(delivery.use_case_id),
        "mapping_id": _text(delivery.mapping_id),
        "state": delivery.state,
        "attempts": delivery.attempts,
    }
    return {key: value for key, value in found.items() if value is not None}


def _payload(delivery: MonitoredDelivery) -> dict[str, Any] | None:
    if delivery.body is None:
        return None if delivery.body_bytes is None else {"omitted_bytes": delivery.body_bytes}
    value = json.loads(delivery.body)
    return value if isinstance(value, dict) else {"value": value}


def _text(identifier: UUID | None) -> str | None:
    return str(identifier) if identifier else None
