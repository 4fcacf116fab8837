"""Bring the database to the newest schema: our migrations, the queue's tables, time partitions."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import structlog
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from pgqueuer.queries import Queries
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from tieline.database.errors import DatabaseUnavailable
from tieline.database.partitions import ensure_partitions
from tieline.database.pool import CONNECTION_LOST, Database, session_settings

MIGRATIONS = Path(__file__).parent / "migrations"
OLDEST_SUPPORTED = 160000
_LOCK = 0x7469656C696E65  # "tieline" in ASCII: the advisory lock of whoever migrates

log = structlog.get_logger(__name__)


class UnsupportedDatabase(DatabaseUnavailable):
    """The PostgreSQL server is too old. Use version 16 or newer."""

    code = "DATABASE_TOO_OLD"


async def migrate(database: Database) -> list[str]:
    """Apply what is missing; processes that start at the same time wait for the first one.

    Returns the names of the revisions that were applied. Raises `UnsupportedDatabase`.
    """
    connection = await database.dedicated()
    try:
        await _require_supported(connection)
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        before = await current_revision(connection)
        await _run_alembic(database.url)
        await _prepare_queue(connection)
        await ensure_partitions(connection)
        after = await current_revision(connection)
    finally:
        await connection.close()
    applied = [] if before == after or after is None else [after]
    if applied:
        log.info("database.migrated", before=before, after=after)
    return applied


async def current_revision(connection: asyncpg.Connection) -> str | None:
    """The revision that the database is at, or None when it is empty."""
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return None
    revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    return revision


def newest_revision() -> str:
    """The revision that this version of Tieline brings a database to."""
    newest = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    assert newest is not None
    return newest


def known_revisions() -> set[str]:
    """All revisions that this version of Tieline knows."""
    return {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}


async def _require_supported(connection: asyncpg.Connection) -> None:
    number = int(await connection.fetchval("SHOW server_version_num"))
    if number < OLDEST_SUPPORTED:
        raise UnsupportedDatabase


async def _run_alembic(url: str, revision: str = "head") -> None:
    async def connect() -> asyncpg.Connection:
        try:
            return await asyncpg.connect(url, server_settings=session_settings("tieline migrate"))
        except CONNECTION_LOST as error:
            raise DatabaseUnavailable from error

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_upgrade, revision)
            await connection.commit()
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, revision: str) -> None:
    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS))
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, revision)


async def _prepare_queue(connection: asyncpg.Connection) -> None:
    queries = Queries.from_asyncpg_connection(connection)
    if not await queries.schema_is_installed():
        await queries.install()
    await queries.upgrade()
