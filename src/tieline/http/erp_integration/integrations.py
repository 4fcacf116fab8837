"""Integrations: create, read, change and delete, alone (v1) and with their use cases (v2)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from tieline.http.auth import require
from tieline.http.erp_integration.parts import IntegrationId, MessageReply, refusals
from tieline.http.erp_integration.wire import (
    CreateIntegrationBody,
    IntegrationList,
    IntegrationReply,
    IntegrationWithUseCasesList,
    IntegrationWithUseCasesReply,
    UpdateIntegrationBody,
    UpsertIntegrationBody,
    integration_reply,
    with_use_cases_reply,
)
from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use
from tieline.identity.models import Principal, Scope

router = APIRouter(route_class=TielineRoute, tags=["integrations"])

Reader = Annotated[Principal, Depends(require(Scope.ERP_READ))]
Writer = Annotated[Principal, Depends(require(Scope.ERP_WRITE))]

_DELETED = {"message": "The integration and its use cases were deleted."}


@router.get(
    "/v1/integrations",
    operation_id="listIntegrations",
    response_model=IntegrationList,
    responses=refusals(),
)
async def list_integrations(caller: Reader, use: Use) -> Response:
    """List all integrations, oldest first."""
    found = await use.integrations.list_integrations(caller.org_id)
    return reply({"integrations": [integration_reply(integration) for integration in found]})


@router.post(
    "/v1/integrations",
    operation_id="createIntegration",
    status_code=201,
    response_model=IntegrationReply,
    responses=refusals(409, 413),
)
async def create_integration(body: CreateIntegrationBody, caller: Writer, use: Use) -> Response:
    """Create an integration without use cases."""
    created = await use.integrations.create_integration(caller.org_id, body.document())
    return reply(integration_reply(created.integration), 201)


@router.get(
    "/v1/integrations/{integrationId}",
    operation_id="getIntegration",
    response_model=IntegrationReply,
    responses=refusals(404),
)
async def get_integration(integration_id: IntegrationId, caller: Reader, use: Use) -> Response:
    """Read an integration."""
    return reply(
        integration_reply(await use.integrations.get_integration(caller.org_id, integration_id))
    )


@router.put(
    "/v1/integrations/{integrationId}",
    operation_id="updateIntegration",
    response_model=IntegrationReply,
    responses=refusals(404, 409, 413),
)
async def update_integration(
    integration_id: IntegrationId, body: UpdateIntegrationBody, caller: Writer, use: Use
) -> Response:
    """Change an integration: what is left out stays, null removes."""
    changed = await use.integrations.update_integration(
        caller.org_id, integration_id, body.document()
    )
    return reply(integration_reply(changed.integration))


@router.delete(
    "/v1/integrations/{integrationId}",
    operation_id="deleteIntegration",
    response_model=MessageReply,
    responses=refusals(404, 409),
)
async def delete_integration(integration_id: IntegrationId, caller: Writer, use: Use) -> Response:
    """Delete an integration and all its use cases."""
    await use.integrations.delete_integration(caller.org_id, integration_id)
    return reply(_DELETED)


@router.get(
    "/v2/integrations",
    operation_id="listIntegrationsV2",
    response_model=IntegrationWithUseCasesList,
    responses=refusals(),
)
async def list_integrations_v2(caller: Reader, use: Use) -> Response:
    """List all integrations with their use cases, oldest first."""
    found = await use.integrations.list_with_use_cases(caller.org_id)
    return reply({"integrations": [with_use_cases_reply(integration) for integration in found]})


@router.post(
    "/v2/integrations",
    operation_id="createIntegrationV2",
    status_code=201,
    response_model=IntegrationWithUseCasesReply,
    responses=refusals(409, 413),
)
async def create_integration_v2(body: UpsertIntegrationBody, caller: Writer, use: Use) -> Response:
    """Create an integration together with its use cases, all or nothing."""
    created = await use.integrations.create_integration(
        caller.org_id, body.document(), body.changes() or ()
    )
    return reply(with_use_cases_reply(created), 201)


@router.get(
    "/v2/integrations/{integrationId}",
    operation_id="getIntegrationV2",
    response_model=IntegrationWithUseCasesReply,
    responses=refusals(404),
)
async def get_integration_v2(integration_id: IntegrationId, caller: Reader, use: Use) -> Response:
    """Read an integration with all its use cases."""
    found = await use.integrations.get_with_use_cases(caller.org_id, integration_id)
    return reply(with_use_cases_reply(found))


@router.put(
    "/v2/integrations/{integrationId}",
    operation_id="updateIntegrationV2",
    response_model=IntegrationWithUseCasesReply,
    responses=refusals(404, 409, 413),
)
async def update_integration_v2(
    integration_id: IntegrationId, body: UpsertIntegrationBody, caller: Writer, use: Use
) -> Response:
    """Make an integration and its use cases what the body says, all or nothing.

    Listed use cases with a known id are updated, other listed ones are created, those not listed
    are deleted. Without `use_cases` they all stay as they are.
    """
    changed = await use.integrations.update_integration(
        caller.org_id, integration_id, body.document(), body.changes()
    )
    return reply(with_use_cases_reply(changed))


@router.delete(
    "/v2/integrations/{integrationId}",
    operation_id="deleteIntegrationV2",
    response_model=MessageReply,
    responses=refusals(404, 409),
)
async def delete_integration_v2(
    integration_id: IntegrationId, caller: Writer, use: Use
) -> Response:
    """Delete an integration and all its use cases."""
    await use.integrations.delete_integration(caller.org_id, integration_id)
    return reply(_DELETED)
