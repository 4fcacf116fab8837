"""Who am I, and why may somebody do something or not."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from tieline.http.auth import authenticate, open_to_callers
from tieline.http.integration_domain.parts import refusals
from tieline.http.operations import Operations
from tieline.http.responses import reply
from tieline.http.route import AskingRoute
from tieline.http.services import Use
from tieline.identity.access.models import Explanation, GrantKind, Operation, Subject
from tieline.identity.applications.models import APPLICATIONS
from tieline.identity.models import EVERYTHING, CallerKind, Principal, Scope
from tieline.kit.errors import InvalidInput

router = APIRouter(route_class=AskingRoute, tags=["access"])

AnyCaller = Annotated[Principal, Depends(authenticate)]


class MeReply(BaseModel):
    """Whom the server takes the caller for."""

    tenant_id: str = Field(description="The organisation.")
    id: str
    kind: CallerKind
    name: str
    user_id: str | None = Field(description="The person behind the call, if there is one.")
    app_id: str | None = Field(description="The slug of the application that calls, if one does.")
    application_id: str | None
    roles: list[str]
    scopes: list[str] = Field(description="All that the caller may do, from roles or singly.")


class OperationReply(BaseModel):
    """An operation of an API."""

    name: str = Field(description="Its `operationId`.")
    method: str
    path: str


class SubjectReply(BaseModel):
    """Somebody with an id."""

    id: str
    kind: CallerKind
    name: str


class GrantReply(BaseModel):
    """What gives the scope: it itself, granted singly, a role, or `*`."""

    kind: GrantKind
    name: str


class ObstacleReply(BaseModel):
    """Why all calls are refused, in the words of the refusal."""

    code: str
    message: str


class CallerReply(SubjectReply):
    """Whom the answer is about."""

    roles: list[str]
    app_id: str | None
    rpm_limit: int | None = Field(description="Requests that are answered per minute, if limited.")


class ExplanationReply(BaseModel):
    """Whether somebody may call an operation, and why."""

    allowed: bool | None = Field(description="Null when it depends on what a token says.")
    message: str = Field(description="All of it in words, with the next step.")
    operation: OperationReply
    required_scope: Scope | None = Field(description="Null when every valid caller may call it.")
    caller: CallerReply
    granted_by: list[GrantReply]
    obstacles: list[ObstacleReply]
    roles_with_scope: list[str]
    able_to_grant: list[SubjectReply] = Field(
        description="Users who could help; empty unless the asker has access:read."
    )


class Question(BaseModel):
    """About which operation, and about whom."""

    model_config = ConfigDict(extra="forbid")

    operation: str | None = Field(
        None, max_length=200, description="The name of the operation, such as `createUseCase`."
    )
    method: str | None = Field(None, max_length=10, description="With `path`: the HTTP method.")
    path: str | None = Field(
        None,
        max_length=2_000,
        description="The path of a request, from the root of the server: `/entity/v1/entity/...`.",
    )
    caller: str | None = Field(
        None,
        max_length=200,
        description="The id of a key, a user or an application; without it, about yourself.",
    )

    def find(self, operations: Operations) -> Operation:
        """The operation that is meant. Raises `OperationNotFound` and `InvalidInput`."""
        match (self.operation, self.method, self.path):
            case (str() as name, None, None):
                return operations.named(name)
            case (None, str() as method, str() as path):
                return operations.at(method, path)
            case _:
                raise InvalidInput("Send either operation, or method and path.")


@router.get(
    "/access/me",
    operation_id="getMe",
    response_model=MeReply,
    responses=refusals(),
    openapi_extra=open_to_callers(),
)
async def get_me(caller: AnyCaller) -> Response:
    """Say whom the server takes the caller for, and what they may do."""
    scopes = [EVERYTHING, *Scope] if EVERYTHING in caller.scopes else sorted(caller.scopes)
    return reply(
        {
            "tenant_id": caller.org_id,
            "id": caller.id,
            "kind": caller.kind,
            "name": caller.name,
            "user_id": caller.user_id,
            "app_id": caller.app_id,
            "application_id": caller.application_id
            and APPLICATIONS.id_form.to_wire(UUID(caller.application_id)),
            "roles": list(caller.roles),
            "scopes": scopes,
        }
    )


@router.get(
    "/access/why",
    operation_id="explainAccess",
    response_model=ExplanationReply,
    responses=refusals(404),
    openapi_extra=open_to_callers(),
)
async def explain_access(
    request: Request, question: Annotated[Question, Query()], caller: AnyCaller, use: Use
) -> Response:
    """Explain whether somebody may call an operation, and what they lack if not.

    Everybody may ask about themselves; asking about others needs the scope access:read.
    """
    operation = question.find(request.app.state.operations)
    return reply(_document(await use.access.explain(caller, operation, question.caller)))


def _document(found: Explanation) -> dict[str, Any]:
    operation, subject = found.operation, found.subject
    return {
        "allowed": found.allowed,
        "message": found.message,
        "operation": {
            "name": operation.name,
            "method": operation.method,
            "path": operation.path,
        },
        "required_scope": operation.scope,
        "caller": {
            **_named(subject),
            "roles": list(subject.roles),
            "app_id": subject.app_id,
            "rpm_limit": subject.rpm_limit,
        },
        "granted_by": [{"kind": each.kind, "name": each.name} for each in found.granted_by],
        "obstacles": [{"code": each.code, "message": each.message} for each in subject.obstacles],
        "roles_with_scope": list(found.roles_with_it),
        "able_to_grant": [_named(each) for each in found.able_to_grant],
    }


def _named(subject: Subject) -> dict[str, Any]:
    return {"id": subject.id, "kind": subject.kind, "name": subject.name}
