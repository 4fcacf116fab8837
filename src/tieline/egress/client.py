"""Sends requests to other servers: the only part of Tieline that does."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import certifi
import httpcore

from tieline import __version__
from tieline.egress import metrics
from tieline.egress.allowances import NOTHING, AllowList
from tieline.egress.bodies import BoundedContent
from tieline.egress.errors import (
    BrokenResponse,
    EgressError,
    RequestRefused,
    ResponseTooLarge,
    TimedOut,
    TlsFailed,
    Unreachable,
)
from tieline.egress.guard import GuardedNetwork
from tieline.egress.models import Answer, Headers, OutgoingRequest
from tieline.egress.redirects import redirected
from tieline.egress.resolving import Resolver, SystemResolver
from tieline.egress.targets import Target
from tieline.settings import InvalidSettings

_MOST_CONNECTIONS = 200
_MOST_IDLE = 50
_IDLE_SECONDS = 30.0
_LARGEST_HEADERS = 64_000
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_OF_PROXIES = frozenset({"CONNECT", "TRACE"})
# These describe the connection, which is not the caller's.
_OWN = frozenset(
    {
        *("host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade"),
        *("te", "trailer", "expect", "accept-encoding", "proxy-authorization", "proxy-connection"),
    }
)


class EgressClient:
    """A guarded HTTP/1.1 client: what others may name as an address cannot be used against us.

    It connects to public addresses only, besides what `allowed` names, and to exactly the address
    that it checked. It takes no proxy from the environment, keeps no cookies, and bounds times and
    sizes. Connections are kept open for a while and used again.
    """

    def __init__(
        self,
        allowed: AllowList = NOTHING,
        *,
        ca_file: Path | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        self._allowed = allowed
        self._trust = _trust(ca_file)
        self._resolver = resolver or SystemResolver()
        self._pool = self._new_pool(allowed, _MOST_IDLE)

    async def send(self, request: OutgoingRequest, *, also_allowed: AllowList = NOTHING) -> Answer:
        """What the server answers, with whatever status; only a failed exchange is an error.

        The bytes of `request` go out as they are, so that sending it again sends the same. With
        `bounds.max_redirects` redirects are followed and each is checked like the first address;
        headers that could be credentials do not go to another origin, a body neither, and nothing
        goes from https to http.

        `also_allowed` names origins that may be reached by this call although they are not public,
        such as an issuer that the operator has configured. Never make it of a tenant's words.

        Raises the classes of `tieline.egress.errors`, each with a code that stays. None of their
        messages repeats path, query, headers or body.
        """
        started = time.monotonic()
        outcome = "answered"
        try:
            target = Target.parse(request.url)
            _check(request)
            async with self._pool_for(also_allowed) as pool, _time_limit(request, target):
                return await self._exchange(pool, request, target, started)
        except EgressError as error:
            outcome = error.code
            raise
        finally:
            metrics.REQUESTS.labels(outcome).inc()
            metrics.SECONDS.observe(time.monotonic() - started)

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.aclose()
        self._resolver.close()

    async def _exchange(
        self,
        pool: httpcore.AsyncConnectionPool,
        request: OutgoingRequest,
        target: Target,
        started: float,
    ) -> Answer:
        followed = 0
        while True:
            answer = await _once(pool, request, target, started)
            if not request.bounds.max_redirects:
                return answer
            onward = redirected(request, target, answer, followed)
            if onward is None:
                return answer
            request, target = onward
            followed += 1

    @contextlib.asynccontextmanager
    async def _pool_for(self, also: AllowList) -> AsyncIterator[httpcore.AsyncConnectionPool]:
        if also == NOTHING:
            yield self._pool
            return
        # Of its own: a kept connection would let a later call in without having been checked.
        async with self._new_pool(self._allowed | also, 0) as pool:
            yield pool

    def _new_pool(self, allowed: AllowList, most_idle: int) -> httpcore.AsyncConnectionPool:
        return httpcore.AsyncConnectionPool(
            ssl_context=self._trust,
            max_connections=_MOST_CONNECTIONS,
            max_keepalive_connections=most_idle,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=GuardedNetwork(allowed, self._resolver),
        )


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    """Trust in the usual authorities, those of this machine, and those in the file."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            raise InvalidSettings(
                f"TIELINE_EGRESS_CA_FILE: {ca_file} cannot be used ({error}). Name a file with "
                "certificates in PEM form."
            ) from None
    return context


