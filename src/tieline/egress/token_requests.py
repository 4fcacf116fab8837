"""What an access token is asked for with, and the request that says so (RFC 6749)."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote, urlencode

from tieline.egress.models import Bounds, OutgoingRequest, first_header
from tieline.kit import json

_BOUNDS = Bounds(connect_seconds=5, total_seconds=15, max_response_bytes=100_000)
_FORM = "application/x-www-form-urlencoded"


class Grant(StrEnum):
    """How a token is asked for (sections 4.4 and 4.3)."""

    CLIENT_CREDENTIALS = "client_credentials"
    PASSWORD = "password"  # noqa: S105 - the name of a grant


class ClientAuthentication(StrEnum):
    """Where the client's id and secret stand in the request (section 2.3.1)."""

    BODY = "body"
    BASIC = "basic"


class ParameterPlace(StrEnum):
    """Where a parameter of one's own goes."""

    BODY = "body"
    QUERY = "query"
    HEADER = "header"


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a token endpoint wants besides the standard, or in place of it."""

    place: ParameterPlace
    name: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What a token is asked for with; every secret is resolved. Printed, it shows none of them.

    With the method GET what else would be the body goes into the query. `scope`, `audience` and
    `resource` are left out when None. A parameter of the body stands in place of a standard one of
    the same name. With a header `Content-Type: application/json` the body is JSON, else a form.
    """

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    grant: Grant = Grant.CLIENT_CREDENTIALS
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    scope: str | None = None
    audience: str | None = None
    resource: str | None = None
    method: str = "POST"
    authentication: ClientAuthentication = ClientAuthentication.BODY
    parameters: tuple[Parameter, ...] = ()
    through_proxy: bool = False

    def secrets(self) -> Iterator[str]:
        """Whatever must not be repeated anywhere, the longest first; not what is hardly a word."""
        values = [self.client_secret, self.password or "", *(p.value for p in self.parameters)]
        return iter(sorted((v for v in values if len(v) > 3), key=len, reverse=True))


def http_request(request: TokenRequest) -> OutgoingRequest:
    """The request that asks for the token. It follows no redirect: it carries credentials."""
    headers = [("Accept", "application/json")]
    if request.authentication is ClientAuthentication.BASIC:
        headers.append(("Authorization", _basic(request)))
    headers += [(p.name, p.value) for p in _of(request, ParameterPlace.HEADER)]
    query = [(p.name, p.value) for p in _of(request, ParameterPlace.QUERY)]
    fields = _fields(request)
    body = b""
    if request.method.upper() == "GET":
        query += fields.items()
    else:
        kind = first_header(headers, "content-type")
        if kind is None:
            headers.append(("Content-Type", _FORM))
        is_json = kind is not None and "json" in kind.lower()
        body = json.dumps(fields) if is_json else _encoded([*fields.items()])
    return OutgoingRequest(
        request.method.upper(),
        _with_query(request.url, query),
        headers,
        body,
        _BOUNDS,
        request.through_proxy,
    )


def _fields(request: TokenRequest) -> dict[str, str]:
    fields: dict[str, str | None] = {"grant_type": request.grant.value}
    if request.authentication is ClientAuthentication.BODY:
        fields |= {"client_id": request.client_id, "client_secret": request.client_secret}
    if request.grant is Grant.PASSWORD:
        fields |= {"username": request.username, "password": request.password}
    fields |= {"scope": request.scope, "audience": request.audience, "resource": request.resource}
    fields |= {p.name: p.value for p in _of(request, ParameterPlace.BODY)}
    return {name: value for name, value in fields.items() if value is not None}


def _of(request: TokenRequest, place: ParameterPlace) -> list[Parameter]:
    return [parameter for parameter in request.parameters if parameter.place is place]


def _basic(request: TokenRequest) -> str:
    pair = f"{quote(request.client_id, safe='')}:{quote(request.client_secret, safe='')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _encoded(pairs: list[tuple[str, str]]) -> bytes:
    return urlencode(pairs, errors="replace").encode()


def _with_query(url: str, pairs: list[tuple[str, str]]) -> str:
    if not pairs:
        return url
    address, _, _ = url.partition("#")
    joint = "&" if "?" in address else "?"
    return f"{address}{joint}{_encoded(pairs).decode()}"
