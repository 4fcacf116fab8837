"""Sends requests to other servers: the only part of Tieline that does."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Protocol

import structlog

from tieline.egress import metrics
from tieline.egress.allowances import NOTHING, AllowList
from tieline.egress.connecting import Connector, Destination
from tieline.egress.errors import EgressError, ProxyMissing
from tieline.egress.exchanges import StreamedAnswer, too_late
from tieline.egress.forward_proxy import ForwardProxy
from tieline.egress.guard import check_named_to_proxy
from tieline.egress.heads import check, head_of
from tieline.egress.lookups import Lookups
from tieline.egress.models import Answer, OutgoingRequest
from tieline.egress.pool import Pool
from tieline.egress.redirects import redirected
from tieline.egress.resolving import Resolver, SystemResolver
from tieline.egress.targets import Target
from tieline.egress.trust import trust

log = structlog.get_logger(__name__)


class OrganisationAllowances(Protocol):
    """What knows which hosts inside an organisation may reach."""

    async def of(self, org_id: str) -> AllowList:
        """What the operator allows the organisation besides public addresses."""
        ...


class EgressClient:
    """A guarded HTTP/1.1 client: what others may name as an address cannot be used against us.

    It connects to public addresses only, besides what `allowed` names and what the organisation is
    allowed on whose behalf it is sent, and to exactly the address that it checked. It takes no
    proxy from the environment, keeps no cookies, and bounds times and sizes. Connections are kept
    open for a while and used again, for the same organisation. A request is written once: what a
    server sees of one call is one request, or one for each redirect that is followed.
    """

    def __init__(
        self,
        allowed: AllowList = NOTHING,
        *,
        ca_file: Path | None = None,
        resolver: Resolver | None = None,
        proxy: ForwardProxy | None = None,
        organisations: OrganisationAllowances | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` counts the seconds for which connections are idle."""
        self._allowed = allowed
        self._organisations = organisations
        self._has_proxy = proxy is not None
        self._lookups = Lookups(resolver or SystemResolver())
        self._pool = Pool(Connector(self._lookups, trust(ca_file), proxy), clock)

    async def send(
        self,
        request: OutgoingRequest,
        *,
        org_id: str | None = None,
        also_allowed: AllowList = NOTHING,
    ) -> Answer:
        """What the server answers, with whatever status; only a failed exchange is an error.

        The bytes of `request` go out as they are, so that sending it again sends the same. With
        `bounds.max_redirects` redirects are followed and each is checked like the first address;
        headers that could be credentials do not go to another origin, a body neither, and nothing
        goes from https to http.

        `org_id` is the organisation on whose behalf it is sent. `also_allowed` names origins that
        may be reached by this call although they are not public, such as an issuer that the
        operator has configured. Never make it of a tenant's words.

        Raises the classes of `tieline.egress.errors`, each with a code that stays. None of their
        messages repeats path, query, headers or body.
        """
        async with self._exchange(request, org_id, also_allowed) as (answer, started):
            body = await answer.read()
            return Answer(
                answer.status,
                answer.headers,
                body,
                answer.url,
                answer.address,
                time.monotonic() - started,
            )

    @contextlib.asynccontextmanager
    async def stream(
        self,
        request: OutgoingRequest,
        *,
        org_id: str | None = None,
        also_allowed: AllowList = NOTHING,
    ) -> AsyncIterator[StreamedAnswer]:
        """Like `send`, but the body is taken in pieces, while it arrives.

            async with egress.stream(request, org_id=org_id) as answer:
                async for piece in answer.pieces():
                    ...

        All bounds hold: a body that becomes too large, or takes too long, ends with the error that
        says so. Whoever leaves early, or reads too slowly, has the connection closed.
        """
        async with self._exchange(request, org_id, also_allowed) as (answer, started):
            left = started + request.bounds.total_seconds - time.monotonic()
            timer = asyncio.get_running_loop().call_later(left, answer.expire)
            try:
                yield answer
            finally:
                timer.cancel()

    async def close(self) -> None:
        """Close all connections."""
        self._pool.close()
        await self._lookups.close()

    @contextlib.asynccontextmanager
    async def _exchange(
        self, request: OutgoingRequest, org_id: str | None, also_allowed: AllowList
    ) -> AsyncIterator[tuple[StreamedAnswer, float]]:
        started = time.monotonic()
        answer: StreamedAnswer | None = None
        target: Target | None = None
        outcome = "answered"
        try:
            target = Target.parse(request.url)
            check(request)
            allowed = self._allowed | also_allowed
            if org_id is not None and self._organisations is not None:
                allowed |= await self._organisations.of(org_id)
            answer = await self._answer_to(request, target, org_id, allowed, started)
            yield answer, started
            if answer.failure is not None:
                outcome = answer.failure.code
        except EgressError as error:
            outcome = error.code
            raise
        finally:
            if answer is not None:
                answer.release()
            _note(request, target, answer, outcome, time.monotonic() - started)

    async def _answer_to(
        self,
        request: OutgoingRequest,
        target: Target,
        org_id: str | None,
        allowed: AllowList,
        started: float,
    ) -> StreamedAnswer:
        """The answer, as soon as its headers are there; that of the last redirect."""
        seconds = request.bounds.total_seconds
        followed = 0
        try:
            async with asyncio.timeout(seconds):
                while True:
                    answer = await self._once(request, target, org_id, allowed, started)
                    if not request.bounds.max_redirects:
                        return answer
                    try:
                        onward = redirected(request, target, answer, followed)
                    except EgressError:
                        answer.release()
                        raise
                    if onward is None:
                        return answer
                    answer.release()
                    request, target = onward
                    followed += 1
        except TimeoutError:
            raise too_late(target.place, seconds) from None

    async def _once(
        self,
        request: OutgoingRequest,
        target: Target,
        org_id: str | None,
        allowed: AllowList,
        started: float,
    ) -> StreamedAnswer:
        proxied = request.through_proxy
        if proxied:
            if not self._has_proxy:
                raise ProxyMissing
            check_named_to_proxy(target.host, target.port, allowed)
        to = Destination(org_id, target.url.scheme, target.host, target.port, proxied)
        bounds = request.bounds
        connection = await self._pool.acquire(target, to, allowed, bounds.connect_seconds)
        try:
            incoming = connection.write(request.method, head_of(request, target), request.body)
            await connection.until_ready(incoming)
        except BaseException:
            connection.abort()
            self._pool.release(connection, None)
            raise
        deadline = started + bounds.total_seconds
        return StreamedAnswer(connection, incoming, self._pool, target, bounds, deadline)


def _note(
    request: OutgoingRequest,
    target: Target | None,
    answer: StreamedAnswer | None,
    outcome: str,
    seconds: float,
) -> None:
    """Count the request and log it, without what may hold secrets: its path, query and headers."""
    metrics.REQUESTS.labels(outcome).inc()
    metrics.SECONDS.observe(seconds)
    tell = log.debug if outcome == "answered" else log.info
    tell(
        "egress.request",
        method=request.method,
        place=None if target is None else target.place,
        outcome=outcome,
        status=None if answer is None else answer.status,
        seconds=round(seconds, 3),
    )
