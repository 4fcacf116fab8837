"""Applications: the programs on whose behalf keys and tokens are issued."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

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
from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use
from tieline.identity.applications.models import APPLICATIONS, ApplicationDraft
from tieline.identity.models import Principal, Scope

router = APIRouter(route_class=TielineRoute, tags=["applications"])

Reader = Annotated[Principal, Depends(require(Scope.APPLICATION_READ))]
Writer = Annotated[Principal, Depends(require(Scope.APPLICATION_WRITE))]
Id = Annotated[str, Path(alias="applicationId", description="The application's id, `app_...`.")]


class ApplicationBody(BoundedBody, ApplicationDraft):
    """A new application. Everything may be left out; what the server stamps is ignored."""


class ApplicationChangeBody(ApplicationBody):
    """What to change of an application. What is left out stays, what is null is cleared."""

    version: Version


class ApplicationReply(RecordReply, ApplicationDraft):
    """An application."""


class ApplicationPage(PageReply):
    """A page of applications."""

    items: list[ApplicationReply]


@router.get(
    "/applications",
    operation_id="listApplications",
    response_model=ApplicationPage,
    responses=refusals(),
    openapi_extra=list_parameters(APPLICATIONS),
)
async def list_applications(request: Request, caller: Reader, use: Use) -> Response:
    """List applications, newest first."""
    listing = requested_listing(request, APPLICATIONS)
    page = await use.applications.list_applications(caller, listing)
    return reply(page_reply(APPLICATIONS, listing, page))


@router.post(
    "/applications",
    operation_id="createApplication",
    status_code=201,
    response_model=ApplicationReply,
    responses=refusals(409, 413),
)
async def create_application(body: ApplicationBody, caller: Writer, use: Use) -> Response:
    """Register an application."""
    created = await use.applications.create_application(caller, body)
    return reply(APPLICATIONS.document(created), 201)


@router.get(
    "/applications/{applicationId}",
    operation_id="getApplication",
    response_model=ApplicationReply,
    responses=refusals(404),
)
async def get_application(application_id: Id, caller: Reader, use: Use) -> Response:
    """Read an application."""
    found = await use.applications.get_application(caller, APPLICATIONS.stored_id(application_id))
    return reply(APPLICATIONS.document(found))


@router.patch(
    "/applications/{applicationId}",
    operation_id="updateApplication",
    response_model=ApplicationReply,
    responses=refusals(404, 409, 413),
)
async def update_application(
    application_id: Id, body: ApplicationChangeBody, caller: Writer, use: Use
) -> Response:
    """Change an application. Suspending or retiring it refuses its keys and tokens at once."""
    changed = await use.applications.update_application(
        caller, APPLICATIONS.stored_id(application_id), body.version, body
    )
    return reply(APPLICATIONS.document(changed))