def _check(request: OutgoingRequest) -> None:
    if not _TOKEN.fullmatch(request.method) or request.method.upper() in _OF_PROXIES:
        raise RequestRefused("The method is none that a web server takes.")
    for name, value in request.headers:
        if not _TOKEN.fullmatch(name):
            raise RequestRefused(f"{name[:40]!r} is no name of a header.")
        if name.lower() in _OWN:
            raise RequestRefused(f"The header {name} cannot be set: it belongs to the connection.")
        if not _VALUE.fullmatch(value):
            raise RequestRefused(
                f"The header {name} holds a line break or another character that no header takes."
            )


@contextlib.asynccontextmanager
async def _time_limit(request: OutgoingRequest, target: Target) -> AsyncIterator[None]:
    seconds = request.bounds.total_seconds
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise TimedOut(
            f"{target.place} did not answer in full within {seconds:g} seconds. Try again, or "
            "allow more time."
        ) from None


async def _once(
    pool: httpcore.AsyncConnectionPool, request: OutgoingRequest, target: Target, started: float
) -> Answer:
    with _in_our_words(request, target):
        async with pool.stream(
            request.method,
            target.wire(),
            headers=_headers(request, target),
            content=request.body,
            extensions={"timeout": {"connect": request.bounds.connect_seconds}},
        ) as response:
            headers = _decoded(response.headers, target)
            encoding = ",".join(value for name, value in headers if name == "content-encoding")
            content = BoundedContent(encoding, request.bounds.max_response_bytes, target.place)
            async for chunk in response.aiter_stream():
                content.add(chunk)
            return Answer(
                response.status,
                headers,
                content.finish(),
                str(target.url),
                _address(response),
                time.monotonic() - started,
            )


def _headers(request: OutgoingRequest, target: Target) -> list[tuple[bytes, bytes]]:
    given = {name.lower() for name, _ in request.headers}
    headers = [("Host", target.authority), *request.headers, ("Accept-Encoding", "gzip, deflate")]
    if "user-agent" not in given:
        headers.append(("User-Agent", f"Tieline/{__version__}"))
    if request.body or request.method in ("POST", "PUT", "PATCH"):
        headers.append(("Content-Length", str(len(request.body))))
    return [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]


def _decoded(headers: list[tuple[bytes, bytes]], target: Target) -> Headers:
    if sum(len(name) + len(value) for name, value in headers) > _LARGEST_HEADERS:
        raise ResponseTooLarge(
            f"The headers of the answer of {target.place} have more than {_LARGEST_HEADERS:,} "
            "bytes."
        )
    return [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers]


def _address(response: httpcore.Response) -> str:
    place = response.extensions["network_stream"].get_extra_info("server_addr")
    return str(place[0])


@contextlib.contextmanager
def _in_our_words(request: OutgoingRequest, target: Target) -> Iterator[None]:
    place = target.place
    try:
        yield
    except httpcore.ConnectTimeout:
        raise TimedOut(
            f"{place} did not accept a connection within {request.bounds.connect_seconds:g} "
            "seconds. Check that it runs and that no firewall is in between."
        ) from None
    except httpcore.ConnectError as error:
        raise _not_connected(place, error) from None
    except (httpcore.NetworkError, ssl.SSLError):
        raise Unreachable(f"{place} broke the connection. Try again.") from None
    except httpcore.RemoteProtocolError:
        raise BrokenResponse(
            f"What {place} answers is no HTTP, or breaks off. Check that the port is that of a "
            "web server."
        ) from None
    except httpcore.LocalProtocolError:
        raise RequestRefused("The request is no valid HTTP. Check its headers.") from None


def _not_connected(place: str, error: Exception) -> EgressError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            reason = getattr(cause, "verify_message", "") or cause.reason or "no agreement"
            return TlsFailed(
                f"No trusted connection to {place}: {reason}. Renew its certificate, or name its "
                "authority in TIELINE_EGRESS_CA_FILE."
            )
        cause = cause.__cause__ or cause.__context__
    return Unreachable(f"{place} does not accept the connection. Check that it runs.")
