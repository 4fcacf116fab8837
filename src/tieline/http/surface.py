"""A surface: one base path with its own OpenAPI page and its own error body."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi_offline import FastAPIOffline

from tieline import __version__
from tieline.http.errors import ErrorBody, install_error_handlers
from tieline.http.responses import JsonResponse


def new_surface(
    *,
    title: str,
    description: str,
    error_body: ErrorBody,
    routers: Sequence[APIRouter],
) -> FastAPI:
    """A sub-application. Its page is at `docs`, the page as JSON at `openapi.json`."""
    # The viewer of the page comes with the package: it must work in a network that is closed, and
    # a page into which people type keys must not run a third party's scripts.
    app = FastAPIOffline(
        redoc_url=None,
        title=title,
        description=description,
        version=__version__,
        default_response_class=JsonResponse,
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    app.state.routers = tuple(routers)
    for router in routers:
        app.include_router(router)
    install_error_handlers(app, error_body)
    app.openapi = lambda: _true_page(app)  # type: ignore[method-assign]
    return app


def _true_page(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI page, without the 422 that the framework notes where 400 is answered."""
    page = FastAPI.openapi(app)
    for operations in page["paths"].values():
        for operation in operations.values():
            invalid = operation["responses"].get("422", {}).get("content", {})
            if "HTTPValidationError" in str(invalid):
                del operation["responses"]["422"]
    for unused in ("HTTPValidationError", "ValidationError"):
        page.get("components", {}).get("schemas", {}).pop(unused, None)
    return page
