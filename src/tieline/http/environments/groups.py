"""Groups of environment variables."""

from __future__ import annotations

from fastapi import APIRouter, Response

from tieline.http.environments.wire import (
    GroupList,
    GroupName,
    GroupReply,
    GroupUpdate,
    Reader,
    Writer,
    group_document,
    refusals,
)
from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use
from tieline.secrets.environments.models import ABSENT

router = APIRouter(route_class=TielineRoute, tags=["groups"])


@router.get(
    "/v1/environments/groups",
    operation_id="listEnvironmentGroups",
    response_model=GroupList,
    responses=refusals(),
)
async def list_groups(caller: Reader, use: Use) -> Response:
    """List all groups by name."""
    found = await use.environments.groups.list_groups(caller.org_id)
    return reply({"items": [group_document(group) for group in found]})


@router.put(
    "/v1/environments/groups/{name}",
    operation_id="putEnvironmentGroup",
    response_model=GroupReply,
    responses={201: {"model": GroupReply, "description": "Created"}, **refusals()},
)
async def put_group(name: GroupName, body: GroupUpdate, caller: Writer, use: Use) -> Response:
    """Describe a group, or create it."""
    description = body.description if "description" in body.model_fields_set else ABSENT
    stored, new = await use.environments.groups.put(caller.org_id, name, description)
    return reply(group_document(stored), 201 if new else 200)


@router.delete(
    "/v1/environments/groups/{name}",
    operation_id="deleteEnvironmentGroup",
    status_code=204,
    responses=refusals(404),
)
async def delete_group(name: GroupName, caller: Writer, use: Use) -> Response:
    """Delete a group. Its variables stay, and are in no group."""
    await use.environments.groups.delete(caller.org_id, name)
    return Response(status_code=204)
