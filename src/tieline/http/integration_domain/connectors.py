"""Connectors: sources and sinks of data outside."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from tieline.connectors.models import CONNECTORS, ConnectorDraft
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
from tieline.identity.models import Principal, Scope

router = APIRouter(route_class=TielineRoute, tags=["connectors"])

Reader = Annotated[Principal, Depends(require(Scope.CONNECTOR_READ))]
Writer = Annotated[Principal, Depends(require(Scope.CONNECTOR_WRITE))]
Id = Annotated[str, Path(alias="connectorId", description="The connector's id, `cnn_...`.")]


class ConnectorBody(BoundedBody, ConnectorDraft):
    """A new connector. Everything may be left out; what the server stamps is ignored."""


class ConnectorChangeBody(ConnectorBody):
    """What to change of a connector. What is left out stays, what is null is cleared."""

    version: Version


class ConnectorReply(RecordReply, ConnectorDraft):
    """A connector."""


class ConnectorPage(PageReply):
    """A page of connectors."""

    items: list[ConnectorReply]


@router.get(
    "/connectors",
    operation_id="listConnectors",
    response_model=ConnectorPage,
    responses=refusals(),
    openapi_extra=list_parameters(CONNECTORS),
)
async def list_connectors(request: Request, caller: Reader, use: Use) -> Response:
    """List connectors, newest first."""
    listing = requested_listing(request, CONNECTORS)
    page = await use.connectors.list_connectors(caller, listing)
    return reply(page_reply(CONNECTORS, listing, page))


@router.post(
    "/connectors",
    operation_id="createConnector",
    status_code=201,
    response_model=ConnectorReply,
    responses=refusals(409, 413),
)
async def create_connector(body: ConnectorBody, caller: Writer, use: Use) -> Response:
    """Register a connector."""
    created = await use.connectors.create_connector(caller, body)
    return reply(CONNECTORS.document(created), 201)


@router.get(
    "/connectors/{connectorId}",
    operation_id="getConnector",
    response_model=ConnectorReply,
    responses=refusals(404),
)
async def get_connector(connector_id: Id, caller: Reader, use: Use) -> Response:
    """Read a connector."""
    found = await use.connectors.get_connector(caller, CONNECTORS.stored_id(connector_id))
    return reply(CONNECTORS.document(found))


@router.patch(
    "/connectors/{connectorId}",
    operation_id="updateConnector",
    response_model=ConnectorReply,
    responses=refusals(404, 409, 413),
)
async def update_connector(
    connector_id: Id, body: ConnectorChangeBody, caller: Writer, use: Use
) -> Response:
    """Change a connector."""
    changed = await use.connectors.update_connector(
        caller, CONNECTORS.stored_id(connector_id), body.version, body
    )
    return reply(CONNECTORS.document(changed))


@router.delete(
    "/connectors/{connectorId}",
    operation_id="deleteConnector",
    response_model=ConnectorReply,
    responses=refusals(404, 409),
)
async def delete_connector(connector_id: Id, caller: Writer, use: Use) -> Response:
    """Delete a connector. It stays readable in lists with `is_deleted=true` only."""
    deleted = await use.connectors.delete_connector(caller, CONNECTORS.stored_id(connector_id))
    return reply(CONNECTORS.document(deleted))
