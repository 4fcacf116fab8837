"""The two earlier versions of the ingest. They work, say that they are deprecated, and are counted.

Their events say whether an object was created, updated or deleted; since version 3 the use case
alone decides what becomes of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from tieline.http import metrics
from tieline.http.auth import require
from tieline.http.erp_integration.parts import refusals
from tieline.http.erp_integration.sent_events import (
    EventReceipts,
    described_body,
    ingest_limits,
    receipts,
)
from tieline.http.route import TielineRoute
from tieline.http.services import Use
from tieline.identity.models import Principal, Scope
from tieline.inbound.deprecation import Deprecated
from tieline.inbound.versions import read_version_1, read_version_2
from tieline.kit.errors import InvalidInput

router = APIRouter(route_class=TielineRoute, tags=["erp"])

Sender = Annotated[Principal, Depends(require(Scope.ERP_EVENTS))]

# RFC 9745: since when, as a structured date. Both were succeeded before Tieline's first release.
_SINCE = "@1767225600"  # 2026-01-01


class AppNotMapped(InvalidInput):
    """This component belongs to no integration. PUT /v1/integrations/{id}/app-mapping sets one."""

    code = "APP_NOT_MAPPED"


class EarlierEvent(BaseModel):
    """One event of version 1 or 2."""

    event_type: Literal["CREATE", "UPDATE", "DELETE"] = Field(
        description="CREATE fails for an entity that exists, UPDATE creates or updates, DELETE "
        "soft-deletes."
    )
    object_type: str = Field(
        min_length=1, max_length=255, description="Slug or name of the inbound use case."
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


class RequestMeta(BaseModel):
    """What is known of a request of version 1; other keys have no effect."""

    correlation_id: str | None = Field(
        None, min_length=1, max_length=255, description="Names the request in monitoring."
    )


class SentEventsV1(BaseModel):
    """Up to 100 events of one application's component, applied in this order."""

    app_id: UUID
    component_id: UUID
    meta: RequestMeta | None = None
    events: list[EarlierEvent] = Field(max_length=100)


class SentEventsV2(BaseModel):
    """Up to 100 events of one integration, applied in this order."""

    integration_id: UUID
    correlation_id: str | None = Field(
        None, min_length=1, max_length=255, description="Names the request in monitoring."
    )
    events: list[EarlierEvent] = Field(max_length=100)


@router.post(
    "/v1/erp/updates/events",
    operation_id="processErpUpdatesEvents",
    summary="Accept ERP events (version 1)",
    deprecated=True,
    responses={200: {"model": EventReceipts}, **refusals(409, 413)},
    openapi_extra=described_body(SentEventsV1),
)
async def process_erp_updates_events(request: Request, use: Use, caller: Sender) -> Response:
    """Store the events durably and answer for each of them. Use version 3 instead.

    The integration is the one that `setIntegrationAppMapping` gave to the component.
    """
    sent = read_version_1(await request.body(), ingest_limits(use.settings))
    mapped = await use.integrations.app_mappings.find(caller.org_id, sent.app_id, sent.component_id)
    if mapped is None:
        raise AppNotMapped(
            f"The component {sent.component_id} of the application {sent.app_id} belongs to no "
            "integration. Set one: PUT /erp-integration/v1/integrations/{integrationId}/app-mapping"
        )
    results = await use.acceptance.accept(caller.org_id, sent.to(mapped))
    return _deprecated(Deprecated.VERSION_1, receipts(results), request)


@router.post(
    "/v2/erp/updates/events",
    operation_id="processErpUpdatesEventsV2",
    summary="Accept ERP events (version 2)",
    deprecated=True,
    responses={200: {"model": EventReceipts}, **refusals(404, 409, 413)},
    openapi_extra=described_body(SentEventsV2),
)
async def process_erp_updates_events_v2(request: Request, use: Use, caller: Sender) -> Response:
    """Store the events durably and answer for each of them. Use version 3 instead."""
    sent = read_version_2(await request.body(), ingest_limits(use.settings))
    results = await use.acceptance.accept(caller.org_id, sent)
    return _deprecated(Deprecated.VERSION_2, receipts(results), request)


def _deprecated(operation: Deprecated, response: Response, request: Request) -> Response:
    """The response with the news that there is a better way, which is counted."""
    metrics.DEPRECATED_REQUESTS.labels(operation.value).inc()
    base = request.scope.get("root_path", "")
    response.headers["deprecation"] = _SINCE
    response.headers["link"] = (
        f'<{base}/docs#/erp/{operation}>; rel="deprecation"; type="text/html", '
        f'<{base}/v3/erp/updates/events>; rel="successor-version"'
    )
    return response
