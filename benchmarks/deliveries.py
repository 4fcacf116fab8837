"""Deliveries: how many, how soon, and what one endpoint that hangs does to the others."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import asyncpg
import msgspec

from benchmarks.installation import EVENTS, Installation, start
from benchmarks.load import Connection
from tieline.database.embedded import EmbeddedServer

WEBHOOKS = 8
SINGLES = 200
HANGING_SECONDS = 30
STEADY_RATE = 150  # changes per second while one endpoint hangs, and without it

Show = Callable[..., None]
NUMBERS = itertools.count(1)


@dataclass
class Place:
    """A server, a receiver, and a connection to the server's database."""

    server: Installation
    sink: str
    rows: asyncpg.Connection

    def figures(self) -> dict[str, Any]:
        """What the receiver saw since it was asked last, by path."""
        with urlopen(f"{self.sink}/figures", timeout=30) as answer:
            found: dict[str, Any] = msgspec.json.decode(answer.read())
        return found

    async def webhook(self, path: str, **more: Any) -> str:
        """A webhook that hears of every entity that is created."""
        body = {
            "name": path,
            "url": f"{self.sink}{path}",
            "event_types": ["EntityCreated"],
            **more,
        }
        made = await self.server.call("/api/v1/integration/webhooks", msgspec.json.encode(body))
        return str(made["id"])

    async def until_delivered(self) -> None:
        """Wait until nothing is on its way from a change to a receiver that answers."""
        while await self.rows.fetchval(
            "SELECT EXISTS (SELECT FROM inbound_pending) OR EXISTS (SELECT FROM domain_changes) "
            "OR EXISTS (SELECT FROM delivery_queue q JOIN webhooks w ON w.id = q.webhook_id "
            "WHERE w.url NOT LIKE '%/hang%')"
        ):
            await asyncio.sleep(0.02)


async def measure(directory: Path, seconds: float, show: Show) -> None:
    """Everything about deliveries, each on a server of its own."""
    async with _place(directory / "rate") as place:
        await _rate(place, show)
    async with _place(directory / "latency") as place:
        await _latency(place, show)
    async with _place(directory / "hanging") as place:
        await _hanging(place, seconds, show)


@asynccontextmanager
async def _place(directory: Path) -> AsyncIterator[Place]:
    directory.mkdir()
    sink = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sink"], stdout=subprocess.PIPE, text=True
    )
    assert sink.stdout is not None
    address = f"http://127.0.0.1:{sink.stdout.readline().strip()}"
    server = start(directory / "server", TIELINE_EGRESS_ALLOW="127.0.0.1")
    rows = await asyncpg.connect(EmbeddedServer(server.data_dir).url)
    try:
        yield Place(server, address, rows)
    finally:
        await rows.close()
        server.stop()
        sink.terminate()
        sink.wait(10)


