"""Time partitions: made ahead of time, dropped as a whole when their retention is over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg


@dataclass(frozen=True)
class PartitionedTable:
    """A table partitioned by UTC days or months; `ahead` partitions always exist in advance.

    The rows of one that is `append_only` are never changed or deleted, but for whole partitions.
    """

    name: str
    monthly: bool
    ahead: int
    append_only: bool = False

    def start(self, moment: datetime) -> datetime:
        """The beginning of the partition that `moment` falls into."""
        day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return day.replace(day=1) if self.monthly else day

    def following(self, start: datetime) -> datetime:
        """The beginning of the next partition."""
        return self.start(start + timedelta(days=32)) if self.monthly else start + timedelta(days=1)

    def partition(self, start: datetime) -> str:
        """The name of the partition that begins at `start`, such as `activities_202601`."""
        return f"{self.name}_{start:%Y%m}" if self.monthly else f"{self.name}_{start:%Y%m%d}"


TABLES = (
    PartitionedTable("inbound_events", monthly=False, ahead=7),
    PartitionedTable("inbound_outcomes", monthly=False, ahead=7),
    PartitionedTable("inbound_dead_letters", monthly=False, ahead=7),
    PartitionedTable("outcome_rollups", monthly=True, ahead=2),
    PartitionedTable("correlation_sketches", monthly=True, ahead=2),
    PartitionedTable("access_log", monthly=False, ahead=7),
    PartitionedTable("audit_log", monthly=True, ahead=2, append_only=True),
    PartitionedTable("activities", monthly=True, ahead=2),
    PartitionedTable("activity_attachments", monthly=True, ahead=2),
    PartitionedTable("entity_operations", monthly=True, ahead=2),
    PartitionedTable("event_history", monthly=False, ahead=7),
    PartitionedTable("deliveries", monthly=False, ahead=7),
    PartitionedTable("delivery_attempts", monthly=False, ahead=7),
    PartitionedTable("file_downloads", monthly=False, ahead=7),
    PartitionedTable("delivery_rollups", monthly=True, ahead=2),
)


async def ensure_partitions(connection: asyncpg.Connection, now: datetime | None = None) -> None:
    """Make the current partitions, the one before (for clocks that differ) and those ahead."""
    moment = now or datetime.now(UTC)
    existing = await existing_partitions(connection)
    for table in TABLES:
        for start in _wanted(table, moment):
            name = table.partition(start)
            if name not in existing:
                # DDL takes no parameters; name and bounds are made here, not by a user.
                await connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF {table.name} "
                    f"FOR VALUES FROM ('{start.isoformat()}') "
                    f"TO ('{table.following(start).isoformat()}')"
                )
                if table.append_only:
                    # Unlike those for each row, such a trigger is not handed down by the table.
                    await connection.execute(
                        f"CREATE OR REPLACE TRIGGER append_only_whole BEFORE TRUNCATE ON {name} "
                        "FOR EACH STATEMENT EXECUTE FUNCTION tieline_append_only()"
                    )


async def drop_expired(
    connection: asyncpg.Connection, retention: Mapping[str, timedelta], now: datetime
) -> list[str]:
    """Drop partitions that hold only rows older than their table's retention; their names."""
    existing = await existing_partitions(connection)
    dropped = []
    for table in TABLES:
        if table.name not in retention:
            continue
        horizon = table.start(now - retention[table.name])
        for name in sorted(existing):
            stem, _, suffix = name.rpartition("_")
            if stem == table.name and suffix < table.partition(horizon).rpartition("_")[2]:
                await connection.execute(f"DROP TABLE IF EXISTS {name}")
                dropped.append(name)
    return dropped


def _wanted(table: PartitionedTable, now: datetime) -> Iterator[datetime]:
    current = table.start(now)
    yield table.start(current - timedelta(days=1))
    for _ in range(table.ahead + 1):
        yield current
        current = table.following(current)


async def existing_partitions(connection: asyncpg.Connection) -> set[str]:
    """The names of the partitions of all these tables."""
    rows = await connection.fetch(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "JOIN pg_class p ON p.oid = i.inhparent WHERE p.relname = ANY($1)",
        [table.name for table in TABLES],
    )
    return {row["relname"] for row in rows}
