"""Time partitions: there before they are needed, gone when their time is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from tieline.database.partitions import TABLES, PartitionedTable, drop_expired, ensure_partitions

NOW = datetime(2031, 12, 31, 23, 59, tzinfo=UTC)


@pytest.fixture
async def connection(database):
    """A connection whose changes are undone."""
    connection = await database.dedicated()
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


async def partitions(connection, table):
    rows = await connection.fetch(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = $1::regclass ORDER BY 1",
        table,
    )
    return [row["relname"] for row in rows]


async def test_today_yesterday_and_the_days_ahead_exist(connection):
    await ensure_partitions(connection, NOW)
    names = await partitions(connection, "inbound_events")
    wanted = [f"inbound_events_203112{day}" for day in (30, 31)]
    wanted += [f"inbound_events_2032010{day}" for day in range(1, 8)]
    assert [name for name in names if name >= "inbound_events_2031"] == wanted


async def test_making_them_again_changes_nothing(connection):
    await ensure_partitions(connection, NOW)
    before = await partitions(connection, "activities")
    await ensure_partitions(connection, NOW)
    assert await partitions(connection, "activities") == before
    assert "activities_203202" in before


async def test_expired_partitions_are_dropped_and_no_others(connection):
    await ensure_partitions(connection, NOW)
    later = NOW + timedelta(days=5)
    dropped = await drop_expired(connection, {"inbound_events": timedelta(days=3)}, later)
    assert "inbound_events_20320101" in dropped
    assert "inbound_events_20320102" not in dropped
    assert not any(name.startswith("inbound_outcomes") for name in dropped)
    kept = await partitions(connection, "inbound_events")
    first = next(name for name in kept if name >= "inbound_events_2031")
    assert first == "inbound_events_20320102"


async def test_a_row_without_a_partition_is_refused_loudly(connection):
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(
            "INSERT INTO activities (org_id, id, created_at, type, title, message) "
            "VALUES ('x', 'x', '1999-01-01', 'x', 'x', 'x')"
        )


def test_months_follow_each_other_over_the_year():
    table = PartitionedTable("t", monthly=True, ahead=1)
    december = table.start(datetime(2031, 12, 31, 23, 59, tzinfo=UTC))
    assert table.partition(december) == "t_203112"
    assert table.partition(table.following(december)) == "t_203201"


def test_every_growing_table_is_partitioned():
    names = {table.name for table in TABLES}
    assert {"inbound_events", "inbound_outcomes", "activities", "entity_operations"} <= names
