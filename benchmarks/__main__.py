"""Runs the benchmarks and prints a table. See benchmarks/README.md."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import platform
import tempfile
import time
from pathlib import Path

import asyncpg
import msgspec

from benchmarks import deliveries, keys, stats
from benchmarks.ceilings import bare_expressions, bare_inserts
from benchmarks.installation import (
    EVENTS,
    METERS,
    Installation,
    MakeEvent,
    contract,
    day_of_readings,
    grouped,
    meter,
    reading,
    start,
)
from benchmarks.load import Connection, run_load
from tieline.database.embedded import EmbeddedServer

WARM = 50_000  # entities before the first figure: plans and caches are those of a running system
SINGLE = itertools.count(9 * 10**7)  # never the same entity twice: it must be new to be visible


def show(name: str, figure: str, target: str = "", ceiling: str = "") -> None:
    print(f"{name:<44}{figure:>24}  {target:<22}{ceiling}", flush=True)


async def accept(installation: Installation, events: int, connections: int, seconds: float) -> None:
    await installation.create_integration(f"accept {events}")
    bodies = installation.requests(events)
    load = await run_load(
        installation.url,
        installation.key,
        EVENTS,
        bodies,
        connections=connections,
        seconds=seconds,
        check=_all_accepted(events),
    )
    ceiling = await bare_inserts(
        installation.data_dir, rows=events, connections=min(connections, 16), seconds=seconds / 2
    )
    rate = load.rate * events
    target = "2,500/s, p99 < 50 ms" if events == 1 else "25,000/s"
    show(
        f"accept, {events} event(s) per request",
        f"{rate:,.0f}/s",
        target,
        f"{rate / ceiling:.0%} of {ceiling:,.0f} bare inserts/s",
    )
    p50, p99 = load.percentile(0.5) * 1000, load.percentile(0.99) * 1000
    show(f"  latency at {connections} connections", f"p50 {p50:.1f} ms, p99 {p99:.1f} ms")


def _all_accepted(events: int):
    def check(answer: bytes) -> None:
        if answer.count(b'"success"') != events:
            raise RuntimeError(answer.decode())

    return check


async def end_to_end(
    installation: Installation,
    seconds: float,
    *,
    first: int,
    name: str,
    make: MakeEvent = contract,
    target: str = "5,000/s",
) -> None:
    """Accepted while being applied, until everything stands in the entity store."""
    await installation.create_integration(name)
    connection = await asyncpg.connect(EmbeddedServer(installation.data_dir).url)
    await _until_idle(connection)
    bodies = installation.requests(100, make=make, first=first)
    begun = time.perf_counter()
    load = await run_load(
        installation.url, installation.key, EVENTS, bodies, connections=4, seconds=seconds
    )
    await _until_idle(connection)
    spent = time.perf_counter() - begun
    await connection.close()
    events = load.requests * 100
    ceiling = bare_expressions(1)
    show(
        f"end to end, {name}",
        f"{events / spent:,.0f}/s",
        target,
        f"{events / spent / ceiling:.0%} of {ceiling:,.0f} bare expressions/s",
    )


async def _until_idle(connection: asyncpg.Connection) -> None:
    while await connection.fetchval("SELECT EXISTS (SELECT FROM inbound_pending)"):
        await asyncio.sleep(0.02)


async def single_event(installation: Installation, count: int) -> None:
    """From sending one event to an idle system until its entity can be read over the API."""
    integration_id = await installation.create_integration("single")
    connection = Connection(installation.url, installation.key)
    await connection.open()
    latencies = []
    for number in itertools.islice(SINGLE, count):
        one = contract(number)
        body = msgspec.json.encode({"integration_id": integration_id, "events": [one]})
        search = msgspec.json.encode(
            {"q": f'_schema:contract AND contract_number:"{one["payload"]["number"]}"'}
        )
        begun = time.perf_counter()
        await connection.post(EVENTS, body)
        while b'"hits":0' in await connection.post("/entity/v1/entity:search", search):
            pass
        latencies.append((time.perf_counter() - begun) * 1000)
        await asyncio.sleep(0.03)
    connection.close()
    latencies.sort()
    show(
        "single event until its entity is visible",
        f"p50 {latencies[count // 2]:.1f} ms, p99 {latencies[int(count * 0.99)]:.1f} ms",
        "p50 20 ms",
    )


async def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument(
        "part", nargs="?", choices=["pipeline", "stats", "keys", "deliveries"], default="pipeline"
    )
    parser.add_argument(
        "--outcomes", type=int, default=10_000_000, help="rows that `stats` fills in"
    )
    parser.add_argument("--seconds", type=float, default=10, help="length of each load")
    parser.add_argument("--grow", type=int, default=0, help="entities to fill in before a last run")
    options = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print("client, server and database on this machine; synchronous_commit = on\n")
    if options.part == "stats":
        await statistics(options.outcomes)
    elif options.part == "keys":
        with tempfile.TemporaryDirectory(prefix="tieline-bench-") as directory:
            await keys.measure(Path(directory), options.seconds / 2, show)
    elif options.part == "deliveries":
        with tempfile.TemporaryDirectory(prefix="tieline-bench-") as directory:
            await deliveries.measure(Path(directory), options.seconds, show)
    else:
        await pipeline(options)


async def statistics(outcomes: int) -> None:
    with tempfile.TemporaryDirectory(prefix="tieline-bench-") as directory:
        installation = start(Path(directory) / "data")
        try:
            await stats.measure(installation, outcomes)
        finally:
            installation.stop()


async def pipeline(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="tieline-bench-") as directory:
        installation = start(Path(directory) / "data")
        try:
            await asyncio.sleep(2)
            megabytes = installation.resident_megabytes()
            show("memory, idle, without the database", f"{megabytes:.0f} MB", "200 MB")
            await grow(installation, WARM, first=0)
            await single_event(installation, 200)
            await end_to_end(installation, options.seconds, first=10**7, name=f"{WARM:,} entities")
            await other_events(installation, options.seconds)
            if options.grow:
                await grow(installation, options.grow, first=2 * 10**7)
                await single_event(installation, 200)
                name = f"{options.grow:,} entities"
                await end_to_end(installation, options.seconds, first=5 * 10**7, name=name)
        finally:
            installation.stop()
        # Accepting alone: the end-to-end figure is about accepting and applying together.
        installation = start(Path(directory) / "accepting", "--no-worker")
        try:
            await accept(installation, 1, 32, options.seconds)
            await accept(installation, 100, 8, options.seconds)
        finally:
            installation.stop()


async def other_events(installation: Installation, seconds: float) -> None:
    """The same path with groups, and with meter readings."""
    await end_to_end(installation, seconds, first=3 * 10**7, name="in groups", make=grouped)
    await fill(installation, meter, METERS)
    half = seconds / 2
    await end_to_end(
        installation, half, first=0, name="one reading per event", make=reading, target=""
    )
    await end_to_end(
        installation,
        half,
        first=1000 * METERS,  # other days than those above
        name="96 readings per event",
        make=day_of_readings,
        target="",
    )


async def grow(installation: Installation, entities: int, *, first: int) -> None:
    """Fill the store through the front door, then let the database settle."""
    # A contract and half an account per event.
    await fill(installation, contract, int(entities / 1.5), first=first)


async def fill(installation: Installation, make: MakeEvent, events: int, *, first: int = 0) -> None:
    await installation.create_integration("growth")
    connection = await asyncpg.connect(EmbeddedServer(installation.data_dir).url)
    bodies = installation.requests(100, make=make, first=first)
    client = Connection(installation.url, installation.key)
    await client.open()
    for _ in range(events // 100):
        await client.post(EVENTS, next(bodies))
        while await connection.fetchval("SELECT count(*) > 20000 FROM inbound_pending"):
            await asyncio.sleep(0.1)
    await _until_idle(connection)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()
    client.close()


asyncio.run(main())
