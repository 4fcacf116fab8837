"""Create, list and revoke access tokens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from tieline.http.access_token.parts import (
    CreatedToken,
    TokenItem,
    TokenParameters,
    created_token,
    token_item,
)
from tieline.http.auth import require
from tieline.http.refusals import Refusals, StatusError
from tieline.http.responses import OnceResponse, reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use
from tieline.identity.api_keys.models import TokenType
from tieline.identity.models import Principal, Scope

router = APIRouter(route_class=TielineRoute, tags=["access tokens"])
refusals = Refusals(StatusError)

Reader = Annotated[Principal, Depends(require(Scope.KEY_READ))]
Writer = Annotated[Principal, Depends(require(Scope.KEY_WRITE))]


@router.post(
    "/v1/access-tokens",
    operation_id="createAccessToken",
    status_code=201,
    response_model=CreatedToken,
    responses=refusals(),
)
async def create_access_token(body: TokenParameters, caller: Writer, use: Use) -> Response:
    """Create an access token. Its text is in this answer only."""
    created = await use.access_tokens.create(caller, body.wish())
    return OnceResponse(created_token(created), {"token": None}, 201)


@router.get(
    "/v1/access-tokens",
    operation_id="listAccessTokens",
    response_model=list[TokenItem],
    responses=refusals(),
)
async def list_access_tokens(
    caller: Reader,
    use: Use,
    token_type: Annotated[list[TokenType] | None, Query(description="Only of these types.")] = None,
) -> Response:
    """List the access tokens and API keys that can be used, newest first."""
    found = await use.access_tokens.list_tokens(caller, token_type)
    return reply([token_item(key) for key in found])


@router.delete(
    "/v1/access-tokens/{id}",
    operation_id="revokeAccessToken",
    response_model=TokenItem,
    responses=refusals(404),
)
async def revoke_access_token(
    token_id: Annotated[str, Path(alias="id", description="The token's id, `api_...`.")],
    caller: Writer,
    use: Use,
) -> Response:
    """Revoke an access token or API key. Every process refuses it at once."""
    return reply(token_item(await use.access_tokens.revoke(caller, token_id)))
