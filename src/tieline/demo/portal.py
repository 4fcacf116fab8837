"""The sales portal of the utility: wants to hear of each changed tariff, and checks who says so."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from tieline.receiving.keys import Keys
from tieline.receiving.models import Delivery
from tieline.receiving.receiver import Receiver, receiving

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A delivery, and when it came on the clock of `time.perf_counter`."""

    delivery: Delivery
    at: float


class Portal:
    """Keeps what arrives at `url`."""

    def __init__(self, port: int) -> None:
        self.url = f"http://{HOST}:{port}/tariffs"
        self.place = f"{HOST}:{port}"
        self.arrivals: list[Arrival] = []
        self.receiver = Receiver(self._take)
        self._came = asyncio.Event()

    def check_with(self, secret: str, public_key: str) -> None:
        """Check signatures from now on."""
        self.receiver.keys = Keys.of([secret], [public_key])

    @property
    def messages(self) -> int:
        """How many different messages came."""
        return len({arrival.delivery.message_id for arrival in self.arrivals})

    async def wait(self, enough: Callable[[], bool], seconds: float) -> bool:
        """Wait until there is enough; whether there is after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not enough():
                    self._came.clear()
                    await self._came.wait()
        return enough()

    def _take(self, delivery: Delivery) -> None:
        self.arrivals.append(Arrival(delivery, time.perf_counter()))
        self._came.set()


@contextlib.asynccontextmanager
async def open_portal() -> AsyncIterator[Portal]:
    """A portal on a free port, until the block ends."""
    with socket.create_server((HOST, 0)) as listener:
        portal = Portal(listener.getsockname()[1])
        async with receiving(portal.receiver, listener):
            yield portal
