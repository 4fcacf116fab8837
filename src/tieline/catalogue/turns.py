"""How many events are let happen by hand at once, so that nobody takes all connections."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

_AT_ONCE = 4
_OF_ONE_ORGANISATION = 2


@dataclass
class _Own:
    slots: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(_OF_ONE_ORGANISATION)
    )
    users: int = 0


class Turns:
    """An event is made within a transaction, and the expressions that make it may take seconds.

    Whoever waits for a turn has no connection yet. One organisation does not get all turns.
    """

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(_AT_ONCE)
        self._own: dict[str, _Own] = {}

    @contextlib.asynccontextmanager
    async def turn(self, org_id: str) -> AsyncIterator[None]:
        """Wait for a turn, and have it for the time of the block."""
        own = self._own.setdefault(org_id, _Own())
        own.users += 1
        try:
            async with own.slots, self._all:
                yield
        finally:
            own.users -= 1
            if not own.users:
                del self._own[org_id]
