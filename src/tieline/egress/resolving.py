"""Names to addresses."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Protocol

from tieline.egress.addresses import Address
from tieline.egress.errors import NameUnknown

_THREADS = 64


class Resolver(Protocol):
    """What knows the addresses of a host."""

    async def resolve(self, host: str, port: int) -> list[Address]:
        """The addresses of a host, best first. Raises `NameUnknown`."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


class SystemResolver:
    """Asks the machine's own resolver.

    In threads of its own: a name server that does not answer keeps a thread for half a minute, and
    must not hold up what else runs in threads. `Lookups` sees to it that no organisation has all.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="tieline-resolver")

    async def resolve(self, host: str, port: int) -> list[Address]:
        """The addresses of a host, best first. Raises `NameUnknown`."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._threads, _look_up, host, port)
        except (OSError, UnicodeError):
            raise NameUnknown(
                f"The host name {host!r} cannot be resolved. Check its spelling and the name "
                "server."
            ) from None
        return list(dict.fromkeys(found))

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int) -> list[Address]:
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(str(place[0])) for *_, place in answers]
