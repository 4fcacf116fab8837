"""Webhook configurations: to whom events are sent, as what, and how."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from tieline.http.responses import OnceResponse, reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use
from tieline.http.webhooks.parts import Reader, Writer, refusals
from tieline.http.webhooks.wire import (
    ConfigBody,
    ConfigId,
    ConfigReply,
    config_document,
    named_as_here,
    webhook_id,
)
from tieline.outbound.webhooks.models import CATALOGUE_PREFIX, ShownOnce

router = APIRouter(route_class=TielineRoute, tags=["webhooks"])

_CONFIGS = "/v1/webhooks/configs"
_CONFIG = f"{_CONFIGS}/{{configId}}"

EventName = Annotated[
    str | None,
    Query(alias="eventName", description="Only those to which events of this name are sent."),
]


@router.get(
    _CONFIGS,
    operation_id="getConfigs",
    response_model=list[ConfigReply],
    responses=refusals(),
)
async def get_configs(caller: Reader, use: Use, event_name: EventName = None) -> Response:
    """List webhook configurations, oldest first."""
    found = await use.webhooks.outbound_webhooks(caller)
    names = [] if event_name is None else [event_name, event_name.removeprefix(CATALOGUE_PREFIX)]
    return reply(
        [
            config_document(webhook)
            for webhook in found
            if not names or any(map(webhook.subscribes_to, names))
        ]
    )


@router.post(
    _CONFIGS,
    operation_id="createConfig",
    status_code=201,
    response_model=ConfigReply,
    responses=refusals(409, 413, 503),
)
async def create_config(body: ConfigBody, caller: Writer, use: Use) -> Response:
    """Create a webhook configuration. Its signing secret is shown in this answer only."""
    with named_as_here():
        return _shown_once(await use.webhooks.create_webhook(caller, body.draft()), 201)


@router.get(
    _CONFIG,
    operation_id="getConfig",
    response_model=ConfigReply,
    responses=refusals(404),
)
async def get_config(config_id: ConfigId, caller: Reader, use: Use) -> Response:
    """Read a webhook configuration."""
    return reply(config_document(await use.webhooks.get_outbound(caller, webhook_id(config_id))))


@router.put(
    _CONFIG,
    operation_id="updateConfig",
    response_model=ConfigReply,
    responses=refusals(404, 409, 413, 503),
)
async def update_config(
    config_id: ConfigId, body: ConfigBody, caller: Writer, use: Use
) -> Response:
    """Replace a webhook configuration.

    What is left out is removed. It stays as it is only where the page says so, and for `enabled`,
    `protected`, and what other clients do not know. A secret that is left out stays, null removes
    it.
    """
    found = await use.webhooks.require_outbound(caller, webhook_id(config_id))
    with named_as_here():
        changed = await use.webhooks.update_webhook(
            caller, found.id, body.version, body.replacement()
        )
    return _shown_once(changed, 200)


@router.delete(
    _CONFIG,
    operation_id="deleteConfig",
    status_code=204,
    responses=refusals(404, 409, 503),
)
async def delete_config(config_id: ConfigId, caller: Writer, use: Use) -> Response:
    """Delete a webhook configuration and its secrets. What waits for it is not sent any more."""
    found = await use.webhooks.require_outbound(caller, webhook_id(config_id))
    await use.webhooks.delete_webhook(caller, found.id)
    return Response(status_code=204)


@router.post(
    f"{_CONFIG}/rotate-secret",
    operation_id="rotateConfigSecret",
    response_model=ConfigReply,
    responses=refusals(404, 409, 503),
)
async def rotate_config_secret(config_id: ConfigId, caller: Writer, use: Use) -> Response:
    """Make a new signing secret, shown in this answer. For a day the old one signs as well."""
    found = await use.webhooks.require_outbound(caller, webhook_id(config_id))
    return _shown_once(await use.webhooks.rotate_secret(caller, found.id), 200)


def _shown_once(shown: ShownOnce, status: int) -> Response:
    content = config_document(shown.webhook)
    if shown.signing_secret is None:
        return reply(content, status)
    return OnceResponse(
        {**content, "signingSecret": shown.signing_secret}, {"signingSecret": None}, status
    )
