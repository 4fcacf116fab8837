"""What callers write about how a receiver is told who calls."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)

from tieline.kit.errors import TielineError
from tieline.kit.secrecy import names_a_secret, refers_to_environment
from tieline.outbound.webhooks.addresses import (
    check_url,
    is_header_name,
    is_header_value,
    is_reserved,
)
from tieline.outbound.webhooks.authentication import (
    METHODS,
    AuthType,
    ParameterPlace,
    StatedAuth,
)
from tieline.outbound.webhooks.models import HttpMethod
from tieline.records.drafts import Address, Flag
from tieline.secrets.material import SecretText

_MAX_SECRET = 8_000
_SET = "Whether there is one. The server's; ignored when sent."
_VARIABLE = "Whether it refers to an environment variable, as `{{env.key}}`."
_SECRET = "Never shown, unless it is just a reference. Left out it stays as it is, null removes it."  # noqa: S105

Short = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Secret = Annotated[SecretStr, Field(max_length=_MAX_SECRET)]


def _address(value: Any) -> Any:
    if isinstance(value, str):
        try:
            check_url(value)
        except TielineError as error:
            raise ValueError(error.message.removeprefix("url: ").rstrip(".")) from None
    return value


class _Part(BaseModel):
    """What belongs to one way of telling who calls."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, populate_by_name=True)

    def stated_secret(self, name: str) -> tuple[bool, SecretText | None]:
        """Whether something was said of the secret, and the secret."""
        value: SecretStr | None = getattr(self, name)
        said = name in self.model_fields_set
        return said, None if value is None else SecretText(value.get_secret_value())

    def check_variable(self, secret: str, switch: str) -> None:
        """Raises `ValueError` for a secret that is said to be a reference and is none."""
        value: SecretStr | None = getattr(self, secret)
        if getattr(self, switch) and value is not None:
            text = value.get_secret_value()
            if "{{" not in text or not refers_to_environment(text):
                name = type(self).model_fields[secret].alias or secret
                raise ValueError(f"{name}: is no reference such as {{{{env.key}}}}")


class BasicAuth(_Part):
    """A name and a password, in the header Authorization."""

    username: Short = Field(description="The name. It has no colon.")
    password: Secret | None = Field(default=None, description=_SECRET)
    password_is_variable: Flag | None = Field(
        default=None, alias="passwordIsEnvVar", description=_VARIABLE
    )
    password_is_set: Any = Field(
        default=None, alias="passwordIsSet", description=_SET, json_schema_extra={"readOnly": True}
    )

    @model_validator(mode="after")
    def check(self) -> Self:
        """Refuse what RFC 7617 has no room for."""
        if ":" in self.username:
            raise ValueError("username: must have no colon, at which receivers take it apart")
        self.check_variable("password", "password_is_variable")
        return self


class ApiKey(_Part):
    """A key in a header."""

    name: Short = Field(alias="keyName", description="The header, such as X-API-Key.")
    value: Secret | None = Field(default=None, alias="keyValue", description=_SECRET)
    value_is_variable: Flag | None = Field(
        default=None, alias="keyValueIsEnvVar", description=_VARIABLE
    )
    value_is_set: Any = Field(
        default=None, alias="keyValueIsSet", description=_SET, json_schema_extra={"readOnly": True}
    )

    @model_validator(mode="after")
    def check(self) -> Self:
        """Refuse a header that cannot or must not be sent."""
        if not is_header_name(self.name):
            raise ValueError("keyName: is no name of a header")
        if is_reserved(self.name) and self.name.lower() != "authorization":
            raise ValueError("keyName: is a header that the delivery itself sets")
        if self.value is not None and not is_header_value(self.value.get_secret_value()):
            raise ValueError(
                "keyValue: has characters that no header can carry, or spaces at an end"
            )
        self.check_variable("value", "value_is_variable")
        return self


