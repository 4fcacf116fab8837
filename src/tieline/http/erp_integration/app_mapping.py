"""Which integration an application's component belongs to, for the first version of the ingest."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field, StrictBool

from tieline.http.auth import require
from tieline.http.erp_integration.parts import Body, IntegrationId, MessageReply, refusals
from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use
from tieline.identity.models import Principal, Scope

router = APIRouter(route_class=TielineRoute, tags=["integrations"])

Writer = Annotated[Principal, Depends(require(Scope.ERP_WRITE))]


class ComponentBody(Body):
    """A component of an application."""

    app_id: UUID = Field(description="The application that is installed.")
    component_id: UUID = Field(description="Its component.")


class AppMappingBody(ComponentBody):
    """A component, and whether it may have an integration already."""

    overwrite: StrictBool = Field(
        default=False, description="Replace the integration that the component has."
    )


class AppMappingReply(BaseModel):
    """The integration that a component's events belong to now."""

    integration_id: UUID


@router.put(
    "/v1/integrations/{integrationId}/app-mapping",
    operation_id="setIntegrationAppMapping",
    response_model=AppMappingReply,
    responses=refusals(404, 409, 413),
)
async def set_app_mapping(
    integration_id: IntegrationId, body: AppMappingBody, caller: Writer, use: Use
) -> Response:
    """Let the events that a component sends belong to this integration.

    A component that has an integration already, be it this one, is a 409 without `overwrite`.
    """
    await use.integrations.app_mappings.put(
        caller.org_id, integration_id, body.app_id, body.component_id, overwrite=body.overwrite
    )
    return reply({"integration_id": str(integration_id)})


@router.delete(
    "/v1/integrations/{integrationId}/app-mapping",
    operation_id="deleteIntegrationAppMapping",
    response_model=MessageReply,
    responses=refusals(404, 409, 413),
)
async def delete_app_mapping(
    integration_id: IntegrationId, body: ComponentBody, caller: Writer, use: Use
) -> Response:
    """Let a component of this integration belong to none."""
    await use.integrations.app_mappings.delete(
        caller.org_id, integration_id, body.app_id, body.component_id
    )
    return reply({"message": "The component belongs to no integration any more."})
