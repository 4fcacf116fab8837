"""What the API pages say of refusals: their body, and when each status is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field

_CODE = "Stable code; docs/errors.md has a paragraph on each."
_REQUEST_ID = "The id under which this request stands in the log."


class CodedError(BaseModel):
    """Why a request was refused."""

    code: str = Field(description=_CODE)
    message: str = Field(description="What is wrong and what to do next.")
    request_id: str = Field(description=_REQUEST_ID)


class StatusError(BaseModel):
    """Why a request was refused."""

    status: int | str
    error: str = Field(description="What is wrong and what to do next.")
    code: str = Field(description=_CODE)
    request_id: str = Field(description=_REQUEST_ID)


# Whatever an operation does, these can happen.
_ALWAYS = {
    400: "The request is not valid; the message names the field.",
    401: "No valid API key or token was sent.",
    403: "The caller lacks the scope for this call.",
    429: "There were too many requests; `Retry-After` says when to go on.",
}
_OFTEN = {
    404: "There is no such thing in this organisation.",
    409: "The change contradicts what is stored.",
    413: "The body is larger than the configured limit.",
    502: "Another server, which had to be asked, did not answer as it should.",
    422: "The request is well-formed but cannot be carried out.",
    503: "The place where secrets are kept does not answer.",
}


class Refusals:
    """The refusals of one surface, in its body; `reasons` are those with words of their own."""

    def __init__(self, body: type[BaseModel], reasons: Mapping[int, str] | None = None) -> None:
        self._body = body
        self._reasons = {**_ALWAYS, **_OFTEN, **(reasons or {})}

    def __call__(self, *statuses: int) -> dict[int | str, dict[str, Any]]:
        """The documentation of these refusals, and of those that can always happen."""
        wanted = sorted({*_ALWAYS, *statuses})
        return {
            status: {"model": self._body, "description": self._reasons[status]} for status in wanted
        }