class TokenParameter(_Part):
    """A further parameter of the request for a token."""

    place: ParameterPlace = Field(alias="type", description="Where the request carries it.")
    key: Short
    value: Annotated[str, StringConstraints(max_length=2_000)] = Field(
        description="What it says; a secret as {{env.key}}."
    )

    @model_validator(mode="after")
    def check(self) -> Self:
        """Refuse plain secrets, which would be shown, and headers that cannot be sent."""
        if names_a_secret(self.key) and not refers_to_environment(self.value):
            raise ValueError(
                "value: is a secret by its name. Keep it as an environment variable, and send "
                "{{env.key}}"
            )
        if self.place is ParameterPlace.HEADER:
            if not is_header_name(self.key) or is_reserved(self.key):
                raise ValueError("key: is no name of a header, or of one that is set otherwise")
            if not is_header_value(self.value):
                raise ValueError("value: has characters that no header can carry")
        return self


class OAuth(_Part):
    """A token that a server hands out for client credentials (RFC 6749, section 4.4)."""

    client_id: Short = Field(alias="clientId")
    client_secret: Secret | None = Field(default=None, alias="clientSecret", description=_SECRET)
    client_secret_is_variable: Flag | None = Field(
        default=None, alias="clientSecretIsEnvVar", description=_VARIABLE
    )
    client_secret_is_set: Any = Field(
        default=None,
        alias="clientSecretIsSet",
        description=_SET,
        json_schema_extra={"readOnly": True},
    )
    endpoint: Annotated[Address, BeforeValidator(_address)] = Field(
        description="Where tokens are asked for. Absolute, http or https."
    )
    http_method: HttpMethod = Field(
        default=HttpMethod.POST, alias="httpMethod", description="With which method."
    )
    parameters: list[TokenParameter] | None = Field(
        default=None,
        alias="customParameterList",
        max_length=50,
        description="What the request carries besides; null is none.",
    )

    @model_validator(mode="after")
    def check(self) -> Self:
        """Refuse a secret that is said to be a reference and is none."""
        self.check_variable("client_secret", "client_secret_is_variable")
        return self


class AuthDraft(BaseModel):
    """How the receiver is told who calls."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, populate_by_name=True)

    type: AuthType = Field(alias="authType")
    basic: BasicAuth | None = Field(
        default=None, alias="basicAuthConfig", description="With `BASIC`, and only then."
    )
    oauth: OAuth | None = Field(
        default=None,
        alias="oauthConfig",
        description="With `OAUTH_CLIENT_CREDENTIALS`, and only then.",
    )
    api_key: ApiKey | None = Field(
        default=None, alias="apiKeyConfig", description="With `API_KEY`, and only then."
    )

    @model_validator(mode="after")
    def check(self) -> Self:
        """There is what the type needs, and nothing of another."""
        for auth_type, (part, name) in self._parts().items():
            if auth_type is self.type and part is None:
                raise ValueError(f"{name}: is missing. The authType {auth_type} needs it")
            if auth_type is not self.type and part is not None:
                raise ValueError(f"{name}: belongs to the authType {auth_type}. Leave it out")
        return self

    def stated(self) -> StatedAuth:
        """What was said, with the secret apart."""
        part, _ = self._parts().get(self.type, (None, ""))
        if part is None:
            return StatedAuth(self.type, {}, secret_stated=False, secret=None)
        field = _secret_field(part, self.type)
        said, secret = part.stated_secret(field)
        hidden = {field, f"{field}_is_variable", f"{field}_is_set"}
        shown = part.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=hidden)
        return StatedAuth(self.type, shown, secret_stated=said, secret=secret)

    def with_secret_stated(self) -> Self:
        """The same, with null for a secret of which nothing was said."""
        stating = self.model_copy(deep=True)
        part, _ = stating._parts().get(self.type, (None, ""))
        if part is not None:
            part.model_fields_set.add(_secret_field(part, self.type))
        return stating

    def _parts(self) -> dict[AuthType, tuple[_Part | None, str]]:
        return {
            AuthType.BASIC: (self.basic, METHODS[AuthType.BASIC].section),
            AuthType.OAUTH_CLIENT_CREDENTIALS: (
                self.oauth,
                METHODS[AuthType.OAUTH_CLIENT_CREDENTIALS].section,
            ),
            AuthType.API_KEY: (self.api_key, METHODS[AuthType.API_KEY].section),
        }


def _secret_field(part: _Part, auth_type: AuthType) -> str:
    """The name that the secret has in the model of its part."""
    alias = METHODS[auth_type].secret
    fields = type(part).model_fields.items()
    return next(name for name, info in fields if alias in (name, info.alias))
