"""Secrets in a table: sealed, bound to their place, rotated while everybody works."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tieline.database import Database
from tieline.secrets.errors import DataKeyUnreadable, SecretUnreadable
from tieline.secrets.master_key import make_key_file
from tieline.secrets.opening import open_keyring
from tieline.secrets.paths import VaultPaths
from tieline.secrets.rotation import KeyRotation
from tieline.secrets.status import examine_table
from tieline.secrets.table_store import TableSecretStore
from tieline.settings import Settings, load_settings

SECRET = "correct-horse-battery-staple"


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    """The settings of the application of this test process."""
    return load_settings({}, data_dir=data_dir)


@pytest.fixture
async def process(settings: Settings, database: Database) -> TableSecretStore:
    """A process of the installation: it has its own keyring."""
    return await a_process(settings, database)


async def a_process(settings: Settings, database: Database) -> TableSecretStore:
    return TableSecretStore(await open_keyring(settings, database), VaultPaths())


async def rotation(settings: Settings, database: Database) -> KeyRotation:
    return KeyRotation(database, await open_keyring(settings, database))


async def put(database: Database, store: TableSecretStore, org: str, path: str, text: str) -> None:
    async with database.organisation(org) as tx:
        await store.write(tx, path, {"value": text})


async def value(database: Database, store: TableSecretStore, org: str, path: str) -> str | None:
    async with database.organisation(org) as tx:
        found = await store.read(tx, path)
    return found["value"] if found else None


async def versions(database: Database, org: str) -> dict[str, int]:
    async with database.organisation(org) as tx:
        rows = await tx.fetch("SELECT path, key_version FROM secrets WHERE org_id = $1")
    return {row["path"]: row["key_version"] for row in rows}


async def dump(database: Database) -> bytes:
    """All tables as text, as a dump of the database holds them."""
    parts = bytearray()

    async def take(part: bytes) -> None:
        parts.extend(part)

    async with database.system() as tx:
        tables = await tx.fetch(
            "SELECT c.relname AS name FROM pg_class c WHERE c.relkind = 'r' "
            "AND c.relnamespace = 'public'::regnamespace"
        )
        for table in tables:
            await tx.connection.copy_from_table(table["name"], output=take, schema_name="public")
    return bytes(parts)


async def test_no_byte_of_a_secret_is_in_the_database(
    database: Database, process: TableSecretStore, org: str
) -> None:
    await put(database, process, org, "a", SECRET)

    text = await dump(database)

    assert org.encode() in text
    for form in (
        SECRET.encode(),
        SECRET.encode().hex().encode(),
        base64.b64encode(SECRET.encode()),
    ):
        assert form not in text


@pytest.mark.parametrize("what", ["organisations", "paths"])
async def test_sealed_texts_that_somebody_swaps_do_not_open(
    database: Database, process: TableSecretStore, org: str, what: str
) -> None:
    other = (f"{org}2", "a") if what == "organisations" else (org, "b")
    await put(database, process, org, "a", "one")
    await put(database, process, *other, "two")
    async with database.system() as tx:
        await tx.execute(
            "UPDATE secrets s SET nonce = o.nonce, sealed = o.sealed FROM secrets o "
            "WHERE (s.org_id, s.path) IN (($1, $2), ($3, $4)) "
            "AND (o.org_id, o.path) IN (($1, $2), ($3, $4)) "
            "AND (o.org_id, o.path) <> (s.org_id, s.path)",
            *(org, "a"),
            *other,
        )

    for place in ((org, "a"), other):
        with pytest.raises(SecretUnreadable, match=f"The secret {place[1]} is damaged"):
            await value(database, process, *place)
    await put(database, process, org, "a", "mended")
    assert await value(database, process, org, "a") == "mended"
    async with database.system() as tx:
        await tx.execute("DELETE FROM secrets WHERE (org_id, path) = ($1, $2)", *other)


async def test_a_rotation_seals_everything_anew_and_deletes_the_old_key(
    database: Database, settings: Settings, process: TableSecretStore, org: str
) -> None:
    for number in range(5):
        await put(database, process, org, f"many/{number}", f"value {number}")
    before = await versions(database, org)

    result = await (await rotation(settings, database)).rotate()

    after = await versions(database, org)
    assert set(after.values()) == {result.version}
    assert result.version > max(before.values())
    assert max(before.values()) in result.deleted_versions
    assert result.resealed >= 5
    assert result.unreadable == []
    assert await value(database, process, org, "many/3") == "value 3"
    status = await examine_table(settings, database)
    assert [key.version for key in status.keys] == [result.version]


async def test_a_process_that_runs_learns_the_new_key(
    database: Database, settings: Settings, process: TableSecretStore, org: str
) -> None:
    await put(database, process, org, "a", "one")
    result = await (await rotation(settings, database)).rotate()

    await put(database, process, org, "b", "two")

    assert await versions(database, org) == {"a": result.version, "b": result.version}
    assert await value(database, process, org, "a") == "one"


async def test_nothing_is_lost_and_nobody_fails_while_keys_rotate(
    database: Database, settings: Settings, org: str
) -> None:
    done = asyncio.Event()
    written: dict[str, int] = {}

    async def write(worker: int) -> None:
        store = await a_process(settings, database)
        number = 0
        while not done.is_set():
            number += 1
            path = f"worker-{worker}/{number % 40}"
            await put(database, store, org, path, str(number))
            written[path] = number

    async def check(worker: int) -> int:
        store = await a_process(settings, database)
        reads = 0
        while not done.is_set():
            for path in list(written):
                known = written[path]
                if not path.startswith(f"worker-{worker}/"):
                    continue
                found = await value(database, store, org, path)
                assert found is not None
                assert int(found) >= known
                reads += 1
            await asyncio.sleep(0)
        return reads

    async def rotate() -> list[int]:
        made = [(await (await rotation(settings, database)).rotate()).version for _ in range(5)]
        done.set()
        return made

    workers = range(4)
    rotated, *rest = await asyncio.gather(
        rotate(), *(write(each) for each in workers), *(check(each) for each in workers)
    )

    reads = [count for count in rest if count is not None]
    assert sum(reads) > 0
    store = await a_process(settings, database)
    assert len(written) > 100
    for path, number in written.items():
        assert await value(database, store, org, path) == str(number)
    assert rotated == sorted(set(rotated))
    assert set((await versions(database, org)).values()) == {rotated[-1]}
    assert [key.version for key in (await examine_table(settings, database)).keys] == [rotated[-1]]


@pytest.fixture
async def open_writer(
    database: Database, process: TableSecretStore, org: str
) -> AsyncIterator[asyncio.Event]:
    """Somebody who has written a secret and commits when the event is set."""
    wrote, commit = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        async with database.organisation(org) as tx:
            await process.write(tx, "slow", {"value": "slow"})
            wrote.set()
            await commit.wait()

    task = asyncio.create_task(write())
    await wrote.wait()
    yield commit
    commit.set()
    await task


async def test_a_rotation_waits_for_a_writer_with_the_old_key(
    database: Database,
    settings: Settings,
    process: TableSecretStore,
    org: str,
    open_writer: asyncio.Event,
) -> None:
    task = asyncio.create_task((await rotation(settings, database)).rotate())
    # New values have the new key at once, while the old one cannot go yet.
    while await value(database, process, org, "quick") is None or (
        (await versions(database, org))["quick"] not in await newest(database)
    ):
        await put(database, process, org, "quick", "quick")
    assert not task.done()

    open_writer.set()
    result = await task

    assert await versions(database, org) == {"slow": result.version, "quick": result.version}
    assert await value(database, process, org, "slow") == "slow"


async def newest(database: Database) -> list[int]:
    async with database.system() as tx:
        rows = await tx.fetch("SELECT version FROM secret_keys ORDER BY version DESC")
    # While the writer is open there are two: the one that it holds, and the new one.
    return [rows[0]["version"]] if len(rows) > 1 else []


async def test_a_damaged_secret_keeps_its_key_and_is_named(
    database: Database, settings: Settings, process: TableSecretStore, org: str
) -> None:
    await put(database, process, org, "good", "one")
    await put(database, process, org, "bad", "two")
    async with database.organisation(org) as tx:
        await tx.execute("UPDATE secrets SET sealed = 'x' WHERE org_id = $1 AND path = 'bad'")
    old = (await versions(database, org))["bad"]

    result = await (await rotation(settings, database)).rotate()

    assert result.unreadable == [f"{org}/bad"]
    assert await versions(database, org) == {"good": result.version, "bad": old}
    async with database.organisation(org) as tx:
        await process.delete(tx, "bad")
    assert old in (await (await rotation(settings, database)).rotate()).deleted_versions


async def test_a_new_master_key_leaves_running_processes_alone(
    database: Database, settings: Settings, process: TableSecretStore, org: str, tmp_path: Path
) -> None:
    await put(database, process, org, "a", "one")
    keys = await rotation(settings, database)
    old = (await open_keyring(settings, database))._master
    new = make_key_file(tmp_path / "new.key")
    try:
        await keys.replace_master_key(new.key)

        await put(database, process, org, "b", "two")
        assert await value(database, process, org, "a") == "one"
        changed = settings.model_copy(update={"master_key_file": tmp_path / "new.key"})
        restarted = await a_process(changed, database)
        assert await value(database, restarted, org, "b") == "two"

        await (await rotation(changed, database)).rotate()
        with pytest.raises(DataKeyUnreadable, match="Restart it with the new master key"):
            await put(database, process, org, "c", "three")
        assert await value(database, restarted, org, "a") == "one"
    finally:
        changed = settings.model_copy(update={"master_key_file": tmp_path / "new.key"})
        await (await rotation(changed, database)).replace_master_key(old)
