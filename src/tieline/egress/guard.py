"""Opens connections, and only to addresses that may be reached.

The seam is the network backend of httpcore: whatever asks for a connection asks here. A name is
resolved once, its addresses are checked, and it is one of the checked addresses that is connected
to. TLS and `Host` still go by the name, since httpcore takes both from the request.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from ipaddress import ip_address

import httpcore
import structlog
from httpcore import AsyncNetworkBackend, AsyncNetworkStream, ConnectError, ConnectTimeout

from tieline.egress.addresses import Address, why_refused
from tieline.egress.allowances import AllowList
from tieline.egress.errors import AddressRefused
from tieline.egress.resolving import Resolver

log = structlog.get_logger(__name__)

_MOST_ADDRESSES = 4  # of one name that are tried


class GuardedNetwork(AsyncNetworkBackend):
    """The network as requests may see it."""

    def __init__(self, allowed: AllowList, resolver: Resolver) -> None:
        self._allowed = allowed
        self._resolver = resolver
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """A connection to a permitted address of the host, the first that accepts one.

        Raises `AddressRefused`, `NameUnknown`, `ConnectError` and `ConnectTimeout`.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            async with asyncio.timeout(timeout):
                addresses = (await self._permitted(host, port))[:_MOST_ADDRESSES]
        except TimeoutError:
            raise ConnectTimeout from None
        failure: Exception = ConnectError()
        for tried, address in enumerate(addresses):
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            share = None if left is None else left / (len(addresses) - tried)
            try:
                return await self._network.connect_tcp(
                    str(address), port, share, local_address, socket_options
                )
            except (ConnectError, ConnectTimeout) as error:
                failure = error
        raise failure

    async def _permitted(self, host: str, port: int) -> list[Address]:
        addresses = await self._addresses(host, port)
        if self._allowed.permits_host(host, port):
            return addresses
        refused = None
        permitted = []
        for address in addresses:
            reason = why_refused(address)
            if reason is None or self._allowed.permits_address(address, port):
                permitted.append(address)
            else:
                refused = reason
        if not permitted and refused:
            # Which address a name has inside is for the operator to know, not for the caller.
            log.warning("egress.refused", host=host, port=port, addresses=list(map(str, addresses)))
            raise AddressRefused(
                f"No request is sent to {host}:{port}: it is {refused}. If it is meant to be "
                "reached, the operator names it in TIELINE_EGRESS_ALLOW."
            )
        return permitted

    async def _addresses(self, host: str, port: int) -> list[Address]:
        try:
            return [ip_address(host)]
        except ValueError:
            return await self._resolver.resolve(host, port)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """No request goes to a socket of this machine. Raises `AddressRefused`."""
        raise AddressRefused

    async def sleep(self, seconds: float) -> None:
        """Wait, as httpcore does between attempts."""
        await asyncio.sleep(seconds)
