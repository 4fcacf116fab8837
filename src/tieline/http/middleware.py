"""What happens to every request: an id, a size limit, a trailing slash, metrics, log lines."""

from __future__ import annotations

import re
import time

import structlog
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tieline.audit.actor import SYSTEM, acting_as
from tieline.http import metrics
from tieline.http.access import AccessRecorder
from tieline.identity.limits.leases import Allowance
from tieline.kit.ids import new_ulid
from tieline.kit.time import utc_now

log = structlog.get_logger("tieline.http")

_GIVEN_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})


class Frame:
    """The outermost ASGI layer."""

    def __init__(self, app: ASGIApp, *, max_request_bytes: int, access: AccessRecorder) -> None:
        self._app = app
        self._access = access
        self._max_request_bytes = max_request_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        if len(path) > 1 and path.endswith("/"):
            scope["path"] = path.rstrip("/") or "/"
        request_id = _request_id(scope)
        scope["tieline.request_id"] = request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        # Here, so that what the inner layers put there is seen afterwards.
        scope.setdefault("state", {})
        at, started = utc_now(), time.perf_counter()
        status, length = 500, 0

        async def send_with_id(message: Message) -> None:
            nonlocal status, length
            if message["type"] == "http.response.body":
                length += len(message.get("body", b""))
            elif message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id.encode()),
                    *_limit_headers(scope),
                ]
            await send(message)

        try:
            with acting_as(SYSTEM):  # until somebody has shown who they are
                await self._app(scope, self._limited(scope, receive), send_with_id)
        finally:
            seconds = time.perf_counter() - started
            _record(scope, path, status, seconds)
            await self._access.record(scope, path, at, status, seconds, length)

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        limit = self._max_request_bytes
        too_large = f"The body is larger than {limit} bytes (TIELINE_MAX_REQUEST_BYTES)."
        received = 0

        async def limited() -> Message:
            nonlocal received
            if received == 0 and _declared_length(scope) > limit:
                raise HTTPException(413, too_large)
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(413, too_large)
            return message

        return limited


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            given: str = value.decode("latin-1")
            if _GIVEN_ID.fullmatch(given):
                return given
    return new_ulid()


def _limit_headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    """How the caller's limit stands, for callers that have one."""
    allowance: Allowance | None = scope["state"].get("allowance")
    if allowance is None:
        return []
    return [
        (b"x-ratelimit-limit", b"%d" % allowance.limit),
        (b"x-ratelimit-remaining", b"%d" % allowance.remaining),
        (b"x-ratelimit-reset", b"%d" % allowance.reset_seconds),
    ]


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def _record(scope: Scope, path: str, status: int, seconds: float) -> None:
    surface = metrics.surface_of(path)
    metrics.REQUESTS.labels(surface, scope["method"], str(status)).inc()
    metrics.REQUEST_SECONDS.labels(surface).observe(seconds)
    if path not in _QUIET:
        log.debug(
            "request",
            method=scope["method"],
            path=path,
            status=status,
            milliseconds=round(seconds * 1000, 1),
        )
