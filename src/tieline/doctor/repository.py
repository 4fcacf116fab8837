"""SQL that looks at the state of an installation and changes nothing."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from datetime import datetime

from tieline.database import Transaction

_ROUNDS = 15


@dataclass(frozen=True)
class Server:
    """The database server: version, and whether its commits survive a power cut."""

    version: str
    version_number: int
    unsafe_settings: tuple[str, ...]


@dataclass(frozen=True)
class Backlog:
    """Accepted events that wait to be applied."""

    events: int
    oldest: datetime | None
    now: datetime


async def describe_server(tx: Transaction) -> Server:
    """Version and durability of the server."""
    rows = await tx.fetch(
        "SELECT name, setting FROM pg_settings "
        "WHERE name IN ('server_version', 'server_version_num', 'fsync', 'full_page_writes')"
    )
    settings = {row["name"]: row["setting"] for row in rows}
    unsafe = tuple(name for name in ("fsync", "full_page_writes") if settings[name] != "on")
    return Server(settings["server_version"], int(settings["server_version_num"]), unsafe)


async def clock(tx: Transaction) -> datetime:
    """The server's present moment."""
    moment: datetime = await tx.fetchval("SELECT clock_timestamp()")
    return moment


async def backlog(tx: Transaction) -> Backlog:
    """How many accepted events wait, and since when the oldest does."""
    row = await tx.fetchrow(
        "SELECT count(*) AS events, min(accepted_at) AS oldest, now() AS now FROM inbound_pending"
    )
    assert row is not None
    return Backlog(row["events"], row["oldest"], row["now"])


async def measure_commit(tx: Transaction) -> float:
    """The median seconds of a tiny durable commit; outside a transaction, so that each commits."""
    durations = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        await tx.execute("SELECT pg_logical_emit_message(true, 'tieline', 'doctor')")
        durations.append(time.perf_counter() - started)
    return statistics.median(durations)
