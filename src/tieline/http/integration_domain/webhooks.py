"""Webhooks: where events are sent, and addresses that others call."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import Field

from tieline.http.auth import require
from tieline.http.bodies import BoundedBody
from tieline.http.integration_domain.listing import requested_listing
from tieline.http.integration_domain.parameters import list_parameters
from tieline.http.integration_domain.parts import (
    PageReply,
    RecordReply,
    Version,
    page_reply,
    refusals,
)
from tieline.http.responses import OnceResponse, reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use
from tieline.identity.models import Principal, Scope
from tieline.outbound.webhooks.drafts import WebhookDraft
from tieline.outbound.webhooks.models import WEBHOOKS, ShownOnce

router = APIRouter(route_class=TielineRoute, tags=["webhooks"])

Reader = Annotated[Principal, Depends(require(Scope.WEBHOOK_READ))]
Writer = Annotated[Principal, Depends(require(Scope.WEBHOOK_WRITE))]
Id = Annotated[str, Path(alias="webhookId", description="The webhook's id, `whk_...`.")]


class WebhookBody(BoundedBody, WebhookDraft):
    """A new webhook. Everything may be left out; what the server stamps is ignored."""


class WebhookChangeBody(WebhookBody):
    """What to change of a webhook. What is left out stays, what is null is cleared."""

    version: Version


class WebhookReply(RecordReply, WebhookDraft):
    """A webhook."""

    last_delivery_at: datetime | None = Field(description="When a delivery was tried last.")
    last_delivery_status: str | None = Field(description="How that ended.")
    consecutive_failures: int = Field(description="How many deliveries failed since one succeeded.")
    disabled_reason: str | None = Field(
        description="Why it was disabled, if nobody has decided that."
    )
    auth: dict[str, Any] = Field(  # type: ignore[assignment]
        description="How the receiver is told who calls: without secrets, but for mere references."
    )
    secret_fingerprint: str | None = Field(
        description="The SHA-256 of the signing secret, as hexadecimal digits."
    )


class WebhookSecretReply(WebhookReply):
    """A webhook, and the signing secret that was just made for it."""

    signing_secret: str | None = Field(
        description="Shown this once. Null when no secret was made, because the webhook needs none "
        "or names its own, and in answers to a repeated Idempotency-Key."
    )


class WebhookPage(PageReply):
    """A page of webhooks."""

    items: list[WebhookReply]


@router.get(
    "/webhooks",
    operation_id="listWebhooks",
    response_model=WebhookPage,
    responses=refusals(),
    openapi_extra=list_parameters(WEBHOOKS),
)
async def list_webhooks(request: Request, caller: Reader, use: Use) -> Response:
    """List webhooks, newest first."""
    listing = requested_listing(request, WEBHOOKS)
    page = await use.webhooks.list_webhooks(caller, listing)
    return reply(page_reply(WEBHOOKS, listing, page))


@router.post(
    "/webhooks",
    operation_id="createWebhook",
    status_code=201,
    response_model=WebhookSecretReply,
    responses=refusals(409, 413, 503),
)
async def create_webhook(body: WebhookBody, caller: Writer, use: Use) -> Response:
    """Register a webhook. One that signs gets a signing secret, which is shown in this answer."""
    return _shown_once(await use.webhooks.create_webhook(caller, body), 201)


@router.get(
    "/webhooks/{webhookId}",
    operation_id="getWebhook",
    response_model=WebhookReply,
    responses=refusals(404),
)
async def get_webhook(webhook_id: Id, caller: Reader, use: Use) -> Response:
    """Read a webhook."""
    found = await use.webhooks.get_webhook(caller, WEBHOOKS.stored_id(webhook_id))
    return reply(WEBHOOKS.document(found))


@router.patch(
    "/webhooks/{webhookId}",
    operation_id="updateWebhook",
    response_model=WebhookSecretReply,
    responses=refusals(404, 409, 413, 503),
)
async def update_webhook(
    webhook_id: Id, body: WebhookChangeBody, caller: Writer, use: Use
) -> Response:
    """Change a webhook. It gets a signing secret when it begins to need one."""
    changed = await use.webhooks.update_webhook(
        caller, WEBHOOKS.stored_id(webhook_id), body.version, body
    )
    return _shown_once(changed, 200)


@router.delete(
    "/webhooks/{webhookId}",
    operation_id="deleteWebhook",
    response_model=WebhookReply,
    responses=refusals(404, 409, 503),
)
async def delete_webhook(webhook_id: Id, caller: Writer, use: Use) -> Response:
    """Delete a webhook and the signing secret that was made for it.

    It stays readable in lists with `is_deleted=true` only.
    """
    deleted = await use.webhooks.delete_webhook(caller, WEBHOOKS.stored_id(webhook_id))
    return reply(WEBHOOKS.document(deleted))


@router.post(
    "/webhooks/{webhookId}/rotate-secret",
    operation_id="rotateWebhookSecret",
    response_model=WebhookSecretReply,
    responses=refusals(404, 409, 503),
)
async def rotate_webhook_secret(webhook_id: Id, caller: Writer, use: Use) -> Response:
    """Make a new signing secret, shown in this answer. The old one is kept beside it for a while.

    409 when the secret is one that the caller keeps in the vault: it is replaced there.
    """
    rotated = await use.webhooks.rotate_secret(caller, WEBHOOKS.stored_id(webhook_id))
    return _shown_once(rotated, 200)


def _shown_once(shown: ShownOnce, status: int) -> Response:
    content = {**WEBHOOKS.document(shown.webhook), "signing_secret": shown.signing_secret}
    if shown.signing_secret is None:
        return reply(content, status)
    return OnceResponse(content, {"signing_secret": None}, status)
