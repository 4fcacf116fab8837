"""One connection to one server: TCP, TLS over it, and one request at a time."""

from __future__ import annotations

import asyncio
import select
import ssl
from ipaddress import ip_address
from typing import cast

from tieline.egress.addresses import Address
from tieline.egress.answers import IncomingAnswer
from tieline.egress.errors import EgressError, Unreachable
from tieline.egress.trust import tls_failure

_MOST_UNREAD = 256_000  # bytes of a body that nobody has taken yet
_WRITTEN_TOGETHER = 64_000
_SHORTEST_IDLE = 4.0  # below the five seconds after which many servers hang up without a word
_LONGEST_IDLE = 30.0
_MARGIN = 1.0
_SECONDS_TO_PART = 2.0  # for the end of TLS, before the connection is cut


class Connection(asyncio.Protocol):
    """A connection that is open, or was.

    A request is written as a whole, once: it is never repeated on another connection, so that what
    a server sees of a request is at most one. What makes that bearable is that a connection which
    the server has closed meanwhile is recognised before anything is written.
    """

    def __init__(self, place: str) -> None:
        self.address: Address = ip_address(0)
        self._place = place
        self._rests_until = 0.0
        self._transport: asyncio.Transport | None = None
        self._answer: IncomingAnswer | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._failure: EgressError | None = None
        self._paused = False
        self._open = False

    # --- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TCP is there."""
        self._transport = cast(asyncio.Transport, transport)
        self.address = ip_address(str(transport.get_extra_info("peername")[0]))
        self._open = True

    def data_received(self, data: bytes) -> None:
        """Bytes have arrived."""
        answer = self._answer
        if answer is None or answer.complete:
            self.abort()  # whoever speaks without being asked is not asked again
            return
        try:
            answer.feed(data)
        except EgressError as error:
            self.abort(error)
            return
        if not answer.complete and answer.unread_bytes > _MOST_UNREAD:
            self._pause()
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection has ended, by the other side, by a failure or by ourselves."""
        self._open = False
        answer = self._answer
        if answer is not None and self._failure is None and not answer.complete:
            self._failure = self._failure_of(answer, error)
        self._wake()

    # --- before the first request

    async def secure(self, context: ssl.SSLContext, name: str) -> None:
        """Go on with TLS, to the server of this name. Raises `OSError` and `ssl.SSLError`."""
        loop = asyncio.get_running_loop()
        assert self._transport is not None
        self._answer = None
        secured = await loop.start_tls(
            self._transport,
            self,
            context,
            server_hostname=name,
            ssl_shutdown_timeout=_SECONDS_TO_PART,
        )
        if secured is None or not self._open:
            raise ConnectionResetError
        self._transport = secured

    # --- one exchange

    def write(self, method: str, head: bytes, body: bytes) -> IncomingAnswer:
        """Send a request; what it is answered fills what comes back."""
        assert self._transport is not None
        self._answer = answer = IncomingAnswer(method, self._place)
        self._failure = None
        if len(body) > _WRITTEN_TOGETHER:
            self._transport.writelines([head, body])
        else:
            self._transport.write(head + body)
        if not self._open:
            self._failure = self._failure_of(answer, None)
        return answer

    async def until_ready(self, answer: IncomingAnswer) -> None:
        """Return once status and headers of the answer are there. Raises `EgressError`."""
        while not answer.ready:
            if self._failure is not None:
                raise self._failure
            await self._wait()

    async def piece(self, answer: IncomingAnswer) -> bytes | None:
        """More of the body, as it is on the wire; None at its end. Raises `EgressError`."""
        while not answer.pieces:
            if self._failure is not None:
                raise self._failure
            if answer.complete:
                return None
            self._resume()
            await self._wait()
        return answer.take()

    # --- between exchanges

    @property
    def finished(self) -> bool:
        """Whether the exchange is over, and has not failed."""
        return self._failure is None and self._answer is not None and self._answer.complete

    @property
    def reusable(self) -> bool:
        """Whether another exchange may follow the one that is over."""
        return (
            self._open
            and self._failure is None
            and self._answer is not None
            and self._answer.reusable
            and self._transport is not None
            and not self._transport.is_closing()
            and not self._transport.get_write_buffer_size()
        )

    def rest(self, now: float, keep_alive: str | None) -> None:
        """Begin to wait for another request. `keep_alive` is the server's header of that name."""
        self._rests_until = now + _idle_limit(keep_alive)
        self._answer = None
        self._resume()

    def is_stale(self, now: float) -> bool:
        """Whether the server may be about to close the connection, or has."""
        return not self._open or now >= self._rests_until

    @property
    def quiet(self) -> bool:
        """Whether nothing has arrived that the event loop has not seen yet, such as its end."""
        if not self._open or self._transport is None or self._transport.is_closing():
            return False
        socket = self._transport.get_extra_info("socket")
        poll = select.poll()
        poll.register(socket.fileno(), select.POLLIN)
        return not poll.poll(0)

    def hang_up(self) -> None:
        """Close as one does after an exchange, or between two."""
        self._open = False
        if self._transport is not None:
            self._transport.close()

    def abort(self, reason: EgressError | None = None) -> None:
        """Close at once, whatever is under way; who waits for it is told the reason."""
        self._open = False
        # A body may be one that ends with its connection, but not in this way.
        if self._failure is None and not self.finished:
            self._failure = reason or Unreachable(f"The connection to {self._place} was given up.")
        if self._transport is not None:
            self._transport.abort()
        self._wake()

    # ---

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _failure_of(self, answer: IncomingAnswer, error: Exception | None) -> EgressError | None:
        if isinstance(error, ssl.SSLError):
            return tls_failure(self._place, error)
        if error is not None and not answer.ready:
            return Unreachable(f"{self._place} broke the connection. Try again.")
        try:
            answer.end(broken=error is not None)
        except EgressError as early:
            return early
        return None

    def _pause(self) -> None:
        if not self._paused and self._transport is not None:
            self._transport.pause_reading()
            self._paused = True

    def _resume(self) -> None:
        if self._paused and self._transport is not None:
            self._paused = False
            if self._open:
                self._transport.resume_reading()


def _idle_limit(keep_alive: str | None) -> float:
    for part in (keep_alive or "").split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() == "timeout" and value.isdecimal() and len(value) < 9:
            return min(max(0.0, int(value) - _MARGIN), _LONGEST_IDLE)
    return _SHORTEST_IDLE
