"""Users: the people who have come with a token of an OIDC issuer, and their roles."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import ConfigDict, Field, StrictBool, model_validator

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
from tieline.identity.roles import Role
from tieline.identity.users.models import USERS, UserChange

router = APIRouter(route_class=TielineRoute, tags=["users"])

Reader = Annotated[Principal, Depends(require(Scope.ACCESS_READ))]
Writer = Annotated[Principal, Depends(require(Scope.ACCESS_WRITE))]
Id = Annotated[str, Path(alias="userId", description="The user's id, `per_...`.")]


class UserChangeBody(BoundedBody):
    """What to change of a user. What is left out stays."""

    model_config = ConfigDict(extra="forbid")

    version: Version
    roles: list[Role] | None = Field(
        default=None,
        max_length=len(Role),
        description="The roles from now on, whatever the issuer says; null lets the issuer's next "
        "token decide again.",
    )
    disabled: StrictBool | None = Field(
        default=None, description="Whether every token of the user is refused."
    )

    @model_validator(mode="after")
    def _says_something(self) -> UserChangeBody:
        if not {"roles", "disabled"} & self.model_fields_set:
            raise ValueError("has nothing to change. Send roles or disabled")
        return self

    def change(self) -> UserChange:
        """What is wanted."""
        return UserChange(
            roles=None if self.roles is None else tuple(role.value for role in self.roles),
            follow_issuer="roles" in self.model_fields_set and self.roles is None,
            disabled=self.disabled,
        )


def _without_app_id(schema: dict[str, Any]) -> None:
    schema["properties"].pop("app_id", None)
    schema["required"] = list(schema["properties"])


class UserReply(RecordReply):
    """A user."""

    model_config = ConfigDict(json_schema_extra=_without_app_id)

    issuer: str = Field(description="Whose token told of the user.")
    subject: str = Field(description="The issuer's own name for the user (`sub`).")
    email: str | None = Field(description="As the issuer said last.")
    name: str | None = Field(description="As the issuer said last.")
    roles: list[Role] = Field(description="The roles in force.")
    roles_given: bool = Field(description="Whether they were given here; else the issuer decides.")
    disabled: bool = Field(description="Whether every token of the user is refused.")
    first_seen_at: datetime = Field(description="Another name of created_at.")
    last_seen_at: datetime = Field(description="To some ten seconds.")
    profile_as_of: datetime | None = Field(
        description="When the token was issued that email, name and roles come from."
    )


class UserPage(PageReply):
    """A page of users."""

    items: list[UserReply]


@router.get(
    "/users",
    operation_id="listUsers",
    response_model=UserPage,
    responses=refusals(),
    openapi_extra=list_parameters(USERS),
)
async def list_users(request: Request, caller: Reader, use: Use) -> Response:
    """List users, newest first."""
    listing = requested_listing(request, USERS)
    page = await use.users.list_users(caller, listing)
    return reply(page_reply(USERS, listing, page))


@router.get(
    "/users/{userId}",
    operation_id="getUser",
    response_model=UserReply,
    responses=refusals(404),
)
async def get_user(user_id: Id, caller: Reader, use: Use) -> Response:
    """Read a user."""
    return reply(USERS.document(await use.users.get_user(caller, USERS.stored_id(user_id))))


@router.patch(
    "/users/{userId}",
    operation_id="updateUser",
    response_model=UserReply,
    responses=refusals(404, 409, 413),
)
async def update_user(user_id: Id, body: UserChangeBody, caller: Writer, use: Use) -> Response:
    """Give a user roles, disable or enable them; it holds everywhere at once.

    Nobody gives roles with more rights than they have themselves, or changes somebody who has more.
    An organisation keeps somebody who may do everything.
    """
    changed = await use.users.update_user(
        caller, USERS.stored_id(user_id), body.version, body.change()
    )
    return reply(USERS.document(changed))
