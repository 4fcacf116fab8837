"""Housekeeping: what is over goes, what is not stays."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from tieline.app import openapi_pages
from tieline.entities.retention import purge_recycle_bin
from tieline.inbound import repository
from tieline.maintenance import maintenance_duties
from tieline.settings import load_settings


class Undo(Exception):
    """Ends a transaction whose changes must not stay."""


@pytest.fixture
async def tx(database):
    try:
        async with database.system() as opened:
            yield opened
            raise Undo
    except Undo:
        pass


def duty(name, *, now):
    duties = maintenance_duties(load_settings({}), clock=lambda: now)
    return next(each for each in duties if each.name == name)


async def add_deleted_entity(client, number):
    made = (await client.post("/entity/v1/entity/relic", json={"number": number})).json()
    await client.delete(f"/entity/v1/entity/relic/{made['_id']}")
    return made["_id"]


async def test_the_recycle_bin_keeps_entities_for_its_time(client, tx, org):
    entity_id = await add_deleted_entity(client, "R1")
    await purge_recycle_bin(tx, datetime.now(UTC) - timedelta(days=1))
    kept = await tx.fetchval("SELECT count(*) FROM entities WHERE org_id = $1", org)
    assert kept == 1
    await purge_recycle_bin(tx, datetime.now(UTC) + timedelta(days=1))
    for table, column in (
        ("entities", "id"),
        ("entity_operations", "entity_id"),
        ("entity_relations", "entity_id"),
    ):
        left = await tx.fetchval(
            f"SELECT count(*) FROM {table} WHERE org_id = $1 AND {column} = $2", org, entity_id
        )
        assert left == 0, table


async def test_who_is_restored_at_this_moment_is_not_purged(client, database, org):
    entity_id = await add_deleted_entity(client, "R0")
    other = await database.dedicated()
    try:
        async with other.transaction():
            await other.execute("UPDATE entities SET deleted_at = NULL WHERE id = $1", entity_id)
            purging = asyncio.create_task(purge_all(database, org))
            await until_somebody_waits(other)
        assert await purging == 0
    finally:
        await other.close()
    assert (await client.get(f"/entity/v2/entity/relic/{entity_id}")).status_code == 200


async def purge_all(database, org):
    """Empties the recycle bins as if it were tomorrow; what others lose comes back."""
    try:
        async with database.system() as tx:
            await purge_recycle_bin(tx, datetime.now(UTC) + timedelta(days=1))
            left = await tx.fetchval("SELECT count(*) FROM entities WHERE org_id = $1", org)
            raise Undo
    except Undo:
        return 1 - left


async def until_somebody_waits(connection):
    async with asyncio.timeout(10):
        while not await connection.fetchval(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
        ):
            await asyncio.sleep(0.01)


async def test_housekeeping_does_not_make_others_wait_behind_a_long_transaction(database):
    partitions = duty("maintenance.partitions", now=datetime.now(UTC) + timedelta(days=3))
    async with database.system() as reader:
        await reader.fetchval("SELECT count(*) FROM inbound_events")
        with pytest.raises(asyncpg.LockNotAvailableError):
            async with asyncio.timeout(10), database.system() as tx:
                await partitions.perform(tx)


async def test_a_purged_relic_can_no_longer_be_looked_up(client, tx, org):
    body = {"unique_key": ["number"], "entity": {"number": "R2"}}
    made = (await client.patch("/entity/v1/entity/relic:upsert", json=body)).json()
    await client.delete(f"/entity/v1/entity/relic/{made['_id']}")
    sql = "SELECT count(*) FROM entity_index WHERE org_id = $1"
    assert await tx.fetchval(sql, org) == 1
    await purge_recycle_bin(tx, datetime.now(UTC) + timedelta(days=1))
    assert await tx.fetchval(sql, org) == 0


async def test_an_event_that_waits_keeps_its_partition(tx):
    now = datetime.now(UTC) + timedelta(days=60)
    await tx.execute(
        "INSERT INTO inbound_pending (org_id, integration_id, seq, event_id, accepted_at) "
        "VALUES ('waits', gen_random_uuid(), 1, 'e', now())"
    )
    assert await repository.oldest_waiting_event(tx) is not None
    await duty("maintenance.partitions", now=now).perform(tx)
    today = f"inbound_events_{datetime.now(UTC):%Y%m%d}"
    assert await tx.fetchval("SELECT to_regclass($1)::text", today) == today


async def test_what_is_over_goes_with_its_partition(tx):
    now = datetime.now(UTC) + timedelta(days=60)
    await duty("maintenance.partitions", now=now).perform(tx)
    today = f"inbound_events_{datetime.now(UTC):%Y%m%d}"
    assert await tx.fetchval("SELECT to_regclass($1)::text", today) is None
    outcomes = f"inbound_outcomes_{datetime.now(UTC):%Y%m%d}"
    assert await tx.fetchval("SELECT to_regclass($1)::text", outcomes) == outcomes


async def test_stored_answers_are_forgotten(client, tx, org):
    await client.post("/entity/v1/entity/relic", json={}, headers={"idempotency-key": "k"})
    sql = "SELECT count(*) FROM idempotency_keys WHERE org_id = $1"
    await duty("maintenance.stored_answers", now=datetime.now(UTC)).perform(tx)
    assert await tx.fetchval(sql, org) == 1
    later = datetime.now(UTC) + timedelta(hours=25)
    await duty("maintenance.stored_answers", now=later).perform(tx)
    assert await tx.fetchval(sql, org) == 0


async def test_statistics_of_the_queue_are_bounded(tx):
    await duty("maintenance.queue_statistics", now=datetime.now(UTC)).perform(tx)
    oldest = await tx.fetchval("SELECT min(created) FROM pgqueuer_statistics")
    assert oldest is None or oldest > datetime.now(UTC) - timedelta(days=8)


async def test_the_metrics_tell_the_age_of_the_backlog(client):
    response = await client.get("/metrics")
    assert response.status_code == 200
    assert "tieline_oldest_waiting_event_seconds" in response.text
    assert "tieline_http_requests_total" in response.text


async def test_health_needs_no_key_and_readiness_asks_the_database(application):
    from tests.conftest import http_client

    async with http_client(application, None) as stranger:
        assert (await stranger.get("/healthz")).json() == {"status": "ok"}
        assert (await stranger.get("/readyz")).json() == {"status": "ok"}
        assert (await stranger.get("/")).json()["apis"].keys() == openapi_pages().keys()


@pytest.mark.parametrize("surface", ["erp-integration", "entity"])
async def test_the_api_pages_load_nothing_from_elsewhere(client, surface):
    page = (await client.get(f"/{surface}/docs")).text
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert sources
    for source in sources:
        assert source.startswith(f"/{surface}/"), source
        assert (await client.get(source)).status_code == 200
