"""The use cases of an integration, and their history."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from tieline.http.auth import require
from tieline.http.erp_integration.parts import (
    IntegrationId,
    MessageReply,
    UseCaseId,
    refusals,
)
from tieline.http.erp_integration.use_case_wire import (
    CreateUseCaseBody,
    HistoryReply,
    UpdateUseCaseBody,
    UseCaseList,
    UseCaseReply,
    history_reply,
    use_case_reply,
)
from tieline.http.pagination import decode_cursor
from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use
from tieline.identity.models import Principal, Scope
from tieline.kit.errors import InvalidInput

router = APIRouter(route_class=TielineRoute, tags=["integrations"])

Reader = Annotated[Principal, Depends(require(Scope.ERP_READ))]
Writer = Annotated[Principal, Depends(require(Scope.ERP_WRITE))]

_LAST_VERSION = 2**31 - 1


@router.get(
    "/v1/integrations/{integrationId}/use-cases",
    operation_id="listUseCases",
    response_model=UseCaseList,
    responses=refusals(404),
)
async def list_use_cases(integration_id: IntegrationId, caller: Reader, use: Use) -> Response:
    """List the use cases of an integration, oldest first."""
    found = await use.integrations.list_use_cases(caller.org_id, integration_id)
    return reply({"use_cases": [use_case_reply(use_case) for use_case in found]})


@router.post(
    "/v1/integrations/{integrationId}/use-cases",
    operation_id="createUseCase",
    status_code=201,
    response_model=UseCaseReply,
    responses=refusals(404, 409, 413),
)
async def create_use_case(
    integration_id: IntegrationId, body: CreateUseCaseBody, caller: Writer, use: Use
) -> Response:
    """Create a use case. Its configuration is checked, and all its expressions are compiled."""
    created = await use.integrations.create_use_case(caller.org_id, integration_id, body.change())
    return reply(use_case_reply(created), 201)


@router.get(
    "/v1/integrations/{integrationId}/use-cases/{useCaseId}",
    operation_id="getUseCase",
    response_model=UseCaseReply,
    responses=refusals(404),
)
async def get_use_case(
    integration_id: IntegrationId, use_case_id: UseCaseId, caller: Reader, use: Use
) -> Response:
    """Read a use case."""
    found = await use.integrations.get_use_case(caller.org_id, integration_id, use_case_id)
    return reply(use_case_reply(found))


@router.put(
    "/v1/integrations/{integrationId}/use-cases/{useCaseId}",
    operation_id="updateUseCase",
    response_model=UseCaseReply,
    responses=refusals(404, 409, 413),
)
async def update_use_case(
    integration_id: IntegrationId,
    use_case_id: UseCaseId,
    body: UpdateUseCaseBody,
    caller: Writer,
    use: Use,
) -> Response:
    """Change a use case; what it was goes into its history.

    Events that were accepted before the change are still mapped as it was then.
    """
    changed = await use.integrations.update_use_case(
        caller.org_id, integration_id, use_case_id, body.change()
    )
    return reply(use_case_reply(changed))


@router.delete(
    "/v1/integrations/{integrationId}/use-cases/{useCaseId}",
    operation_id="deleteUseCase",
    response_model=MessageReply,
    responses=refusals(404, 409),
)
async def delete_use_case(
    integration_id: IntegrationId, use_case_id: UseCaseId, caller: Writer, use: Use
) -> Response:
    """Delete a use case. Events that were accepted before are still mapped."""
    await use.integrations.delete_use_case(caller.org_id, integration_id, use_case_id)
    return reply({"message": "The use case was deleted."})


@router.get(
    "/v1/integrations/{integrationId}/use-cases/{useCaseId}/history",
    operation_id="listUseCaseHistory",
    response_model=HistoryReply,
    responses=refusals(404),
)
async def list_use_case_history(
    integration_id: IntegrationId,
    use_case_id: UseCaseId,
    caller: Reader,
    use: Use,
    cursor: Annotated[
        str | None, Query(description="`next_cursor` of the page before; nothing for the first.")
    ] = None,
) -> Response:
    """List what a use case was before each change, newest first, 20 entries per page."""
    page = await use.integrations.use_case_history(
        caller.org_id,
        integration_id,
        use_case_id,
        before=None if cursor is None else _version_before(cursor),
    )
    return reply(history_reply(page))


def _version_before(cursor: str) -> int:
    match decode_cursor(cursor):
        case [int(version)] if 0 < version <= _LAST_VERSION:
            return version
        case _:
            raise InvalidInput("cursor: not a cursor of this list. Start without one.")
