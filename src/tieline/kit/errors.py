"""The root of all errors that a caller may see.

    TielineError            something the caller can read, with a stable code and an HTTP status
    ├── InvalidInput        400  what was sent cannot be used; names the field
    ├── Unauthenticated     401  no usable credentials
    ├── Forbidden           403  credentials without the needed scope
    ├── NotFound            404  absent, or another organisation's
    ├── Conflict            409  contradicts what is stored
    ├── TooLarge            413  over a documented limit
    ├── Unprocessable       422  well-formed, but cannot be carried out
    ├── TooManyRequests     429  over a rate limit; says when to come back
    └── Unavailable         503  try again later

The docstring of a class is its default message and says what to do next. Every code has its
paragraph in `docs/errors.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class TielineError(Exception):
    """Something went wrong. Try again, and look up the request id in the server's log."""

    code: ClassVar[str] = "INTERNAL_ERROR"
    http_status: ClassVar[int] = 500

    def __init__(self, message: str | None = None, **details: Any) -> None:
        self.message = message or " ".join((type(self).__doc__ or "").split())
        self.details: Mapping[str, Any] = details
        super().__init__(self.message)


class InvalidInput(TielineError):
    """The request is not valid. Correct the named field and send it again."""

    code = "INVALID_REQUEST"
    http_status = 400


class Unauthenticated(TielineError):
    """No API key or token was sent. Send the header `Authorization: Bearer tl_...`."""

    code = "UNAUTHORIZED"
    http_status = 401


class Forbidden(TielineError):
    """The API key lacks the scope for this call. Use a key that has it."""

    code = "FORBIDDEN"
    http_status = 403


class NotFound(TielineError):
    """There is no such thing in this organisation. Check the id."""

    code = "NOT_FOUND"
    http_status = 404


class Conflict(TielineError):
    """The change contradicts what is stored. Read the current state and try again."""

    code = "CONFLICT"
    http_status = 409


class TooLarge(TielineError):
    """The request is larger than the configured limit. Send less at once."""

    code = "TOO_LARGE"
    http_status = 413


class Unprocessable(TielineError):
    """The request is well-formed but cannot be carried out."""

    code = "UNPROCESSABLE"
    http_status = 422


class TooManyRequests(TielineError):
    """Too many requests. Wait for the seconds that the header Retry-After names."""

    code = "TOO_MANY_REQUESTS"
    http_status = 429

    def __init__(self, message: str | None = None, *, retry_after: int = 1, **details: Any) -> None:
        super().__init__(message, **details)
        self.retry_after = retry_after


class Unavailable(TielineError):
    """A service that Tieline needs does not answer. Try again in a moment."""

    code = "UNAVAILABLE"
    http_status = 503
