"""Acknowledgements of messages by those who got them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import ConfigDict, Field, StringConstraints

from tieline.http.auth import require
from tieline.http.erp_integration.parts import Body, MessageReply, refusals
from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use
from tieline.identity.models import Principal, Scope

router = APIRouter(route_class=TielineRoute, tags=["erp"])

Sender = Annotated[Principal, Depends(require(Scope.ERP_EVENTS))]


class AcknowledgementBody(Body):
    """Which message was worked on."""

    model_config = ConfigDict(extra="allow")

    ack_id: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=255)] = Field(
        description="The `_ack_id` of the message."
    )


@router.post(
    "/v1/erp/tracking/acknowledgement",
    operation_id="acknowledgeTracking",
    response_model=MessageReply,
    responses=refusals(404, 409),
)
async def acknowledge_tracking(body: AcknowledgementBody, caller: Sender, use: Use) -> Response:
    """Say that a message has been worked on. Each can be acknowledged once, within 15 minutes."""
    await use.acknowledgements.acknowledge(caller.org_id, body.ack_id)
    return reply({"message": "The message is acknowledged."})
