"""API keys: who may use Tieline, what for, how often and for how much money."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from tieline.http.auth import require
from tieline.http.integration_domain.api_keys_wire import (
    CreatedKeyReply,
    KeyBody,
    KeyChangeBody,
    KeyPage,
    KeyReply,
    RotationBody,
    created_document,
)
from tieline.http.integration_domain.listing import requested_listing
from tieline.http.integration_domain.parameters import list_parameters
from tieline.http.integration_domain.parts import page_reply, refusals
from tieline.http.responses import OnceResponse, reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use
from tieline.identity.api_keys.models import KEYS, CreatedKey
from tieline.identity.models import Principal, Scope

router = APIRouter(route_class=TielineRoute, tags=["API keys"])

Reader = Annotated[Principal, Depends(require(Scope.KEY_READ))]
Writer = Annotated[Principal, Depends(require(Scope.KEY_WRITE))]
Id = Annotated[str, Path(alias="keyId", description="The key's id, `key_...`.")]


@router.get(
    "/api-keys",
    operation_id="listApiKeys",
    response_model=KeyPage,
    responses=refusals(),
    openapi_extra=list_parameters(KEYS),
)
async def list_api_keys(request: Request, caller: Reader, use: Use) -> Response:
    """List API keys, newest first."""
    listing = requested_listing(request, KEYS)
    page = await use.identity.keys.list_page(caller, listing)
    return reply(page_reply(KEYS, listing, page))


@router.post(
    "/api-keys",
    operation_id="createApiKey",
    status_code=201,
    response_model=CreatedKeyReply,
    responses=refusals(413),
)
async def create_api_key(body: KeyBody, caller: Writer, use: Use) -> Response:
    """Create an API key. The key itself is in this answer only."""
    created = await use.identity.keys.create(caller, body.fields())
    return _shown_once(created)


@router.get(
    "/api-keys/{keyId}",
    operation_id="getApiKey",
    response_model=KeyReply,
    responses=refusals(404),
)
async def get_api_key(key_id: Id, caller: Reader, use: Use) -> Response:
    """Read what there is to know of an API key, but not the key itself."""
    return reply(KEYS.document(await use.identity.keys.get(caller, KEYS.stored_id(key_id))))


@router.patch(
    "/api-keys/{keyId}",
    operation_id="updateApiKey",
    response_model=KeyReply,
    responses=refusals(404, 409, 413),
)
async def update_api_key(key_id: Id, body: KeyChangeBody, caller: Writer, use: Use) -> Response:
    """Change an API key: block and unblock it, give it other limits, another budget or end."""
    stored_id = KEYS.stored_id(key_id)
    key = await use.identity.keys.update(caller, stored_id, body.version, body.fields())
    return reply(KEYS.document(key))


@router.post(
    "/api-keys/{keyId}/revoke",
    operation_id="revokeApiKey",
    response_model=KeyReply,
    responses=refusals(404),
)
async def revoke_api_key(key_id: Id, caller: Writer, use: Use) -> Response:
    """Revoke an API key for good. Every process refuses it at once."""
    return reply(KEYS.document(await use.identity.keys.revoke(caller, KEYS.stored_id(key_id))))


@router.post(
    "/api-keys/{keyId}/rotate",
    operation_id="rotateApiKey",
    status_code=201,
    response_model=CreatedKeyReply,
    responses=refusals(404, 409, 413),
)
async def rotate_api_key(
    key_id: Id, caller: Writer, use: Use, body: RotationBody | None = None
) -> Response:
    """Create a key with the same rights in place of another, which stays valid for a while."""
    overlap = timedelta(seconds=(body or RotationBody()).overlap_seconds)
    created = await use.identity.keys.rotate(caller, KEYS.stored_id(key_id), overlap)
    return _shown_once(created)


def _shown_once(created: CreatedKey) -> Response:
    hidden = {"key": None, "key_hash": None, "key_fingerprint": None}
    return OnceResponse(created_document(created), hidden, 201)
