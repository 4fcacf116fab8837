"""What others need to check access tokens themselves; anybody may read it."""

from __future__ import annotations

from fastapi import APIRouter, Response

from tieline.http.access_token.parts import Discovery, PublicKeys
from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Services, Use

router = APIRouter(route_class=TielineRoute, tags=["public"])

_BASE = "/v1/access-tokens"
_JWKS = ".well-known/jwks.json"
_DISCOVERY = ".well-known/openid-configuration"


@router.get(f"{_BASE}/{_JWKS}", operation_id="getAccessTokenJwks", response_model=PublicKeys)
async def get_access_token_jwks(use: Use) -> Response:
    """List the public keys that sign access tokens, and those that did lately."""
    return await _keys(use)


@router.get(f"{_BASE}/public/{_JWKS}", operation_id="getPublicTokenJwks", response_model=PublicKeys)
async def get_public_token_jwks(use: Use) -> Response:
    """List the public keys that sign the tokens of journeys and portals: the same ones."""
    return await _keys(use)


@router.get(f"{_BASE}/{_DISCOVERY}", operation_id="getAccessTokenOIDC", response_model=Discovery)
async def get_access_token_oidc(use: Use) -> Response:
    """Say who issues access tokens and where the public keys are."""
    return _discovery(use.access_tokens.issuer())


@router.get(
    f"{_BASE}/public/{_DISCOVERY}", operation_id="getPublicTokenOIDC", response_model=Discovery
)
async def get_public_token_oidc(use: Use) -> Response:
    """Say the same of the tokens of journeys and portals."""
    return _discovery(use.access_tokens.issuer(public=True))


async def _keys(use: Services) -> Response:
    return reply(
        {"keys": await use.access_tokens.published_keys()},
        headers={"cache-control": "public, max-age=300"},
    )


def _discovery(issuer: str) -> Response:
    return reply({"issuer": issuer, "jwks_uri": f"{issuer}/{_JWKS}"})
