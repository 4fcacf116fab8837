"""Bearer keys: who calls, and whether the key's scopes allow it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from tieline.http.services import services
from tieline.identity.errors import MissingScope
from tieline.identity.models import Principal, Scope
from tieline.kit.errors import Unauthenticated

_SCHEME = "ApiKey"
SECURITY: dict[str, Any] = {"security": [{_SCHEME: []}]}

_bearer = HTTPBearer(
    auto_error=False, scheme_name=_SCHEME, description="An API key: `Authorization: Bearer tl_...`"
)


async def authenticate(request: Request) -> Principal:
    """The caller of this request. Raises `Unauthenticated`; asks the key store only once."""
    known: Principal | None = getattr(request.state, "principal", None)
    if known is not None:
        return known
    key = bearer_key(request.headers.get("authorization", ""))
    if key is None:
        raise Unauthenticated
    principal = await services(request).identity.authenticate(key)
    request.state.principal = principal
    structlog.contextvars.bind_contextvars(org_id=principal.org_id, key_id=principal.key_id)
    return principal


def bearer_key(authorization: str) -> str | None:
    """The key in the value of an `Authorization` header, or None when it carries none."""
    scheme, _, key = authorization.partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def require(scope: Scope) -> Callable[..., Awaitable[Principal]]:
    """A dependency that yields the caller if the key carries the scope."""

    async def caller(request: Request, _: object = Depends(_bearer)) -> Principal:
        return await permitted(request, scope)

    return caller


async def permitted(request: Request, scope: Scope) -> Principal:
    """The caller of this request, whose key carries the scope.

    For a route on the hottest path: as a dependency this would cost a sixth of accepting an event.
    Its page then needs `SECURITY`. Raises `Unauthenticated` and `MissingScope`.
    """
    principal = await authenticate(request)
    if not principal.may(scope):
        raise MissingScope(
            f"The API key {principal.name!r} lacks the scope {scope}. Use a key that has it, or *."
        )
    return principal
