"""Outcomes from earlier versions are counted, and nothing that monitoring writes stays for ever."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from msgspec.structs import replace

from tieline.database import Database, Transaction
from tieline.database.embedded import EmbeddedServer
from tieline.database.migrations.versions import v0001_foundation, v0004_monitoring
from tieline.database.partitions import TABLES
from tieline.maintenance import maintenance_duties
from tieline.monitoring.models import Outcome, OutcomeStatus, SyncType
from tieline.monitoring.repository import insert_outcomes
from tieline.monitoring.rollup_repository import compact
from tieline.settings import load_settings

NOW = datetime.now(UTC)
LAST_MONTH = NOW.replace(day=1) - timedelta(days=3)


class Undo(Exception):
    """Ends a transaction whose changes must not stay."""


@pytest.fixture
async def before(application: Any, data_dir: Path) -> AsyncIterator[asyncpg.Connection]:
    """A database as it was before there were any figures."""
    del application
    server = EmbeddedServer(data_dir)
    admin = await asyncpg.connect(server.url)
    await admin.execute('DROP DATABASE IF EXISTS "earlier" WITH (FORCE)')
    await admin.execute('CREATE DATABASE "earlier"')
    connection = await asyncpg.connect(server.url.replace("/tieline?", "/earlier?"))
    for statement in v0001_foundation.STATEMENTS:
        await connection.execute(statement)
    yield connection
    await connection.close()
    await admin.execute('DROP DATABASE "earlier" WITH (FORCE)')
    await admin.close()


def outcome(completed_at: datetime, **different: Any) -> Outcome:
    usual = Outcome(
        org_id="o",
        integration_id=uuid4(),
        event_id="e",
        sync_type=SyncType.ENTITY,
        received_at=completed_at,
        completed_at=completed_at,
        object_type="contact",
        status=OutcomeStatus.SUCCESS,
        duration_ms=1,
        correlation_id="run",
    )
    return replace(usual, **different)


async def test_outcomes_from_earlier_versions_are_counted(before: asyncpg.Connection) -> None:
    for day in (LAST_MONTH, NOW):
        await before.execute(
            f"CREATE TABLE inbound_outcomes_{day:%Y%m%d} PARTITION OF inbound_outcomes "
            f"FOR VALUES FROM ('{day:%Y-%m-%d}Z') TO ('{day + timedelta(days=1):%Y-%m-%d}Z')"
        )
    old = [outcome(LAST_MONTH), outcome(NOW), outcome(NOW, correlation_id=None)]
    for each in old:
        await before.execute(
            "INSERT INTO inbound_outcomes (org_id, integration_id, completed_at, event_id, "
            "sync_type, received_at, object_type, status, duration_ms, correlation_id) "
            "VALUES ('o', $1, $2, 'e', 'entity', $2, 'contact', 'success', 1, $3)",
            *(each.integration_id, each.completed_at, each.correlation_id),
        )
    for statement in v0004_monitoring.STATEMENTS:
        await before.execute(statement)
    tx = Transaction(before)
    migrated = await before.fetch("SELECT * FROM outcome_deltas ORDER BY integration_id")
    await before.execute("TRUNCATE outcome_deltas, inbound_outcomes")

    await insert_outcomes(tx, old)

    counted = await before.fetch("SELECT * FROM outcome_deltas ORDER BY integration_id")
    assert [without_number(row) for row in migrated] == [without_number(row) for row in counted]
    assert await compact(tx, LAST_MONTH - timedelta(days=1)) == 3
    assert await before.fetchval("SELECT sum(count) FROM outcome_rollups WHERE span = 1440") == 3


def without_number(row: asyncpg.Record) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "seq"}


@pytest.fixture
async def tx(database: Database) -> AsyncIterator[Transaction]:
    """A transaction that leaves nothing behind."""
    with contextlib.suppress(Undo):
        async with database.system() as opened:
            yield opened
            raise Undo


async def test_every_table_that_grows_with_time_has_a_retention(tx: Transaction) -> None:
    later = NOW + timedelta(days=2_000)
    duties = maintenance_duties(load_settings({}), clock=lambda: later)
    [partitions] = [duty for duty in duties if duty.name == "maintenance.partitions"]
    # What waits would keep its partition.
    await tx.execute("DELETE FROM inbound_pending")
    await tx.execute("DELETE FROM delivery_queue")

    await partitions.perform(tx)

    for table in TABLES:
        name = table.partition(table.start(NOW))
        assert await tx.fetchval("SELECT to_regclass($1)::text", name) is None, name
