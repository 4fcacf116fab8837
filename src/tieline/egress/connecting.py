"""Opens connections, and only to addresses that may be reached."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass

from tieline.egress.addresses import Address
from tieline.egress.allowances import AllowList
from tieline.egress.connection import Connection
from tieline.egress.errors import ProxyMissing, TimedOut, TlsFailed, Unreachable
from tieline.egress.forward_proxy import ForwardProxy
from tieline.egress.guard import permitted
from tieline.egress.lookups import Lookups
from tieline.egress.targets import Target
from tieline.egress.trust import tls_failure

_MOST_ADDRESSES = 4  # of one name that are tried


@dataclass(frozen=True, slots=True)
class Destination:
    """Where connections lead that stand in for each other.

    Organisations share none: what a server makes of one's request must not reach another's answer.
    """

    org_id: str | None
    scheme: str
    host: str
    port: int
    through_proxy: bool


class Connector:
    """Connects to servers, by the addresses that were checked, or through the forward proxy."""

    def __init__(
        self, lookups: Lookups, trusted: ssl.SSLContext, proxy: ForwardProxy | None
    ) -> None:
        self._lookups = lookups
        self._trusted = trusted
        self._proxy = proxy

    async def connect(
        self, target: Target, to: Destination, allowed: AllowList, seconds: float
    ) -> Connection:
        """A connection that is ready for a request. `seconds` is for each step of the way.

        Raises `AddressRefused`, `NameUnknown`, `Unreachable`, `TlsFailed`, `TimedOut` and
        `ProxyFailed`.
        """
        if to.through_proxy:
            connection = await self._tunnel(target, seconds)
        else:
            connection = await self._direct(target, to, allowed, seconds)
        try:
            if to.scheme == "https":
                await self._secure(connection, target, seconds)
        except BaseException:
            connection.abort()
            raise
        return connection

    async def _direct(
        self, target: Target, to: Destination, allowed: AllowList, seconds: float
    ) -> Connection:
        async with _within(seconds, target.place):
            found = await self._lookups.addresses(to.host, to.port, to.org_id)
            addresses = permitted(to.host, to.port, found, allowed)
            return await _first(addresses, target, seconds)

    async def _tunnel(self, target: Target, seconds: float) -> Connection:
        proxy = self._proxy
        if proxy is None:
            raise ProxyMissing
        async with _within(seconds, f"The forward proxy {proxy.place}"):
            found = await self._lookups.addresses(proxy.target.host, proxy.target.port, None)
            connection = await _first(found, proxy.target, seconds)
        try:
            if proxy.target.url.scheme == "https":
                await self._secure(connection, proxy.target, seconds)
            async with _within(seconds, f"The tunnel to {target.place}"):
                await proxy.open_tunnel(connection, target)
        except BaseException:
            connection.abort()
            raise
        return connection

    async def _secure(self, connection: Connection, target: Target, seconds: float) -> None:
        try:
            async with _within(seconds, target.place):
                await connection.secure(self._trusted, target.host.removesuffix("."))
        except ssl.SSLError as error:
            raise tls_failure(target.place, error) from None
        except OSError:
            raise TlsFailed(
                f"{target.place} broke the connection before it was secure. Check that it takes "
                "https on this port, with TLS 1.2 or newer."
            ) from None


async def _first(addresses: list[Address], target: Target, seconds: float) -> Connection:
    """A connection to the first of the addresses that accepts one, in their order."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    tried = addresses[:_MOST_ADDRESSES]
    for number, address in enumerate(tried):
        share = (deadline - loop.time()) / (len(tried) - number)
        with contextlib.suppress(OSError):  # a TimeoutError is one
            async with asyncio.timeout(share):
                _, connection = await loop.create_connection(
                    lambda: Connection(target.place), str(address), target.port
                )
                return connection
    if loop.time() >= deadline:
        raise TimeoutError
    raise Unreachable(f"{target.place} does not accept the connection. Check that it runs.")


@contextlib.asynccontextmanager
async def _within(seconds: float, who: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise TimedOut(
            f"{who} did not accept a connection within {seconds:g} seconds. Check that it runs and "
            "that no firewall is in between."
        ) from None
