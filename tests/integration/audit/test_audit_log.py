"""The audit log in the database: added to, read, and changed by nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tieline.audit.actor import SYSTEM, Actor, ActorKind, acting_as
from tieline.audit.errors import AuditEntryNotFound
from tieline.audit.models import Action, AuditEntry, AuditQuery, Shown
from tieline.audit.recording import record, record_all, viewed
from tieline.audit.service import AuditLog
from tieline.database import Database
from tieline.database.partitions import drop_expired, ensure_partitions
from tieline.kit.errors import InvalidInput

ANNA = Actor(ActorKind.USER, "usr_anna", "Anna Muster", "192.0.2.7", "req-1")
ERP = Actor(ActorKind.KEY, "api_erp", "ERP key")


@pytest.fixture
def log(database: Database) -> AuditLog:
    return AuditLog(database)


@pytest.fixture
async def superuser(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A connection of somebody who may do everything in the database."""
    connection = await database.dedicated()
    yield connection
    await connection.close()


async def note(database: Database, org: str, action: str, target_id: str, **documents: Any) -> None:
    async with database.organisation(org) as tx:
        await record(tx, action, action.partition(".")[0], target_id, **documents)


async def entries(log: AuditLog, org: str, **query: Any) -> list[AuditEntry]:
    return (await log.query(org, AuditQuery(**query))).entries


async def test_an_entry_says_who_did_what_and_from_where(
    database: Database, log: AuditLog, org: str
) -> None:
    began = datetime.now(UTC)
    with acting_as(ANNA):
        await note(database, org, "webhook.updated", "whk_1", before={"n": 1}, after={"n": 2})

    [entry] = await entries(log, org)
    assert entry.actor == ANNA
    assert (entry.action, entry.target_type, entry.target_id) == (
        "webhook.updated",
        "webhook",
        "whk_1",
    )
    assert began <= entry.at <= datetime.now(UTC)
    assert entry.changes() == [{"path": "/n", "old": 1, "new": 2}]
    assert await log.get(org, entry.id) == entry


async def test_without_anybody_it_was_tieline_itself(
    database: Database, log: AuditLog, org: str
) -> None:
    await note(database, org, "thing.changed", "1")

    [entry] = await entries(log, org)
    assert entry.actor == SYSTEM


async def test_an_entry_goes_with_the_change_that_is_rolled_back(
    database: Database, log: AuditLog, org: str
) -> None:
    async def changed_in_vain() -> None:
        async with database.organisation(org) as tx:
            await record(tx, "thing.changed", "thing", "1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await changed_in_vain()

    assert await entries(log, org) == []


async def test_no_secret_reaches_the_table(database: Database, org: str) -> None:
    before, after = {"password": "hunter-old"}, {"password": "hunter-new"}
    await note(database, org, "thing.changed", "1", before=before, after=after)

    async with database.reading(org) as tx:
        stored = await tx.fetchval("SELECT a::text FROM audit_log a WHERE org_id = $1")
    assert "hunter" not in stored
    assert "redacted: changed" in stored


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET actor_id = 'nobody' WHERE org_id = $1",
        "DELETE FROM audit_log WHERE org_id = $1",
        "UPDATE {partition} SET actor_id = 'nobody' WHERE org_id = $1",
        "DELETE FROM {partition} WHERE org_id = $1",
    ],
)
async def test_the_database_refuses_to_change_an_entry(
    database: Database, superuser: asyncpg.Connection, org: str, statement: str
) -> None:
    await note(database, org, "thing.changed", "1")
    partition = f"audit_log_{datetime.now(UTC):%Y%m}"

    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="only ever added"):
        await superuser.execute(statement.format(partition=partition), org)


@pytest.mark.parametrize("table", ["audit_log", f"audit_log_{datetime.now(UTC):%Y%m}"])
async def test_the_database_refuses_to_empty_the_log(
    superuser: asyncpg.Connection, table: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="only ever added"):
        await superuser.execute(f"TRUNCATE {table}")


async def test_retention_drops_whole_partitions_of_the_log(superuser: asyncpg.Connection) -> None:
    old = datetime(2024, 5, 10, tzinfo=UTC)
    transaction = superuser.transaction()
    await transaction.start()
    await ensure_partitions(superuser, old)
    await superuser.execute(
        "INSERT INTO audit_log (org_id, at, id, actor_kind, actor_id, actor_name, action, "
        "target_type, target_id) VALUES ('o', $1, 'aud_1', 'system', '', '', '', '', '')",
        old,
    )
    dropped = await drop_expired(superuser, {"audit_log": timedelta(days=365)}, datetime.now(UTC))
    left = await superuser.fetchval("SELECT count(*) FROM audit_log WHERE org_id = 'o'")
    await transaction.rollback()

    assert "audit_log_202405" in dropped
    assert left == 0


