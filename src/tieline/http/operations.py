"""All operations of all APIs, with the scope that each requires, as the routes themselves say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from fastapi import APIRouter
from fastapi.routing import APIRoute

from tieline.http.auth import SCOPE_EXTENSION
from tieline.identity.access.errors import OperationNotFound
from tieline.identity.access.models import Operation
from tieline.identity.models import Scope
from tieline.kit.errors import InvalidInput


class Operations:
    """The operations of some surfaces, by their names and by their addresses."""

    def __init__(self, surfaces: Mapping[str, Sequence[APIRouter]]) -> None:
        self._routes = [
            (name, route)
            for name, routers in surfaces.items()
            for router in routers
            for route in router.routes
            if isinstance(route, APIRoute) and route.include_in_schema
        ]

    def __iter__(self) -> Iterator[Operation]:
        for surface, route in self._routes:
            for method in sorted(route.methods or ()):
                yield _operation(surface, route, method)

    def named(self, name: str) -> Operation:
        """The operation with that name (`operationId`).

        Raises `OperationNotFound`, and `InvalidInput` when several APIs have one of that name.
        """
        found = [operation for operation in self if operation.name == name]
        if not found:
            raise OperationNotFound
        if len(found) > 1:
            places = ", ".join(f"{each.method} {each.path}" for each in found)
            raise InvalidInput(
                f"operation: several have that name. Ask by method and path: {places}."
            )
        return found[0]

    def at(self, method: str, address: str) -> Operation:
        """The operation that answers a method at a path. Raises `OperationNotFound`."""
        path = address.partition("?")[0]
        path = path.rstrip("/") if len(path) > 1 else path
        for surface, route in self._routes:
            inner = path.removeprefix(f"/{surface}")
            if inner == path or method.upper() not in (route.methods or ()):
                continue
            if route.path_regex.match(inner):
                return _operation(surface, route, method.upper())
        raise OperationNotFound


def _operation(surface: str, route: APIRoute, method: str) -> Operation:
    extra = route.openapi_extra or {}
    scope = extra.get(SCOPE_EXTENSION)
    return Operation(
        name=route.operation_id or route.name,
        method=method,
        path=f"/{surface}{route.path_format}",
        scope=None if scope is None else Scope(scope),
        public=scope is None and "security" not in extra,
    )
