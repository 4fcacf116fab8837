"""Names to addresses, so that no name server which keeps silent holds up anybody else."""

from __future__ import annotations

import asyncio
import contextvars
from dataclasses import dataclass, field
from ipaddress import ip_address

from tieline.egress.addresses import Address
from tieline.egress.resolving import Resolver

_AT_ONCE = 8  # of one organisation


@dataclass
class _Queue:
    """The lookups of one organisation."""

    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))
    running: dict[tuple[str, int], asyncio.Task[list[Address]]] = field(default_factory=dict)


class Lookups:
    """Asks a resolver, for one organisation not more than a few names at once.

    Whoever asks for a name that is being looked up waits for the same answer. A lookup goes on when
    nobody waits for it any more: it cannot be taken back, and occupies what it occupies.
    """

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._queues: dict[str | None, _Queue] = {}

    async def addresses(self, host: str, port: int, org_id: str | None) -> list[Address]:
        """The addresses of a host; an address is its own. Raises `NameUnknown`."""
        try:
            return [ip_address(host)]
        except ValueError:
            pass
        queue = self._queues.setdefault(org_id, _Queue())
        task = queue.running.get((host, port))
        if task is None:
            # In a context of its own: it may outlast the request, and whatever that holds open.
            task = asyncio.create_task(
                self._look_up(queue, host, port, org_id), context=contextvars.Context()
            )
            queue.running[host, port] = task
        return await asyncio.shield(task)

    async def close(self) -> None:
        """End what is under way."""
        tasks = [task for queue in self._queues.values() for task in queue.running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._resolver.close()

    async def _look_up(
        self, queue: _Queue, host: str, port: int, org_id: str | None
    ) -> list[Address]:
        try:
            async with queue.slots:
                return await self._resolver.resolve(host, port)
        finally:
            del queue.running[host, port]
            if not queue.running and self._queues.get(org_id) is queue:
                del self._queues[org_id]
