"""The re-map: what stored events would do with the present configuration."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import ConfigDict, Field, StrictInt, StrictStr, model_validator

from tieline.http.auth import require
from tieline.http.erp_integration.parts import Body, IntegrationId, Moment, refusals
from tieline.http.erp_integration.remap_wire import RemapReply
from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use
from tieline.identity.models import Principal, Scope
from tieline.inbound.remap.documents import remap_document
from tieline.inbound.remap.models import (
    DEFAULT_LIMIT,
    HIGHEST_LIMIT,
    Selection,
)

router = APIRouter(route_class=TielineRoute, tags=["dead letters"])

Watcher = Annotated[Principal, Depends(require(Scope.ERP_MONITORING))]
Reader = Annotated[Principal, Depends(require(Scope.ENTITY_READ))]


class RemapBody(Body):
    """Which stored events to map anew: some by their ids, or the newest that fit all filters."""

    model_config = ConfigDict(extra="forbid")

    event_ids: list[StrictStr] | None = Field(
        None, min_length=1, max_length=HIGHEST_LIMIT, description="These events, nothing else."
    )
    use_case_id: UUID | None = Field(None, description="Events of this use case.")
    event_name: str | None = Field(None, description="The event's name.")
    from_date: Moment | None = Field(None, description="Accepted at this moment or later.")
    to_date: Moment | None = Field(None, description="Accepted at this moment or before.")
    only_failed: bool = Field(default=False, description="Those with an open dead letter.")
    limit: StrictInt = Field(DEFAULT_LIMIT, ge=1, le=HIGHEST_LIMIT, description="Events at most.")

    @model_validator(mode="after")
    def _refuse_filters_beside_ids(self) -> RemapBody:
        if self.event_ids is not None and self.model_fields_set - {"event_ids"}:
            raise ValueError("event_ids names the events: send no filter beside it")
        return self

    def selection(self) -> Selection:
        """What is asked for."""
        if self.event_ids is not None:
            ids = tuple(dict.fromkeys(self.event_ids))
            return Selection(event_ids=ids, limit=len(ids))
        return Selection(
            use_case_id=self.use_case_id,
            event_name=self.event_name,
            from_date=self.from_date,
            to_date=self.to_date,
            only_failed=self.only_failed,
            limit=self.limit,
        )


@router.post(
    "/v1/integrations/{integrationId}/events/remap",
    operation_id="remapEvents",
    response_model=RemapReply,
    responses=refusals(404, 409, 422),
)
async def remap_events(
    integration_id: IntegrationId, body: RemapBody, caller: Watcher, _reader: Reader, use: Use
) -> Response:
    """See what stored events would do with the present configuration. Nothing is changed.

    It shows what entities hold: the key needs `entity:read` beside `erp:monitoring`.
    """
    remap = await use.remapping.dry_run(caller.org_id, integration_id, body.selection())
    return reply(remap_document(remap))
