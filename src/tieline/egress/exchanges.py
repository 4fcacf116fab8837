"""An answer whose body is still on its way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from tieline.egress.answers import IncomingAnswer
from tieline.egress.bodies import BoundedContent
from tieline.egress.connection import Connection
from tieline.egress.errors import EgressError, TimedOut
from tieline.egress.models import Bounds, Headers, first_header
from tieline.egress.pool import Pool
from tieline.egress.targets import Target


class StreamedAnswer:
    """What a server answers, whatever its status: the headers first, then the body in pieces.

    `url` is the address that answers, which after redirects is another than that of the request;
    `address` the IP address that it is at, or that of the forward proxy.
    """

    def __init__(
        self,
        connection: Connection,
        incoming: IncomingAnswer,
        pool: Pool,
        target: Target,
        bounds: Bounds,
        deadline: float,
    ) -> None:
        self.status = incoming.status
        self.headers: Headers = incoming.headers
        self.url = str(target.url)
        self.address = str(connection.address)
        self._connection = connection
        self._incoming = incoming
        self._pool = pool
        self._place = target.place
        self._bounds = bounds
        self._deadline = deadline  # by time.monotonic()
        self._failure: EgressError | None = None
        self._released = False

    def header(self, name: str) -> str | None:
        """The value of the first header of that name, in whatever case, or None."""
        return first_header(self.headers, name)

    @property
    def failure(self) -> EgressError | None:
        """Why the body could not be read to its end, if that was so."""
        return self._failure

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body, decompressed, in pieces of up to 256 KiB. Only once.

        Raises `ResponseTooLarge`, `BrokenResponse`, `Unreachable` and `TimedOut`. What came before
        that is then not the whole body.
        """
        try:
            content = self._content()
            while True:
                chunk = await self._next()
                if chunk is None:
                    break
                for piece in content.pieces(chunk):
                    yield piece
            content.finish()
        except EgressError as error:
            self._failure = error
            raise

    async def read(self) -> bytes:
        """The whole body. Raises what `pieces` raises."""
        return b"".join([piece async for piece in self.pieces()])

    def expire(self) -> None:
        """The time is over: let the server go, even if nobody reads on."""
        if not self._incoming.complete:
            self._connection.abort(self._too_late())

    def release(self) -> None:
        """Give the connection back; it serves others only if the answer was taken to its end."""
        if not self._released:
            self._released = True
            self._pool.release(self._connection, self.header("keep-alive"))

    def _content(self) -> BoundedContent:
        encoding = ",".join(v for name, v in self.headers if name == "content-encoding")
        content = BoundedContent(encoding, self._bounds.max_response_bytes, self._place)
        if (self._incoming.declared_bytes or 0) > self._bounds.max_response_bytes:
            raise content.too_large()
        return content

    async def _next(self) -> bytes | None:
        if self._incoming.pieces:
            return self._incoming.take()
        if self._incoming.complete:
            return None
        left = self._deadline - time.monotonic()
        silence = self._bounds.idle_seconds
        try:
            async with asyncio.timeout(left if silence is None else min(left, silence)):
                return await self._connection.piece(self._incoming)
        except TimeoutError:
            if silence is not None and silence < left:
                raise TimedOut(
                    f"{self._place} sent nothing more for {silence:g} seconds. Try again."
                ) from None
            raise self._too_late() from None

    def _too_late(self) -> TimedOut:
        return too_late(self._place, self._bounds.total_seconds)


def too_late(place: str, seconds: float) -> TimedOut:
    """What to raise of an exchange that took longer than it may."""
    return TimedOut(
        f"{place} did not answer in full within {seconds:g} seconds. Try again, or allow more time."
    )
