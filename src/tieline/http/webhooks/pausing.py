"""What waits for a webhook, and having it wait or go on."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Response

from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Services, Use
from tieline.http.webhooks.events_wire import BacklogReply
from tieline.http.webhooks.parts import Deliverer, Reader, refusals
from tieline.http.webhooks.wire import ConfigId, webhook_id
from tieline.identity.models import Principal
from tieline.outbound.log.documents import backlog_document

router = APIRouter(route_class=TielineRoute, tags=["webhook events"])

_CONFIG = "/v1/webhooks/configs/{configId}"


@router.get(
    f"{_CONFIG}/backlog",
    operation_id="getWebhookBacklog",
    response_model=BacklogReply,
    responses=refusals(404),
)
async def get_webhook_backlog(config_id: ConfigId, caller: Reader, use: Use) -> Response:
    """See how much waits for a webhook, and what keeps it."""
    return await _backlog(use, caller, webhook_id(config_id))


@router.post(
    f"{_CONFIG}/pause",
    operation_id="pauseWebhook",
    response_model=BacklogReply,
    responses=refusals(404, 409),
)
async def pause_webhook(config_id: ConfigId, caller: Deliverer, use: Use) -> Response:
    """Let everything wait that goes to a webhook. What is being sent is not called back."""
    wanted = webhook_id(config_id)
    await use.webhooks.pause_webhook(caller, wanted)
    return await _backlog(use, caller, wanted)


@router.post(
    f"{_CONFIG}/resume",
    operation_id="resumeWebhook",
    response_model=BacklogReply,
    responses=refusals(404, 409),
)
async def resume_webhook(config_id: ConfigId, caller: Deliverer, use: Use) -> Response:
    """Send what waits for a webhook, in its order."""
    wanted = webhook_id(config_id)
    await use.webhooks.resume_webhook(caller, wanted)
    return await _backlog(use, caller, wanted)


async def _backlog(use: Services, caller: Principal, webhook: UUID) -> Response:
    return reply(backlog_document(webhook, await use.delivery_log.backlog(caller, webhook)))
