"""`tieline openapi`: the documents of the APIs, without a database."""

from __future__ import annotations

import json

from tieline.app import openapi_pages
from tieline.cli.errors import UnknownSurface


def page(surface: str) -> str:
    """The OpenAPI document of an API as JSON text. Raises `UnknownSurface`."""
    pages = openapi_pages()
    name = surface.strip("/")
    if name not in pages:
        raise UnknownSurface(
            f"There is no API {surface!r}. Name one of: {', '.join(sorted(pages))}."
        )
    return json.dumps(pages[name], indent=2, ensure_ascii=False)