async def seven_entries(database: Database, org: str) -> None:
    """Entries of two actors about two things."""
    for number, actor in enumerate([ANNA, ERP, ANNA, ERP, ANNA, ERP, ANNA]):
        with acting_as(actor):
            what = "webhook.updated" if number % 3 else "key.rotated"
            after = {"display_name": f"Stadtwerke {number}"}
            await note(database, org, what, f"id-{number % 2}", after=after)


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({}, [6, 5, 4, 3, 2, 1, 0]),
        ({"actor": "api_erp"}, [5, 3, 1]),
        ({"actor": "key_erp"}, [5, 3, 1]),
        ({"action": "key.rotated"}, [6, 3, 0]),
        ({"target_type": "webhook"}, [5, 4, 2, 1]),
        ({"target_id": "id-1"}, [5, 3, 1]),
        ({"target_type": "key", "target_id": "id-1", "actor": "api_erp"}, [3]),
        ({"request_id": "req-1"}, [6, 4, 2, 0]),
        ({"search": "STADTWERKE 4"}, [4]),
        ({"search": "muster"}, [6, 4, 2, 0]),
        ({"search": "192.0.2"}, [6, 4, 2, 0]),
        ({"search": "100%_"}, []),
    ],
)
async def test_every_filter_filters(
    database: Database, log: AuditLog, org: str, query: dict[str, Any], numbers: list[int]
) -> None:
    await seven_entries(database, org)

    found = await entries(log, org, **query)

    names = [entry.after["display_name"] for entry in found if entry.after]
    assert names == [f"Stadtwerke {number}" for number in numbers]


async def test_dates_are_inclusive(database: Database, log: AuditLog, org: str) -> None:
    await seven_entries(database, org)
    newest_first = await entries(log, org)
    some = newest_first[2:5]

    found = await entries(log, org, from_date=some[-1].at, to_date=some[0].at)

    assert found == some
    with pytest.raises(InvalidInput, match="from"):
        await entries(log, org, from_date=some[0].at, to_date=some[-1].at)


async def test_every_entry_is_on_exactly_one_page(
    database: Database, log: AuditLog, org: str
) -> None:
    actions = [Action("thing.changed", "thing", str(number)) for number in range(11)]
    async with database.organisation(org) as tx:
        await record_all(tx, actions)  # all of the same moment

    seen: list[str] = []
    page = await log.query(org, AuditQuery(), limit=4)
    seen += [entry.target_id for entry in page.entries]
    while page.next_cursor is not None:
        page = await log.query(org, AuditQuery(), cursor=page.next_cursor, limit=4)
        seen += [entry.target_id for entry in page.entries]

    assert len(seen) == 11
    assert set(seen) == {str(number) for number in range(11)}


async def test_an_export_is_complete_in_order_and_noted(
    database: Database, log: AuditLog, org: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tieline.audit.service._EXPORTED_TOGETHER", 3)
    await seven_entries(database, org)
    with acting_as(ANNA):
        exported = [entry async for entry in await log.export(org, AuditQuery())]

    assert exported == (await entries(log, org))[:0:-1]
    [noted] = await entries(log, org, action="audit_log.exported")
    assert noted.actor == ANNA
    assert noted.after == {}


async def test_an_export_holds_no_connection_while_its_taker_is_slow(
    database: Database, log: AuditLog, org: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tieline.audit.service._EXPORTED_TOGETHER", 1)
    await seven_entries(database, org)
    exports = [await log.export(org, AuditQuery(actor="api_erp")) for _ in range(30)]
    for export in exports:
        await anext(export)

    async with asyncio.timeout(10):
        assert len(await entries(log, org, actor="usr_anna")) == 4
    assert [len([entry async for entry in export]) for export in exports] == [2] * 30


@pytest.mark.parametrize(
    "entry_id",
    [
        "",
        "aud_",
        "aud_01J00000000000000000000000",
        "aud_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
        "x",
        "aud_\x00",
    ],
)
async def test_an_id_of_nothing_is_not_found(log: AuditLog, org: str, entry_id: str) -> None:
    with pytest.raises(AuditEntryNotFound):
        await log.get(org, entry_id)


async def test_organisations_do_not_see_each_other(
    database: Database, log: AuditLog, org: str
) -> None:
    await note(database, org, "thing.changed", "1")
    [entry] = await entries(log, org)

    assert await entries(log, f"{org}-other") == []
    with pytest.raises(AuditEntryNotFound):
        await log.get(f"{org}-other", entry.id)


async def test_looking_is_noted_with_what_was_seen(
    database: Database, log: AuditLog, org: str
) -> None:
    with acting_as(ANNA):
        await viewed(database, org, Shown.API_KEY, [], {"search": "ERP"})
        await viewed(database, org, Shown.API_KEY, ["key_1"])
        await viewed(database, org, Shown.EVENT, [f"e{n}" for n in range(150)], {"limit": 150})

    several, one = await entries(log, org)
    assert (one.action, one.target_type, one.target_id) == (
        "secret_metadata.viewed",
        "api_key",
        "key_1",
    )
    assert (several.action, several.target_id) == ("payload.viewed", "*")
    assert several.after is not None
    assert (len(several.after["ids"]), several.after["count"]) == (100, 150)
    assert several.after["query"] == {"limit": 150}


async def test_an_id_that_is_very_long_is_cut_off(
    database: Database, log: AuditLog, org: str
) -> None:
    await note(database, org, "thing.changed", "ß" * 5_000)

    [entry] = await entries(log, org)
    assert entry.target_id == "ß" * 500
