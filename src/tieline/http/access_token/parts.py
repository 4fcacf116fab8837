"""How access tokens look on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StrictInt,
    StringConstraints,
    Tag,
)

from tieline.http.bodies import BoundedBody
from tieline.identity.access_tokens.service import TokenWish, assignments_of
from tieline.identity.api_keys.models import ApiKey, CreatedKey, TokenType
from tieline.kit.time import to_wire

_PATTERN = r"^[0-9]{1,12} ?[a-z]{0,12}$"


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("holds characters that cannot be shown. Remove them")
    return text


_Text = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_printable)]
Lifetime = (
    Annotated[StrictInt, Field(ge=30, le=604_800)]
    | Annotated[str, StringConstraints(pattern=_PATTERN)]
)


class _Parameters(BoundedBody):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)] = Field(
        description="What the token is for."
    )

    def wish(self) -> TokenWish:
        """The token that is wanted."""
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        return TokenWish(**{**sent, "token_type": TokenType(sent.get("token_type") or "api")})


class _Assigned(_Parameters):
    assignments: list[_Text] | None = Field(
        default=None,
        max_length=20,
        description="`<organisation>:<role>`; without them the token may do what its creator may.",
    )


class _Ending(_Parameters):
    expires_in: Lifetime | None = Field(
        default=None, description="Seconds, or a text such as 10h or 7d up to 365 days."
    )


class ApiTokenParameters(_Assigned, _Ending):
    """A token for programs."""

    token_type: Literal["api"] = "api"  # noqa: S105 - the name of a type


class AppTokenParameters(_Assigned, _Ending):
    """A token for an app."""

    token_type: Literal["app"]


class AssumeTokenParameters(_Assigned):
    """A token with which a user takes another role, for an hour."""

    token_type: Literal["assume"]


class JourneyTokenParameters(_Ending):
    """A public token for a journey; it allows nothing by itself."""

    token_type: Literal["journey"]
    journey_id: _Text


class PortalTokenParameters(_Ending):
    """A public token for a portal; it allows nothing by itself."""

    token_type: Literal["portal"]
    portal_id: _Text


def _tag(token_type: object) -> str:
    """The name of a form, which messages leave out of the names of fields: see `describe`."""
    return f"dict[{token_type}]"


def _type_of(value: Any) -> str:
    """Which form a body has; a token is for programs unless it says otherwise."""
    if isinstance(value, dict):
        return _tag(value.get("token_type", "api"))
    return _tag(getattr(value, "token_type", "api"))


TokenParameters = Annotated[
    Annotated[ApiTokenParameters, Tag(_tag("api"))]
    | Annotated[AppTokenParameters, Tag(_tag("app"))]
    | Annotated[AssumeTokenParameters, Tag(_tag("assume"))]
    | Annotated[JourneyTokenParameters, Tag(_tag("journey"))]
    | Annotated[PortalTokenParameters, Tag(_tag("portal"))],
    Discriminator(
        _type_of,
        custom_error_type="token_type",
        custom_error_message="token_type must be api, app, assume, journey or portal",
    ),
]


class TokenItem(BaseModel):
    """An access token, without its text."""

    id: str
    created_at: datetime
    name: str
    token_type: TokenType
    assignments: list[str]
    journey_id: str | None = Field(default=None, description="Of a journey's token.")
    portal_id: str | None = Field(default=None, description="Of a portal's token.")
    last_used: str | None = Field(default=None, description="The day of the last use.")
    expires_at: datetime | None = Field(default=None, description="Of a token that expires.")


class CreatedToken(TokenItem):
    """A new access token; `token` is shown only here."""

    token: str | None = Field(description="null when an `Idempotency-Key` is sent again.")


class PublicKeys(BaseModel):
    """The public keys with which tokens can be checked."""

    keys: list[dict[str, Any]]


class Discovery(BaseModel):
    """Who issues tokens, and where the public keys are."""

    issuer: str
    jwks_uri: str


def token_item(key: ApiKey) -> dict[str, Any]:
    """An access token; what it does not have is left out."""
    optional = {
        "journey_id": key.journey_id,
        "portal_id": key.portal_id,
        "last_used": f"{key.last_used_at:%Y-%m-%d}" if key.last_used_at else None,
        "expires_at": to_wire(key.expires_at) if key.expires_at else None,
    }
    return {
        "id": key.id,
        "created_at": to_wire(key.created_at),
        "name": key.name,
        "token_type": key.token_type,
        "assignments": assignments_of(key),
        **{name: value for name, value in optional.items() if value is not None},
    }


def created_token(created: CreatedKey) -> dict[str, Any]:
    """A new access token, this once with its text."""
    return {**token_item(created.key), "token": created.text}