async def _rate(place: Place, show: Show) -> None:
    """Deliveries that wait are let go; and changes that become deliveries while they come in."""
    hooks = [await place.webhook(f"/rate{n}", max_concurrency=16) for n in range(WEBHOOKS)]
    await place.server.create_integration("rate")
    for pausing in ("warm", "measured"):
        await _each(place, hooks, "pause")
        count = 2_000 if pausing == "warm" else 20_000
        await _post(place, count // WEBHOOKS)
        waiting = 0
        while waiting < count:
            await asyncio.sleep(0.1)
            waiting = await place.rows.fetchval("SELECT count(*) FROM delivery_queue")
        begun = time.perf_counter()
        await _each(place, hooks, "resume")
        await place.until_delivered()
        spent = time.perf_counter() - begun
        seen = sum(path["count"] for path in place.figures().values())
    recorded = await place.rows.fetchval("SELECT count(*) FROM delivery_attempts")
    show(
        "deliveries, signed, each attempt recorded",
        f"{waiting / spent:,.0f}/s",
        "1,000/s",
        f"{seen:,} arrived, {recorded:,} attempts recorded",
    )
    begun = time.perf_counter()
    await _post(place, 1_000)
    await place.until_delivered()
    spent = time.perf_counter() - begun
    seen = sum(path["count"] for path in place.figures().values())
    show("event in, mapped, entity, event, 8 deliveries", f"{seen / spent:,.0f}/s")


async def _each(place: Place, hooks: list[str], action: str) -> None:
    now = "2026-01-01T00:00:00Z" if action == "pause" else None
    for hook in hooks:
        path = f"/api/v1/integration/webhooks/{hook}"
        found = await _request(place, "GET", path)
        change = {"version": found["version"], "paused_at": now}
        await _request(place, "PATCH", path, change)


async def _request(place: Place, method: str, path: str, content: Any = None) -> Any:
    connection = Connection(place.server.url, place.server.key)
    await connection.open()
    try:
        body = b"" if content is None else msgspec.json.encode(content)
        return msgspec.json.decode(await connection.request(method, path, body))
    finally:
        connection.close()


async def _post(place: Place, entities: int) -> None:
    """Have so many entities created, by inbound events."""
    connection = Connection(place.server.url, place.server.key)
    await connection.open()
    for first in range(0, entities, 100):
        events = [_thing() for _ in range(min(100, entities - first))]
        body = {"integration_id": place.server.integration_id, "events": events}
        await connection.post(EVENTS, msgspec.json.encode(body))
    connection.close()


def _thing() -> dict[str, Any]:
    number = next(NUMBERS)
    payload = {"meter": f"N-{number:08d}"}
    return {"use_case_slug": "meter", "timestamp": "2026-01-31T08:00:00Z", "payload": payload}


async def _latency(place: Place, show: Show) -> None:
    """From the moment of a change to its first attempt, on an idle system."""
    await place.webhook("/single")
    await place.server.create_integration("single")
    await _post(place, 100)
    await place.until_delivered()
    place.figures()
    for _ in range(SINGLES):
        await _post(place, 1)
        await asyncio.sleep(0.05)
    await place.until_delivered()
    ages = place.figures()["/single"]["ages"]
    show(
        "first attempt after the change, idle",
        f"p50 {_at(ages, 0.5):.0f} ms, p99 {_at(ages, 0.99):.0f} ms",
        "",
        f"{len(ages)} single changes",
    )


async def _hanging(place: Place, seconds: float, show: Show) -> None:
    """The age of changes when they arrive at healthy endpoints, with and without one that hangs."""
    await place.server.create_integration("hanging")
    for n in range(WEBHOOKS - 1):
        await place.webhook(f"/fine{n}")
    await _steadily(place, 3)
    place.figures()
    found: dict[str, list[float]] = {"alone": [], "beside": []}
    await _steadily(place, seconds)
    found["alone"] = _ages(place.figures())
    await place.webhook(f"/hang{HANGING_SECONDS}-first")
    await _steadily(place, 3)
    place.figures()
    await _steadily(place, seconds)
    found["beside"] = _ages(place.figures())
    alone, beside = (_at(found[name], 0.99) for name in ("alone", "beside"))
    show(
        "p99 of the others, one endpoint hanging 30 s",
        f"{beside:.0f} ms beside {alone:.0f} ms",
        "less than 10 % more",
        f"p50 {_at(found['beside'], 0.5):.0f} ms beside {_at(found['alone'], 0.5):.0f} ms",
    )


async def _steadily(place: Place, seconds: float) -> None:
    begun = time.perf_counter()
    for n in range(int(seconds * STEADY_RATE)):
        await asyncio.sleep(max(0.0, begun + n / STEADY_RATE - time.perf_counter()))
        if n % 5 == 0:
            await _post(place, 5)
    await place.until_delivered()


def _ages(figures: dict[str, Any]) -> list[float]:
    return sorted(
        age for path, each in figures.items() if "/hang" not in path for age in each["ages"]
    )


def _at(values: list[float], share: float) -> float:
    return values[min(int(len(values) * share), len(values) - 1)]
