"""Bearer keys: who calls, and whether the key's scopes allow it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.security import HTTPBearer
from starlette.types import Scope as AsgiScope

from tieline.audit.actor import Actor, ActorKind, begin_acting
from tieline.http.services import services
from tieline.identity.errors import MissingScope
from tieline.identity.models import CallerKind, Principal, Scope
from tieline.kit.errors import Unauthenticated

_SCHEME = "ApiKey"
SCOPE_EXTENSION = "x-required-scope"  # names an operation's scope on the API pages

_WITHOUT_SCOPE = {
    CallerKind.KEY: ("The API key", "Use a key that has it, or *."),
    CallerKind.USER: ("The user", "Ask an administrator for a role that holds it."),
    CallerKind.APPLICATION: ("The application", "Have its issuer put the scope into the token."),
}

_bearer = HTTPBearer(
    auto_error=False, scheme_name=_SCHEME, description="An API key: `Authorization: Bearer tl_...`"
)


async def authenticate(request: Request) -> Principal:
    """The caller of this request, counted against their limits; asks the key store only once.

    Raises `Unauthenticated`, `ApplicationSuspended`, `RateLimited` and `LoginThrottled`.
    """
    known: Principal | None = getattr(request.state, "principal", None)
    if known is not None:
        return known
    key = bearer_key(request.headers.get("authorization", ""))
    if key is None:
        raise Unauthenticated
    use = services(request)
    address = client_address(request.scope)
    principal = await use.identity.authenticate(key, address)
    request.state.principal = principal
    structlog.contextvars.bind_contextvars(org_id=principal.org_id, caller_id=principal.id)
    begin_acting(_actor(request, principal, address))
    request.state.allowance = await use.limiter.admit(principal)
    return principal


def _actor(request: Request, principal: Principal, address: str | None) -> Actor:
    return Actor(
        ActorKind(principal.kind),
        principal.actor_id,
        principal.name,
        source_ip=address,
        request_id=request.scope.get("tieline.request_id"),
    )


def client_address(scope: AsgiScope) -> str | None:
    """Where a call comes from: behind a proxy that is trusted, what the proxy says."""
    client = scope.get("client")
    return str(client[0]) if client else None


def bearer_key(authorization: str) -> str | None:
    """The key in the value of an `Authorization` header, or None when it carries none."""
    scheme, _, key = authorization.partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def require(scope: Scope) -> Callable[..., Awaitable[Principal]]:
    """A dependency that yields the caller if the key carries the scope."""

    async def caller(request: Request, _: object = Depends(_bearer)) -> Principal:
        return await permitted(request, scope)

    caller.required_scope = scope  # type: ignore[attr-defined]
    return caller


def secured(scope: Scope) -> dict[str, Any]:
    """What the page says of an operation that calls `permitted` itself."""
    return {"security": [{_SCHEME: []}], SCOPE_EXTENSION: scope.value}


def open_to_callers() -> dict[str, Any]:
    """What the page says of an operation that takes every valid caller, whatever their scopes."""
    return {"security": [{_SCHEME: []}]}


def required_scope(dependant: Dependant) -> Scope | None:
    """The scope that an operation's dependencies require, if any does."""
    for inner in dependant.dependencies:
        found: Scope | None = getattr(inner.call, "required_scope", None) or required_scope(inner)
        if found is not None:
            return found
    return None


async def permitted(request: Request, scope: Scope) -> Principal:
    """The caller of this request, whose key carries the scope.

    For a route on the hottest path: as a dependency this would cost a sixth of accepting an event.
    Its page then needs `secured`. Raises `Unauthenticated` and `MissingScope`.
    """
    principal = await authenticate(request)
    if not principal.may(scope):
        who, remedy = _WITHOUT_SCOPE[principal.kind]
        raise MissingScope(f"{who} {principal.name!r} lacks the scope {scope}. {remedy}")
    return principal
