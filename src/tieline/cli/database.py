"""The database as commands use it: beside a running server or without one."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
from collections.abc import AsyncIterator

from tieline.audit.actor import Actor, ActorKind, begin_acting
from tieline.cli.errors import SchemaOutdated
from tieline.database import Database
from tieline.database.embedded import EmbeddedServer
from tieline.database.migrate import current_revision, migrate, newest_revision
from tieline.settings import Settings

_POOL_SIZE = 2


@contextlib.asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[Database]:
    """The database of this installation; an embedded server runs at least until the end.

    In the audit log stands as the actor whoever typed the command. Raises `DatabaseUnavailable`
    and `EmbeddedServerFailed`.
    """
    if settings.database_url is not None:
        async with _opened(Database(settings.database_url, pool_size=_POOL_SIZE)) as database:
            yield database
        return
    embedded = EmbeddedServer(settings.data_dir)
    try:
        await asyncio.to_thread(embedded.acquire)
        pool = Database(embedded.url, pool_size=_POOL_SIZE, embedded=embedded)
        async with _opened(pool) as database:
            yield database
    finally:
        await asyncio.to_thread(embedded.release)


@contextlib.asynccontextmanager
async def migrated(settings: Settings) -> AsyncIterator[Database]:
    """Like `connected`, with all tables: an empty database gets them.

    A database with tables of another version is left alone, since a server may be using it:
    raises `SchemaOutdated`.
    """
    async with connected(settings) as database:
        async with database.system() as tx:
            revision = await current_revision(tx.connection)
        if revision is None:
            await migrate(database)
        elif revision != newest_revision():
            raise SchemaOutdated
        yield database


async def migrate_database(settings: Settings) -> str:
    """Bring the database to this version's schema; what was done, in a sentence."""
    async with connected(settings) as database:
        applied = await migrate(database)
    if not applied:
        return f"The schema is current ({newest_revision()})."
    return f"Migrated the schema to {', '.join(applied)}."


@contextlib.asynccontextmanager
async def _opened(database: Database) -> AsyncIterator[Database]:
    await database.open()
    try:
        begin_acting(_whoever_typed())
        yield database
    finally:
        await database.close()


def _whoever_typed() -> Actor:
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in many containers
        name = f"uid {os.getuid()}"
    return Actor(ActorKind.COMMAND, name, "command line")
