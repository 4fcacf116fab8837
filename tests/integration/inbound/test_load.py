"""Many integrations and large payloads in one small process."""

from __future__ import annotations

import asyncio

import pytest

from tieline.app import Application, concurrent_jobs
from tieline.entities import indexing
from tieline.entities.repository import load_by_keys, open_workspace
from tieline.entities.workspace import Key, Workspace
from tieline.inbound import repository
from tieline.inbound.drain import Drain
from tieline.inbound.request import IngestLimits, read_request
from tieline.integrations.models import UseCaseChange, UseCaseType
from tieline.kit import json
from tieline.kit.time import utc_now
from tieline.settings import load_settings

CHANGE = UseCaseChange(
    type=UseCaseType.INBOUND,
    name="note",
    slug="note",
    enabled=True,
    configuration={
        "entities": [
            {
                "entity_schema": "note",
                "unique_ids": ["number"],
                "fields": [{"attribute": "number", "field": "number"}],
            }
        ]
    },
)


def ingest(integration_id, *payloads):
    events = [
        {"use_case_slug": "note", "timestamp": "2026-01-31T08:00:00Z", "payload": payload}
        for payload in payloads
    ]
    body = json.dumps({"integration_id": str(integration_id), "events": events})
    return read_request(body, IngestLimits(100, 10_000_000))


async def outcomes(database, org):
    async with database.reading(org) as tx:
        return await tx.fetch("SELECT status FROM inbound_outcomes WHERE org_id = $1")


async def test_more_busy_integrations_than_connections_do_not_wait_for_each_other(tmp_path):
    settings = load_settings(
        {}, data_dir=tmp_path / "data", database_pool_size=4, log_level="warning"
    )
    application = await Application.start(settings, work=True, serve=False)
    try:
        services = application.services
        await services.identity.create_key("acme", name="test")
        made = [
            await services.integrations.create_integration("acme", {"name": str(n)}, [CHANGE])
            for n in range(8)
        ]
        for entry in made:
            request = ingest(entry.integration.id, {"number": "1"})
            await services.acceptance.accept("acme", request)
        async with asyncio.timeout(15):
            while len(await outcomes(services.database, "acme")) < 8:
                await asyncio.sleep(0.02)
    finally:
        await application.stop()


@pytest.mark.parametrize(("connections", "jobs"), [(4, 2), (12, 5), (200, 20)])
def test_jobs_leave_connections_to_requests(connections, jobs):
    assert concurrent_jobs(load_settings({}, database_pool_size=connections)) == jobs


async def test_large_payloads_come_in_smaller_batches(services, database, org, key):
    made = await services.integrations.create_integration(org, {"name": "large"}, [CHANGE])
    integration_id = made.integration.id
    payloads = [{"number": str(n), "text": "x" * 3_000_000} for n in range(8)]
    async with database.organisation(org) as tx:
        # Keeps the workers away until the events are there.
        assert await repository.try_lock_lane(tx, integration_id, 0)
        for payload in payloads:
            await services.acceptance.accept(org, ingest(integration_id, payload))
        first = await repository.waiting_events(tx, integration_id, 0, 500)
        rest = await repository.waiting_events(tx, integration_id, 0, 500, after=first[-1].seq)
    assert (len(first), len(rest)) == (6, 2)
    drain = Drain(database, services.integrations, services.mapper, batch_size=500)
    await drain.run(org, integration_id)
    async with asyncio.timeout(30):
        while len(found := await outcomes(database, org)) < 8:
            await asyncio.sleep(0.02)
    assert {row["status"] for row in found} == {"success"}


async def test_of_a_value_that_thousands_share_only_some_entities_are_loaded(database, org, key):
    async with database.organisation(org) as tx:
        await indexing.register(tx, [("note", "country")])
        await tx.execute(
            "INSERT INTO entities SELECT $1, gen_random_uuid(), 'note', NULL, "
            """'{"country": "DE"}', 1, now() - n * interval '1 s', now(), """
            "CASE WHEN n % 2 = 0 THEN now() END, '' FROM generate_series(1, 1000) n"
        )
        await tx.execute(
            "INSERT INTO entity_index SELECT $1, 'note', 'country', 'DE', id "
            "FROM entities WHERE org_id = $1"
        )
        oldest = await tx.fetchval(
            "SELECT id FROM entities WHERE org_id = $1 AND deleted_at IS NULL "
            "ORDER BY created_at LIMIT 1"
        )
        for pairs in ([("country", "DE")], [("country", "DE"), ("country", "DE")]):
            workspace = Workspace(org, utc_now())
            await open_workspace(tx, workspace, ["note"])
            key = Key.of("note", pairs)
            await load_by_keys(tx, workspace, [key])
            found = workspace.find(key)
            assert 1 < len(found.live) <= 100
            assert oldest in [entity.id for entity in found.live]
            assert not found.deleted


async def test_an_id_beside_another_unique_id_finds_the_entity(database, services, org, key):
    async with database.organisation(org) as tx:
        await indexing.register(tx, [("note", "Number")])
        entity_id = await tx.fetchval(
            "INSERT INTO entities SELECT $1, gen_random_uuid(), 'note', NULL, "
            """'{"Number": "7"}', 1, now(), now(), NULL, '' RETURNING id"""
        )
        workspace = Workspace(org, utc_now())
        await open_workspace(tx, workspace, ["note"])
        key = Key.of("note", [("_id", str(entity_id)), ("Number", "7")])
        await load_by_keys(tx, workspace, [key])
    assert [entity.id for entity in workspace.find(key).live] == [entity_id]
