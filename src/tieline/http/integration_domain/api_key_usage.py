"""For gateways that call models on behalf of keys: may a key go on, and what did it use."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from tieline.http.auth import authenticate, permitted, require, secured
from tieline.http.integration_domain.api_keys_wire import (
    CheckBody,
    UsageBody,
    VerdictReply,
    verdict_document,
)
from tieline.http.integration_domain.parts import refusals
from tieline.http.responses import reply
from tieline.http.route import AskingRoute, TielineRoute
from tieline.http.services import Use
from tieline.identity.api_keys.models import KEYS
from tieline.identity.models import Principal, Scope

router = APIRouter(route_class=TielineRoute, tags=["API keys"])
asking_router = APIRouter(route_class=AskingRoute, tags=["API keys"])

Gateway = Annotated[Principal, Depends(require(Scope.KEY_USAGE))]
Id = Annotated[str, Path(alias="keyId", description="The key's id, `key_...`.")]


@asking_router.post(
    "/api-keys/check",
    operation_id="checkApiKey",
    response_model=VerdictReply,
    responses=refusals(413),
)
async def check_api_key(body: CheckBody, caller: Gateway, use: Use) -> Response:
    """Say whether a key may make a call now; if it may, the call is counted against its limits."""
    verdict = await use.key_usage.check(caller.org_id, body.key, body.model, body.tokens)
    return reply(verdict_document(verdict))


async def _gateway_or_itself(request: Request, key_id: Id) -> Principal:
    caller = await authenticate(request)
    itself = caller.id == KEYS.stored_id(key_id)
    return caller if itself else await permitted(request, Scope.KEY_USAGE)


@router.post(
    "/api-keys/{keyId}/usage",
    operation_id="recordApiKeyUsage",
    response_model=VerdictReply,
    responses=refusals(404, 413),
    openapi_extra=secured(Scope.KEY_USAGE),
)
async def record_api_key_usage(
    key_id: Id,
    body: UsageBody,
    caller: Annotated[Principal, Depends(_gateway_or_itself)],
    use: Use,
) -> Response:
    """Record what a call has used; says whether the key may make another one.

    A key may record its own use; for others the scope is needed.
    """
    verdict = await use.key_usage.record(caller, KEYS.stored_id(key_id), body.usage())
    return reply(verdict_document(verdict))
