"""What receivers need to check signatures; anybody may read it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use
from tieline.http.webhooks.parts import refusals

router = APIRouter(route_class=TielineRoute, tags=["webhooks"])

OrgId = Annotated[str, Query(alias="orgId", description="The organisation whose messages it is.")]


class PublicKeyReply(BaseModel):
    """The key that the `v1a` part of signatures is checked with."""

    public_key: str = Field(description="In PEM form.")
    algorithm: str = Field(description="`ed25519`")
    issuer: str = Field(description="The address of this installation.")


@router.get(
    "/v1/webhooks/.well-known/public-key",
    operation_id="getPublicKey",
    response_model=PublicKeyReply,
    responses={status: each for status, each in refusals(404).items() if status in (400, 404)},
)
async def get_public_key(org_id: OrgId, use: Use) -> Response:
    """Read the public key with which an organisation's messages are signed; anybody may."""
    found = await use.webhook_keys.public_key(org_id)
    content = {
        "public_key": found,
        "algorithm": "ed25519",
        "issuer": use.settings.public_address,
    }
    return reply(content, headers={"cache-control": "public, max-age=300"})
