"""The whole examination. It changes nothing and never starts with a new database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from tieline.database import Database, Transaction
from tieline.database.migrate import current_revision, known_revisions, newest_revision
from tieline.database.partitions import existing_partitions
from tieline.doctor import database as judge
from tieline.doctor import machine, repository
from tieline.doctor.models import Finding, Verdict
from tieline.doctor.sandbox import check_sandbox
from tieline.doctor.secrets import check_secrets
from tieline.entities.changes.repository import changes_set_aside
from tieline.expressions.limits import limits_from
from tieline.outbound.deliveries.repository import oldest_due
from tieline.settings import Settings


async def examine_machine(settings: Settings) -> AsyncIterator[Finding]:
    """What can be known without a database."""
    yield await check_sandbox(limits_from(settings))
    if settings.database_url is None and settings.data_dir.is_dir():
        yield machine.check_disk(settings.data_dir)
        yield await asyncio.to_thread(machine.check_flush, settings.data_dir)


async def examine_database(settings: Settings, database: Database) -> AsyncIterator[Finding]:
    """What the database itself can tell. Raises `DatabaseUnavailable`."""
    embedded = settings.database_url is None
    connection = await database.dedicated()
    try:
        tx = Transaction(connection)
        yield judge.judge_server(await repository.describe_server(tx), embedded=embedded)
        if not embedded:
            seconds = await repository.measure_commit(tx)
            yield machine.judge_flush(seconds, "A durable commit, the way there included,")
        yield await _examine_clock(tx)
        schema = judge.judge_schema(
            await current_revision(connection), newest_revision(), known_revisions()
        )
        yield schema
        if schema.verdict is not Verdict.PASS:
            return
        partitions = await existing_partitions(connection)
        yield judge.judge_partitions(partitions, datetime.now(UTC))
        yield judge.judge_backlog(await repository.backlog(tx))
        yield judge.judge_changes(await changes_set_aside(tx))
        now = await repository.clock(tx)
        yield judge.judge_deliveries(await oldest_due(tx, now), now)
        yield await check_secrets(settings, database)
    finally:
        await connection.close()


async def _examine_clock(tx: Transaction) -> Finding:
    await repository.clock(tx)  # the first call on a connection is slow
    before = datetime.now(UTC)
    there = await repository.clock(tx)
    after = datetime.now(UTC)
    return judge.judge_clock(there - (before + (after - before) / 2))
