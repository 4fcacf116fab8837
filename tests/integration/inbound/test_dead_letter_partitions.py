"""The partitions of the dead letters are those of the events, at every time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tieline.database import Database, Transaction
from tieline.database.migrations.versions.v0005_dead_letters import STATEMENTS
from tieline.database.partitions import existing_partitions
from tieline.maintenance import maintenance_duties
from tieline.settings import load_settings


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Any]:
    """A connection whose changes are undone."""
    connection = await database.dedicated()
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


async def days(connection: Any, table: str) -> set[str]:
    found = await existing_partitions(connection)
    return {name.removeprefix(f"{table}_") for name in found if name.startswith(f"{table}_")}


async def test_an_event_that_waited_through_the_migration_can_fail(connection: Any) -> None:
    await connection.execute("DROP TABLE inbound_dead_letters, inbound_redrives")
    await connection.execute(
        "CREATE TABLE inbound_events_20200131 PARTITION OF inbound_events "
        "FOR VALUES FROM ('2020-01-31T00:00:00Z') TO ('2020-02-01T00:00:00Z')"
    )

    for statement in STATEMENTS:
        await connection.execute(statement)

    assert "20200131" in await days(connection, "inbound_dead_letters")
    assert await days(connection, "inbound_dead_letters") == await days(
        connection, "inbound_events"
    )


async def test_dead_letters_go_when_the_payloads_go(connection: Any) -> None:
    settings = load_settings({}, event_retention_days=3)
    now = datetime.now(UTC) + timedelta(days=10)
    duties = maintenance_duties(settings, clock=lambda: now)
    [partitions] = [duty for duty in duties if duty.name == "maintenance.partitions"]
    await connection.execute("DELETE FROM inbound_pending")

    await partitions.perform(Transaction(connection))

    kept = await days(connection, "inbound_dead_letters")
    assert min(kept) == f"{now - timedelta(days=3):%Y%m%d}"
    assert kept == await days(connection, "inbound_events")
