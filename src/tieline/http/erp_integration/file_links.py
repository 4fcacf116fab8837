"""Links to files: made for whoever is to have a file, and the key that signs them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt

from tieline.fileproxy.link_service import DEFAULT_LIFETIME, LONGEST_LIFETIME
from tieline.fileproxy.links import link_from, link_in
from tieline.fileproxy.models import Link
from tieline.http.auth import require
from tieline.http.erp_integration.parts import Body, MessageReply, refusals
from tieline.http.responses import reply
from tieline.http.route import AskingRoute, TielineRoute
from tieline.http.services import Use
from tieline.identity.models import Principal, Scope
from tieline.kit.errors import InvalidInput
from tieline.kit.time import to_wire

# Afresh each time: a stored answer would be a stored credential.
links = APIRouter(route_class=AskingRoute, tags=["files"])
keys = APIRouter(route_class=TielineRoute, tags=["files"])

FileReader = Annotated[Principal, Depends(require(Scope.FILE_READ))]
Writer = Annotated[Principal, Depends(require(Scope.ERP_WRITE))]

_DEFAULT = int(DEFAULT_LIFETIME.total_seconds())
_LONGEST = int(LONGEST_LIFETIME.total_seconds())


class FileLinkBody(Body):
    """Which file: by an address that a mapping has stored, or by what such an address names."""

    model_config = ConfigDict(extra="forbid")

    url: str | None = Field(
        None, description="A stored address, as `file_proxy_url` fields make them."
    )
    integration_id: UUID | None = Field(None, description="The integration, in place of `url`.")
    use_case_slug: str | None = Field(None, description="Its file proxy, by the slug")
    use_case_id: UUID | None = Field(None, description="or by the id.")
    params: dict[str, str] = Field(
        default_factory=dict, description="What the file proxy has to know, such as a document id."
    )
    expires_in: StrictInt = Field(
        _DEFAULT, ge=1, le=_LONGEST, description="Seconds for which the link is good."
    )

    def link(self, org_id: str) -> Link:
        """What is to be signed. Raises `InvalidInput` and what reading an address raises."""
        named = (self.integration_id, self.use_case_slug, self.use_case_id, self.params or None)
        if self.url is not None:
            if any(part is not None for part in named):
                raise InvalidInput("url: says all. Send it alone, or the parts without it.")
            return link_in(self.url)
        if self.integration_id is None:
            raise InvalidInput("url or integration_id: send one of them.")
        given: list[tuple[str, Any]] = [
            ("orgId", org_id),
            ("integrationId", self.integration_id),
            ("useCaseSlug", self.use_case_slug),
            ("useCaseId", self.use_case_id),
        ]
        own = [(name, str(value)) for name, value in given if value is not None]
        return link_from([*own, *self.params.items()])


class FileLinkReply(BaseModel):
    """A link for whoever is to have the file."""

    url: str
    expires_at: datetime


class RotateLinkKeyBody(Body):
    """What becomes of the links that were signed with the key until now."""

    model_config = ConfigDict(extra="forbid")

    keep_links: StrictBool = Field(
        default=True,
        description="Whether they stay good until they expire. Without, they end at once.",
    )


@links.post(
    "/v1/file-proxy/links",
    operation_id="signFileLink",
    response_model=FileLinkReply,
    responses=refusals(404, 409, 503),
)
async def sign_file_link(body: FileLinkBody, caller: FileReader, use: Use) -> Response:
    """Sign a link to a file: whoever has it can fetch the file, and no other, until it expires."""
    link = body.link(caller.org_id)
    signed = await use.file_links.sign(caller.org_id, link, timedelta(seconds=body.expires_in))
    content = {"url": signed.url, "expires_at": to_wire(signed.expires_at)}
    return reply(content, headers={"cache-control": "no-store"})


@keys.post(
    "/v1/file-proxy/link-key/rotate",
    operation_id="rotateFileLinkKey",
    response_model=MessageReply,
    responses=refusals(409, 503),
)
async def rotate_file_link_key(body: RotateLinkKeyBody, caller: Writer, use: Use) -> Response:
    """Sign links with a new key from now on."""
    await use.file_links.rotate_key(caller.org_id, keep_links=body.keep_links)
    then = "stay good until they expire" if body.keep_links else "have ended"
    return reply({"message": f"Links are signed with a new key. Those that exist {then}."})
