"""Environment variables."""

from __future__ import annotations

from fastapi import APIRouter, Response

from tieline.http.environments.wire import (
    Key,
    Reader,
    VariableCreate,
    VariableList,
    VariableReply,
    VariableUpdate,
    Writer,
    refusals,
    variable_document,
)
from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use

router = APIRouter(route_class=TielineRoute, tags=["environments"])


@router.get(
    "/v1/environments",
    operation_id="listEnvironmentVariables",
    response_model=VariableList,
    responses=refusals(),
)
async def list_variables(caller: Reader, use: Use) -> Response:
    """List all variables by key. Secret ones are named without their values."""
    found = await use.environments.list_variables(caller.org_id)
    return reply({"items": [variable_document(variable) for variable in found]})


@router.post(
    "/v1/environments",
    operation_id="createEnvironmentVariable",
    status_code=201,
    response_model=VariableReply,
    responses=refusals(409, 503),
)
async def create_variable(body: VariableCreate, caller: Writer, use: Use) -> Response:
    """Create a variable; its group too, if that is new."""
    created = await use.environments.create(caller.org_id, body.key, body.change())
    return reply(variable_document(created), 201)


@router.get(
    "/v1/environments/{key}",
    operation_id="getEnvironmentVariable",
    response_model=VariableReply,
    responses=refusals(404),
)
async def get_variable(key: Key, caller: Reader, use: Use) -> Response:
    """Read a variable; a secret one without its value."""
    return reply(variable_document(await use.environments.get(caller.org_id, key)))


@router.put(
    "/v1/environments/{key}",
    operation_id="updateEnvironmentVariable",
    response_model=VariableReply,
    responses={201: {"model": VariableReply, "description": "Created"}, **refusals(409, 503)},
)
async def put_variable(key: Key, body: VariableUpdate, caller: Writer, use: Use) -> Response:
    """Change what is sent of a variable, or create it."""
    stored, new = await use.environments.put(caller.org_id, key, body.change())
    return reply(variable_document(stored), 201 if new else 200)


@router.delete(
    "/v1/environments/{key}",
    operation_id="deleteEnvironmentVariable",
    status_code=204,
    responses=refusals(404, 503),
)
async def delete_variable(key: Key, caller: Writer, use: Use) -> Response:
    """Delete a variable and its value. What refers to it fails from then on."""
    await use.environments.delete(caller.org_id, key)
    return Response(status_code=204)
