"""Trying a webhook: which events there are, what a message looks like, and sending one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from tieline.catalogue.errors import UnknownEvent
from tieline.catalogue.payloads import payload_example
from tieline.http.bodies import BoundedBody
from tieline.http.responses import reply
from tieline.http.route import AskingRoute
from tieline.http.sending import SendingRoute, TriggerReply, stored
from tieline.http.services import Services, Use
from tieline.http.webhooks.parts import Deliverer, Reader, refusals
from tieline.http.webhooks.texts import refuse_nul
from tieline.http.webhooks.wire import ConfigId, webhook_id
from tieline.identity.models import Principal
from tieline.kit.errors import InvalidInput
from tieline.kit.ids import parse_uuid
from tieline.kit.time import utc_now
from tieline.outbound.examples import example_message
from tieline.outbound.triggering.models import Call
from tieline.outbound.triggering.service import event_name_of
from tieline.outbound.webhooks.models import Webhook

router = APIRouter(route_class=AskingRoute, tags=["webhooks"])
sending_router = APIRouter(route_class=SendingRoute, tags=["webhooks"])

_CONFIG = "/v1/webhooks/configs/{configId}"
Sync = Annotated[
    bool, Query(description="Whether to wait for the end of the first attempt, and its answer.")
]
Word = Annotated[str, StringConstraints(max_length=500)]


class EventEntry(BaseModel):
    """An event that webhooks can be told of."""

    eventName: str  # noqa: N815 - the names of the published client
    eventLabel: str = Field(description="Its name for people.")  # noqa: N815


class MetadataBody(BoundedBody):
    """What is said about a message; what is left out is added."""

    model_config = ConfigDict(extra="allow")

    organization_id: str = Field(description="The organisation; it has to be the caller's own.")


class TriggerBody(BoundedBody):
    """A message. What stands beside `metadata` is sent as it is."""

    model_config = ConfigDict(extra="allow")

    metadata: MetadataBody

    _refuse_nul = model_validator(mode="before")(refuse_nul)

    def document(self) -> dict[str, Any]:
        """The message as it was sent here."""
        rest = dict(self.model_extra or {})
        return {"metadata": self.metadata.model_dump(), **rest}


class ExampleBody(BoundedBody):
    """For whom the example is."""

    model_config = ConfigDict(extra="forbid")

    automation_id: Word | None = Field(
        default=None, description="An automation that would have sent the message."
    )


class ExampleReply(BaseModel):
    """A message as it is before the webhook's expression, and the members of its event."""

    model_config = ConfigDict(extra="allow")

    metadata: dict[str, Any]
    entity: dict[str, Any]


class TokenReply(BaseModel):
    """A token was handed out."""

    success: bool
    message: str
    token_type: str
    expires_in: float = Field(default=0, description="Seconds, as the server said; or absent.")


@router.get(
    "/v1/webhooks/configured-events",
    operation_id="getConfiguredEvents",
    response_model=list[EventEntry],
    responses=refusals(),
)
async def get_configured_events(caller: Reader, use: Use) -> Response:
    """List the events that webhooks can be told of: those of the catalogue that are enabled."""
    shown = await use.catalogue.list_events(caller.org_id)
    return reply(
        [
            {"eventName": each.event.name, "eventLabel": each.event.definition.title}
            for each in shown
            if each.event.enabled
        ]
    )


@sending_router.post(
    f"{_CONFIG}/trigger",
    operation_id="triggerWebhook",
    response_model=TriggerReply,
    responses=refusals(404, 409, 413),
)
async def trigger_webhook(
    config_id: ConfigId, body: TriggerBody, caller: Deliverer, use: Use, sync: Sync = False
) -> Response:
    """Send a message to a webhook, through its conditions and its expression.

    With `sync` the answer says what the webhook has answered. A request that fails is repeated
    later like that of any other delivery.
    """
    if body.metadata.organization_id != caller.org_id:
        raise InvalidInput("metadata.organization_id: is not the caller's own. Send that.")
    document = body.document()
    entity = document.get("entity")
    call = Call(
        webhook_id=webhook_id(config_id),
        document=document,
        entity_id=parse_uuid(str(entity.get("_id"))) if isinstance(entity, dict) else None,
    )
    return stored(await use.triggering.enqueue(caller, call, at_once=sync), wait=sync)


@router.post(
    f"{_CONFIG}/example",
    operation_id="getWebhookExample",
    response_model=ExampleReply,
    responses=refusals(404),
)
async def get_webhook_example(
    config_id: ConfigId, caller: Reader, use: Use, body: ExampleBody | None = None
) -> Response:
    """See what a message could look like, before the webhook's expression has made it another."""
    webhook = await use.webhooks.require_outbound(caller, webhook_id(config_id))
    name = event_name_of(webhook)
    payload = await _payload(use, caller, name)
    automation = body.automation_id if body else None
    return reply(example_message(webhook, name, payload, utc_now(), automation=automation))


@router.post(
    f"{_CONFIG}/test-oauth",
    operation_id="testOAuth",
    response_model=TokenReply,
    responses=refusals(404, 502),
)
async def test_oauth(config_id: ConfigId, caller: Deliverer, use: Use) -> Response:
    """Ask for a new OAuth token as deliveries do. Nothing is sent to the webhook.

    400 if the webhook asks for none, 502 if there is none to be had.
    """
    webhook: Webhook = await use.webhooks.require_outbound(caller, webhook_id(config_id))
    token = await use.request_maker.new_token(webhook)
    found = {
        "success": True,
        "message": "There is a token.",
        "token_type": token.kind,
        "expires_in": token.expires_in,
    }
    return reply({name: value for name, value in found.items() if value is not None})


async def _payload(use: Services, caller: Principal, name: str) -> dict[str, Any] | None:
    try:
        shown = await use.catalogue.get_event(caller.org_id, name)
    except UnknownEvent:
        return None
    return payload_example(shown.event.definition)
