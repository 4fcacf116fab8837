"""Calls of webhooks by automations."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import Field, StringConstraints

from tieline.entities.activities import checked_activity_id
from tieline.http.auth import require
from tieline.http.erp_integration.parts import Body, Moment, refusals
from tieline.http.sending import SendingRoute, TriggerReply, stored
from tieline.http.services import Use
from tieline.identity.models import Principal, Scope
from tieline.integrations.outbound_routes import webhook_id_from
from tieline.kit.errors import Forbidden, InvalidInput
from tieline.kit.ids import parse_uuid
from tieline.outbound.triggering.automation import AutomationStep

router = APIRouter(route_class=SendingRoute, tags=["erp"])

Deliverer = Annotated[Principal, Depends(require(Scope.WEBHOOK_DELIVER))]
Text = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=500)]


class TriggerBody(Body):
    """The step of an automation that calls a webhook about an entity; all fields are required."""

    execution_id: Text = Field(description="The execution of the automation.")
    org_id: Text = Field(description="The organisation; it has to be the caller's own.")
    webhook_id: Text = Field(description="The webhook: a UUID or `whk_...`.")
    flow_id: Text = Field(description="The automation.")
    created_at: Moment = Field(description="When the step was reached.")
    action_id: Text = Field(description="The action that is executed.")
    flow_action_id: Text = Field(description="The action as the automation defines it.")
    flow_name: Text = Field(description="The name of the automation.")
    activity_id: Text = Field(description="The activity that led to it: a ULID.")
    entity_id: Text = Field(description="The entity that the message is about: a UUID.")

    def step(self) -> AutomationStep:
        """The step. Raises `InvalidInput` for an id that can be none."""
        return AutomationStep(
            execution_id=self.execution_id,
            webhook_id=_checked("webhook_id", webhook_id_from(self.webhook_id)),
            flow_id=self.flow_id,
            flow_name=self.flow_name,
            created_at=self.created_at,
            action_id=self.action_id,
            flow_action_id=self.flow_action_id,
            activity_id=checked_activity_id(self.activity_id),
            entity_id=_checked("entity_id", parse_uuid(self.entity_id)),
        )


def _checked(field: str, found: UUID | None) -> UUID:
    if found is None:
        raise InvalidInput(f"{field}: is no UUID. Send the id of what is meant.")
    return found


@router.post(
    "/v1/erp/trigger",
    operation_id="triggerErp",
    response_model=TriggerReply,
    responses=refusals(404, 409),
)
async def trigger_erp(body: TriggerBody, caller: Deliverer, use: Use) -> Response:
    """Send an entity to a webhook, and answer with what the webhook says.

    The message goes through the conditions and the expression of the webhook. A request that fails
    is repeated later like that of any other delivery.
    """
    if body.org_id != caller.org_id:
        raise Forbidden("org_id: is another organisation than that of the caller. Send your own.")
    return stored(await use.automation_calls.enqueue(caller, body.step()), wait=True)
