"""Ingest: where an ERP posts its events."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from tieline.http.auth import permitted, secured
from tieline.http.erp_integration.parts import refusals
from tieline.http.erp_integration.sent_events import (
    EventReceipts,
    described_body,
    ingest_limits,
    receipts,
)
from tieline.http.route import TielineRoute
from tieline.http.services import services
from tieline.identity.models import Scope
from tieline.inbound.request import read_request

router = APIRouter(route_class=TielineRoute, tags=["erp"])


class SentEvent(BaseModel):
    """One event. `use_case_slug` or `event_name` says which use case maps it; the slug wins."""

    use_case_slug: str | None = Field(
        None,
        pattern="^[a-z0-9][a-z0-9_-]*$",
        max_length=255,
        description="Slug of the inbound use case.",
    )
    event_name: str | None = Field(
        None,
        min_length=1,
        max_length=255,
        description="Slug or name of the inbound use case, where no slug is sent.",
    )
    timestamp: datetime = Field(description="When the event happened in the ERP.")
    format: Literal["json", "xml"] = Field("json", description="How a textual payload is written.")
    payload: Annotated[str, Field(min_length=2)] | dict[str, Any] = Field(
        description="The object that changed, as a JSON object or as text."
    )
    deduplication_id: str | None = Field(
        None,
        pattern="^[a-zA-Z0-9_-]+$",
        max_length=255,
        description="An event with an id that the integration saw within 24 hours is skipped.",
    )
    correlation_id: str | None = Field(
        None, min_length=1, max_length=255, description="Wins over the request's."
    )
    group_id: str | None = Field(
        None, min_length=1, max_length=128, description="Wins over the request's."
    )


class SentEvents(BaseModel):
    """Up to 100 events of one integration, applied in this order."""

    integration_id: UUID
    correlation_id: str | None = Field(
        None, min_length=1, max_length=255, description="Names the request in monitoring."
    )
    group_id: str | None = Field(
        None,
        min_length=1,
        max_length=128,
        description="Events of one group are applied in order, different groups in parallel. "
        "Events without a group are applied in order among themselves.",
    )
    events: list[SentEvent] = Field(max_length=100)


@router.post(
    "/v3/erp/updates/events",
    operation_id="processErpUpdatesEventsV3",
    summary="Accept ERP events",
    responses={200: {"model": EventReceipts}, **refusals(404, 409, 413)},
    openapi_extra=described_body(SentEvents) | secured(Scope.ERP_EVENTS),
)
async def process_erp_updates_events_v3(request: Request) -> Response:
    """Store the events durably and answer for each of them.

    `success` means that the event is committed and will be applied in order. `skipped`: its
    deduplication id was used before. `ignored`: no enabled use case takes it. `error`: the event
    is not usable, and its message names the field; the other events are not affected.
    """
    caller = await permitted(request, Scope.ERP_EVENTS)
    use = services(request)
    ingest = read_request(await request.body(), ingest_limits(use.settings))
    return receipts(await use.acceptance.accept(caller.org_id, ingest))
