"""Downloads by signed links: for people and programs that have no API key."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import APIRouter, Query, Request, Response

from tieline.fileproxy.errors import LinkExpired
from tieline.fileproxy.models import Caller, Link
from tieline.http.auth import client_address
from tieline.http.erp_integration.parts import refusals
from tieline.http.errors import request_id
from tieline.http.files import FileResponse
from tieline.http.route import AskingRoute
from tieline.http.services import Services, Use
from tieline.identity.models import Principal

router = APIRouter(route_class=AskingRoute, tags=["files"])

LINK = "file_link"  # as the access log names whoever has come by a link

_RESPONSES = {
    200: {
        "description": "The file, under the name and of the type that the configuration finds.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    },
    **refusals(404, 409, 422, 503),
    403: {**refusals()[403], "description": "The link is not signed, changed, or out of date."},
    502: {**refusals()[400], "description": "The document system failed; `step` says where."},
}


@router.get(
    "/download",
    operation_id="downloadFile",
    response_class=Response,
    responses=_RESPONSES,
)
async def download_file(
    request: Request,
    use: Use,
    org_id: Annotated[str | None, Query(alias="orgId", description="The organisation.")] = None,
    integration_id: Annotated[
        str | None, Query(alias="integrationId", description="The integration.")
    ] = None,
    use_case_slug: Annotated[
        str | None, Query(alias="useCaseSlug", description="The file proxy, by its slug")
    ] = None,
    use_case_id: Annotated[
        str | None, Query(alias="useCaseId", description="or by its id.")
    ] = None,
    expires_at: Annotated[
        str | None, Query(description="Until when the link is good, in milliseconds since 1970.")
    ] = None,
    signature: Annotated[str | None, Query(description="What `signFileLink` has added.")] = None,
) -> Response:
    """Fetch a file from a document system. Whatever parameters the file proxy has go along.

    No API key is needed: it is the signature of the link that opens the door.
    """
    return await _serve(request, use, with_body=True)


@router.head("/download", include_in_schema=False)
async def describe_file(request: Request, use: Use) -> Response:
    """Say what the file is called and how long it is."""
    return await _serve(request, use, with_body=False)


async def _serve(request: Request, use: Services, *, with_body: bool) -> Response:
    caller = Caller(request_id(request), client_address(request.scope))
    try:
        link = await use.file_links.verified(request.query_params.multi_items())
    except LinkExpired as error:
        if error.link is not None:
            await _admit(request, use, error.link)
            await use.file_proxy.note_refusal(error.link, caller, error)
        raise
    await _admit(request, use, link)
    return FileResponse(await use.file_proxy.open(link, caller), with_body=with_body)


async def _admit(request: Request, use: Services, link: Link) -> None:
    """Count a call by a link that was signed; only such ones.

    Nobody may use up, or fill the logs of, an organisation that has given them no link.
    """
    holder = Principal(link.org_id, LINK, "the holder of a signed link", frozenset())
    request.state.principal = holder
    structlog.contextvars.bind_contextvars(org_id=link.org_id, caller_id=LINK)
    request.state.allowance = await use.limiter.admit(holder)
