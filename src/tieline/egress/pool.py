"""Connections that are kept open between requests."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from tieline.egress import metrics
from tieline.egress.allowances import AllowList
from tieline.egress.connecting import Connector, Destination
from tieline.egress.connection import Connection
from tieline.egress.guard import permits
from tieline.egress.targets import Target

MOST_AT_ONCE = 128  # connections to one destination, for one organisation
MOST_IDLE = 256
SECONDS_BETWEEN_SWEEPS = 1.0


@dataclass
class _Lane:
    """The connections to one destination. There is no bound over all: none waits for another."""

    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_AT_ONCE))
    users: int = 0
    idle: list[Connection] = field(default_factory=list)


class Pool:
    """Hands out connections, and takes them back for the next request.

    A kept connection is handed out only to a request that may open one to its address, whichever
    request opened it: what one call, or one organisation, is allowed serves no other.
    """

    def __init__(self, connector: Connector, clock: Callable[[], float]) -> None:
        self._connector = connector
        self._clock = clock  # counts seconds
        self._lanes: dict[Destination, _Lane] = {}
        self._idle: OrderedDict[Connection, Destination] = OrderedDict()  # the oldest first
        self._used: dict[Connection, Destination] = {}
        self._sweep: asyncio.TimerHandle | None = None

    async def acquire(
        self, target: Target, to: Destination, allowed: AllowList, seconds: float
    ) -> Connection:
        """A connection for one request; `seconds` bounds each step of opening it.

        Raises the errors of `Connector.connect`.
        """
        lane = self._lanes.setdefault(to, _Lane())
        lane.users += 1
        held = False
        try:
            await lane.slots.acquire()
            held = True
            connection = self._take(lane, to, allowed)
            metrics.CONNECTIONS.labels("opened" if connection is None else "reused").inc()
            if connection is None:
                connection = await self._connector.connect(target, to, allowed, seconds)
        except BaseException:
            if held:
                lane.slots.release()
            self._leave(lane, to)
            raise
        self._used[connection] = to
        return connection

    def release(self, connection: Connection, keep_alive: str | None) -> None:
        """Take a connection back, whatever became of its exchange; once for each acquisition."""
        to = self._used.pop(connection)
        lane = self._lanes[to]
        lane.slots.release()
        if connection.reusable:
            connection.rest(self._clock(), keep_alive)
            lane.idle.append(connection)
            self._idle[connection] = to
            if len(self._idle) > MOST_IDLE:
                self._drop(next(iter(self._idle)))
            self._sweep_later()
        elif connection.finished:
            connection.hang_up()
        else:
            connection.abort()
        self._leave(lane, to)

    def close(self) -> None:
        """Close all connections, those in use too."""
        for connection in [*self._idle]:
            self._drop(connection)
        for connection in self._used:
            connection.abort()
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def _take(self, lane: _Lane, to: Destination, allowed: AllowList) -> Connection | None:
        now = self._clock()
        # The one used last is the least likely to have been closed.
        for index in range(len(lane.idle) - 1, -1, -1):
            connection = lane.idle[index]
            if connection.is_stale(now) or not connection.quiet:
                self._drop(connection)
            elif to.through_proxy or permits(to.host, to.port, connection.address, allowed):
                del lane.idle[index]
                del self._idle[connection]
                return connection
        return None

    def _drop(self, connection: Connection) -> None:
        to = self._idle.pop(connection)
        lane = self._lanes[to]
        lane.idle.remove(connection)
        connection.hang_up()
        if not lane.users and not lane.idle:
            del self._lanes[to]

    def _leave(self, lane: _Lane, to: Destination) -> None:
        lane.users -= 1
        if not lane.users and not lane.idle:
            del self._lanes[to]

    def _sweep_later(self) -> None:
        if self._sweep is None and self._idle:
            loop = asyncio.get_running_loop()
            self._sweep = loop.call_later(SECONDS_BETWEEN_SWEEPS, self._sweep_now)

    def _sweep_now(self) -> None:
        self._sweep = None
        now = self._clock()
        for connection in [each for each in self._idle if each.is_stale(now)]:
            self._drop(connection)
        self._sweep_later()
