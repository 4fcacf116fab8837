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


class OnceResponse(JsonResponse):
    """An object with a secret in it, which is shown this once and stored nowhere.

    `without` are the members that hold the secret, and what stands there in `repeatable`, with
    which a repetition of the request is answered.
    """

    def __init__(
        self, content: Mapping[str, Any], without: Mapping[str, Any], status: int = 200
    ) -> None:
        super().__init__(content, status, {"cache-control": "no-store"})
        self.repeatable = json.dumps({**content, **without})


def reply(
    content: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> JsonResponse:
    """A JSON response."""
    return JsonResponse(content, status_code=status, headers=dict(headers) if headers else None)
