"""Responses whose JSON keeps every digit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi.responses import JSONResponse

from tieline.kit import json


class JsonResponse(JSONResponse):
    """JSON by `tieline.kit.json`: exact numbers, compact, fast."""

    def render(self, content: Any) -> bytes:
        """The body's bytes."""
        return json.dumps(content)


def reply(
    content: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> JsonResponse:
    """A JSON response."""
    return JsonResponse(content, status_code=status, headers=dict(headers) if headers else None)
