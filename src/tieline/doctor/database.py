"""The database: version, durability, clock, schema, partitions, and the work that waits."""

from __future__ import annotations

from collections.abc import Set
from datetime import UTC, datetime, timedelta

from tieline.database.migrate import OLDEST_SUPPORTED
from tieline.database.partitions import TABLES, PartitionedTable
from tieline.doctor.models import Finding, describe_duration, failed, passed, warned
from tieline.doctor.repository import Backlog, Server

_SKEW_WARNING = timedelta(seconds=1)
_SKEW_FAILURE = timedelta(minutes=1)
_WAIT_WARNING = timedelta(minutes=1)
_WAIT_FAILURE = timedelta(hours=1)
_MIGRATE = "Run `tieline migrate`."


def judge_server(server: Server, *, embedded: bool) -> Finding:
    """Whether the server is new enough and keeps what it committed."""
    where = "embedded" if embedded else "external"
    message = f"PostgreSQL {server.version}, {where}."
    if server.version_number < OLDEST_SUPPORTED:
        return failed("database", message, "Use PostgreSQL 16 or newer.")
    if server.unsafe_settings:
        names = " and ".join(server.unsafe_settings)
        return failed(
            "database",
            f"{message} With {names} off, a power cut loses accepted events.",
            f"Set {names} to on in postgresql.conf and restart the server.",
        )
    return passed("database", message)


def judge_clock(skew: timedelta) -> Finding:
    """Whether this machine and the server agree on the time."""
    apart = abs(skew)
    message = f"This machine and the database are {apart.total_seconds():.3f} s apart."
    next_step = "Synchronise both clocks, with chrony or systemd-timesyncd for example."
    if apart > _SKEW_FAILURE:
        return failed("clock", message, next_step)
    if apart > _SKEW_WARNING:
        return warned("clock", message, next_step)
    return passed("clock", message)


def judge_schema(current: str | None, newest: str, known: Set[str]) -> Finding:
    """Whether the tables are those of this version; `known` are all revisions it knows."""
    if current == newest:
        return passed("schema", f"The schema is current ({newest}).")
    if current is None:
        return failed("schema", "The database is empty.", _MIGRATE)
    if current in known:
        return failed("schema", f"The schema is at {current}, not yet at {newest}.", _MIGRATE)
    return failed(
        "schema",
        f"The schema is at {current}, which this version does not know.",
        "Use the version of Tieline that migrated it, or a newer one.",
    )


def judge_partitions(existing: Set[str], now: datetime) -> Finding:
    """Whether there are partitions for what is stored now and in the days to come."""
    missing = [table.name for table in TABLES if _ahead(table, existing, now) < 0]
    if missing:
        message = f"No partition for the present in {', '.join(missing)}."
        return failed("partitions", message, _MIGRATE)
    short = [table for table in TABLES if _ahead(table, existing, now) < (table.ahead + 1) // 2]
    counted = ", ".join(f"{table.name} {_ahead(table, existing, now)}" for table in TABLES)
    if short:
        return warned(
            "partitions",
            f"Few partitions lie ahead: {counted}.",
            f"Keep a worker running: it makes them in advance. {_MIGRATE}",
        )
    return passed("partitions", f"Partitions ahead: {counted}.")


def judge_backlog(backlog: Backlog) -> Finding:
    """Whether accepted events are applied soon."""
    if backlog.oldest is None:
        return passed("pending", "No event waits.")
    age = backlog.now - backlog.oldest
    message = (
        f"{backlog.events} accepted event{'s' if backlog.events > 1 else ''} "
        f"waiting, the oldest for {describe_duration(age)}."
    )
    next_step = "Check that a worker runs and read its log; start more with `tieline worker`."
    if age > _WAIT_FAILURE:
        return failed("pending", message, next_step)
    if age > _WAIT_WARNING:
        return warned("pending", message, next_step)
    return passed("pending", message)


def judge_deliveries(due: datetime | None, now: datetime) -> Finding:
    """Whether messages to webhooks are sent when they are due."""
    if due is None or now - due <= _WAIT_WARNING:
        return passed("deliveries", "No delivery is overdue.")
    return warned(
        "deliveries",
        f"A delivery could have been sent {describe_duration(now - due)} ago.",
        "Check that a worker runs. If one does, the webhook answers more slowly than messages "
        "come, or has a low rate or concurrency: its log of deliveries tells why they wait.",
    )


def judge_changes(set_aside: int) -> Finding:
    """Whether every change reached those who react to it."""
    if not set_aside:
        return passed("changes", "No change is set aside.")
    return warned(
        "changes",
        f"{set_aside} change{'s' if set_aside > 1 else ''} of entities or readings could not be "
        "handed over to the event catalogue, and became no events.",
        "Look for changes.set_aside in the log of the workers. They are tried again every hour.",
    )


def _ahead(table: PartitionedTable, existing: Set[str], now: datetime) -> int:
    """How many partitions follow the present one without a gap; -1 when that is missing."""
    start = table.start(now.astimezone(UTC))
    count = -1
    while table.partition(start) in existing:
        start = table.following(start)
        count += 1
    return count
