"""How the outbound use cases of an integration stand."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from tieline.http.auth import require
from tieline.http.erp_integration.parts import IntegrationId, refusals
from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use
from tieline.identity.models import Principal, Scope
from tieline.outbound.use_cases.models import Conflict, ConflictType, Status, UseCaseStatus

router = APIRouter(route_class=TielineRoute, tags=["integrations"])

Reader = Annotated[Principal, Depends(require(Scope.ERP_READ))]


class WebhookStatusReply(BaseModel):
    """A webhook that the use case names."""

    webhook_id: str = Field(alias="webhookId")
    webhook_name: str | None = Field(None, alias="webhookName")
    enabled: bool | None = Field(description="Null when there is no such webhook.")


class ConflictReply(BaseModel):
    """Why the use case does not work, or what works although it is disabled."""

    type: ConflictType
    webhook_id: str | None = Field(None, alias="webhookId", description="Which webhook it is.")
    message: str = Field(description="The same in words, and what to do.")


class UseCaseStatusReply(BaseModel):
    """How an outbound use case stands."""

    use_case_id: UUID = Field(alias="useCaseId")
    name: str
    use_case_enabled: bool = Field(alias="useCaseEnabled")
    event_catalog_event: str | None = Field(None, alias="eventCatalogEvent")
    event_enabled: bool | None = Field(
        alias="eventEnabled", description="Null when the catalogue has no such event."
    )
    webhooks: list[WebhookStatusReply]
    status: Status
    conflicts: list[ConflictReply]


class OutboundStatusReply(BaseModel):
    """How the outbound use cases stand, oldest first."""

    use_cases: list[UseCaseStatusReply] = Field(alias="useCases")


@router.get(
    "/v1/integrations/{integrationId}/outbound-status",
    operation_id="getOutboundStatus",
    response_model=OutboundStatusReply,
    responses=refusals(404),
)
async def get_outbound_status(integration_id: IntegrationId, caller: Reader, use: Use) -> Response:
    """See which outbound use cases cannot work, and which events leave although one is disabled."""
    found = await use.outbound_use_cases.statuses(caller.org_id, integration_id)
    return reply({"useCases": [_status(each) for each in found]})


def _status(found: UseCaseStatus) -> dict[str, Any]:
    status: dict[str, Any] = {
        "useCaseId": str(found.use_case.id),
        "name": found.use_case.name,
        "useCaseEnabled": found.use_case.enabled,
        "eventEnabled": found.event_enabled,
        "webhooks": [
            {
                "webhookId": each.webhook_id,
                **({} if each.name is None else {"webhookName": each.name}),
                "enabled": each.enabled,
            }
            for each in found.webhooks
        ],
        "status": found.status,
        "conflicts": [_conflict(each) for each in found.conflicts],
    }
    if found.event_name is not None:
        status["eventCatalogEvent"] = found.event_name
    return status


def _conflict(conflict: Conflict) -> dict[str, Any]:
    found = {"type": conflict.type, "message": conflict.message}
    return found if conflict.webhook_id is None else {**found, "webhookId": conflict.webhook_id}
