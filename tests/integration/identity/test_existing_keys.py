"""Keys of earlier versions work on after the migration."""

from __future__ import annotations

from importlib import import_module

import asyncpg
import pytest

from tieline.database.embedded import EmbeddedServer

VERSIONS = "tieline.database.migrations.versions"


@pytest.fixture
async def earlier(application, data_dir):
    """A connection to a database with the keys of the first version."""
    del application
    server = EmbeddedServer(data_dir)
    admin = await asyncpg.connect(server.url)
    await admin.execute('CREATE DATABASE "earlier"')
    connection = await asyncpg.connect(server.url.replace("/tieline?", "/earlier?"))
    for statement in import_module(f"{VERSIONS}.v0001_foundation").STATEMENTS[:3]:
        await connection.execute(statement)
    yield connection
    await connection.close()
    await admin.execute('DROP DATABASE "earlier" WITH (FORCE)')
    await admin.close()


async def test_keys_keep_their_hashes_and_their_state(earlier: asyncpg.Connection) -> None:
    await earlier.execute("INSERT INTO organisations (id, name) VALUES ('o', 'o')")
    for key_id, revoked in (("api_valid", "NULL"), ("api_revoked", "now()")):
        await earlier.execute(
            "INSERT INTO api_keys (org_id, id, name, kind, key_prefix, key_hash, scopes, "
            f"revoked_at) VALUES ('o', $1, 'sap', 'service', 'tl_', $2, '{{*}}', {revoked})",
            key_id,
            key_id.encode(),
        )

    for statement in import_module(f"{VERSIONS}.v0009_api_keys").STATEMENTS:
        await earlier.execute(statement)

    rows = await earlier.fetch(
        "SELECT k.id, k.blocked, k.blocked_reason, k.version, k.updated_at >= k.created_at AS ok, "
        "c.key_hash FROM api_keys k JOIN api_key_credentials c ON c.key_id = k.id ORDER BY k.id"
    )
    assert [tuple(row) for row in rows] == [
        ("api_revoked", True, "revoked", 1, True, b"api_revoked"),
        ("api_valid", False, None, 1, True, b"api_valid"),
    ]
