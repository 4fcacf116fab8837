"""Migrations from an empty database, by several processes at once."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from tieline.database.embedded import EmbeddedServer
from tieline.database.migrate import _run_alembic, current_revision, migrate
from tieline.database.pool import Database

WEBHOOK = """
INSERT INTO webhooks (org_id, id, direction, url, event_types, signature_scheme, headers, enabled,
    retry_policy, consecutive_failures, tags, created_at, updated_at, source, source_type,
    is_deleted, schema_version, version)
VALUES ($1, gen_random_uuid(), 'outbound', 'https://erp.example.com/hook', '{}', 'none', '{}', $2,
    '{}', 0, '{}', now(), now(), 'edm', 'api', false, 1, 1)
"""


@pytest.fixture
async def empty(application, data_dir):
    """An empty database on the test process's server."""
    del application
    server = EmbeddedServer(data_dir)
    admin = await asyncpg.connect(server.url)
    await admin.execute('DROP DATABASE IF EXISTS "empty" WITH (FORCE)')
    await admin.execute('CREATE DATABASE "empty"')
    yield server.url.replace("/tieline?", "/empty?")
    await admin.execute('DROP DATABASE "empty" WITH (FORCE)')
    await admin.close()


async def test_from_empty_to_newest(empty):
    database = Database(empty)
    assert await migrate(database) != []
    assert await migrate(database) == []
    connection = await database.dedicated()
    assert await current_revision(connection) is not None
    await connection.close()


async def test_webhooks_of_the_version_before_hear_of_events(empty):
    await _run_alembic(empty, "0011")
    connection = await asyncpg.connect(empty)
    for org, enabled in (("has-one", True), ("has-switched-it-off", False)):
        await connection.execute("INSERT INTO organisations (id, name) VALUES ($1, $1)", org)
        await connection.execute(WEBHOOK, org, enabled)

    await migrate(Database(empty))

    listeners = await connection.fetch("SELECT org_id, consumer FROM change_listeners")
    await connection.close()
    assert [tuple(row) for row in listeners] == [("has-one", "catalogue")]


async def test_processes_that_start_together_migrate_once(empty):
    applied = await asyncio.gather(*(migrate(Database(empty)) for _ in range(4)))
    assert sorted(map(len, applied)) == [0, 0, 0, 1]


async def test_every_table_has_the_organisation_first_in_its_key(empty):
    await migrate(Database(empty))
    connection = await asyncpg.connect(empty)
    rows = await connection.fetch(
        "SELECT c.relname, a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid "
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] "
        "WHERE i.indisprimary AND c.relnamespace = 'public'::regnamespace "
        "AND NOT c.relispartition AND c.relname NOT LIKE 'pgqueuer%' "
        "AND c.relname NOT IN ('alembic_version', 'organisations', 'secret_keys')"
    )
    await connection.close()
    assert len(rows) >= 14
    assert {row["attname"] for row in rows} == {"org_id"}
