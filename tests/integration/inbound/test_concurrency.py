"""Several workers at once: one winner, no doubles, nothing forgotten."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest

from tieline.database.embedded import EmbeddedServer
from tieline.database.pool import Database
from tieline.entities import repository
from tieline.entities.flush import ConcurrentChange, flush
from tieline.entities.models import Activity
from tieline.entities.workspace import Key, Workspace
from tieline.inbound import repository as inbound
from tieline.inbound.drain import Drain
from tieline.inbound.errors import TooBusy
from tieline.inbound.request import IngestLimits, read_request
from tieline.integrations.models import UseCaseChange, UseCaseType
from tieline.kit import json
from tieline.kit.time import utc_now

CONFIGURATION = {
    "entities": [
        {
            "entity_schema": "meter",
            "unique_ids": ["number"],
            "fields": [
                {"attribute": "number", "field": "number"},
                {"attribute": "seen_by", "jsonataExpression": '{"_append": [system]}'},
                {
                    "attribute": "site",
                    "relations": {
                        "operation": "_set",
                        "items": [
                            {
                                "entity_schema": "site",
                                "unique_ids": [{"attribute": "code", "field": "site"}],
                            }
                        ],
                    },
                },
            ],
        }
    ]
}


@pytest.fixture
async def integrations(services, org, key):
    """Two integrations with the same use case."""
    change = UseCaseChange(
        type=UseCaseType.INBOUND,
        name="meter",
        slug="meter",
        enabled=True,
        configuration=CONFIGURATION,
    )
    made = [
        await services.integrations.create_integration(org, {"name": name}, [change])
        for name in ("north", "south")
    ]
    return [entry.integration.id for entry in made]


def ingest(integration_id: UUID, numbers, system):
    events = [
        {
            "use_case_slug": "meter",
            "timestamp": "2026-01-31T08:00:00Z",
            "payload": {"number": f"M{n}", "system": system, "site": f"S{n % 5}"},
        }
        for n in numbers
    ]
    body = json.dumps({"integration_id": str(integration_id), "events": events})
    return read_request(body, IngestLimits(100, 1_000_000))


async def count(database, org, schema):
    async with database.reading(org) as tx:
        return await tx.fetchval(
            "SELECT count(*) FROM entities WHERE org_id = $1 AND schema = $2", schema
        )


async def until_idle(database, org):
    async with asyncio.timeout(30):
        while True:
            async with database.reading(org) as tx:
                if not await tx.fetchval(
                    "SELECT EXISTS (SELECT FROM inbound_pending WHERE org_id = $1)"
                ):
                    return
            await asyncio.sleep(0.01)


async def test_two_workers_that_see_new_unique_ids_at_once_make_one_entity_each(
    services, database, org, integrations
):
    async def send(integration_id, system):
        for start in range(0, 200, 20):
            numbers = range(start, start + 20)
            await services.acceptance.accept(org, ingest(integration_id, numbers, system))

    await asyncio.gather(send(integrations[0], "north"), send(integrations[1], "south"))
    await until_idle(database, org)
    assert await count(database, org, "meter") == 200
    assert await count(database, org, "site") == 5
    async with database.reading(org) as tx:
        rows = await tx.fetch(
            "SELECT attributes->'seen_by' AS seen FROM entities "
            "WHERE org_id = $1 AND schema = 'meter'"
        )
        failed = await tx.fetch(
            "SELECT error_message FROM inbound_outcomes WHERE org_id = $1 AND status = 'error'"
        )
    assert failed == []
    # Neither change of an entity overwrote the other.
    assert {frozenset(json.loads(row["seen"])) for row in rows} == {frozenset({"north", "south"})}


async def test_several_drains_of_one_integration_do_the_work_once(
    services, database, org, integrations
):
    drain = Drain(database, services.integrations, services.mapper, batch_size=7)
    await services.acceptance.accept(org, ingest(integrations[0], range(50), "north"))
    await asyncio.gather(*(drain.run(org, integrations[0]) for _ in range(5)))
    await until_idle(database, org)
    async with database.reading(org) as tx:
        outcomes = await tx.fetchval("SELECT count(*) FROM inbound_outcomes WHERE org_id = $1")
        made = await tx.fetchval(
            "SELECT count(*) FROM entity_operations WHERE org_id = $1 AND schema = 'meter'"
        )
    assert outcomes == 50
    assert made == 50


async def test_an_event_without_a_job_is_found_by_the_sweeper(
    services, database, org, integrations
):
    async with database.organisation(org) as tx:
        await tx.execute("SELECT $1")
    await services.acceptance.accept(org, ingest(integrations[0], range(3), "north"))
    async with database.system() as tx:
        # The job is lost, the rows are not.
        await tx.execute("DELETE FROM pgqueuer WHERE status = 'queued'")
    await until_idle(database, org)
    assert await count(database, org, "meter") == 3


async def test_a_stale_version_is_not_overwritten(database, org, key):
    del key
    activity = Activity("Test", "Test", "Test")
    first = Workspace(org, utc_now())
    async with database.organisation(org) as tx:
        await repository.open_workspace(tx, first, {"meter"})
        entity = first.create("meter", {"number": "M1"}, activity)
        await flush(tx, first)
    stale = Workspace(org, utc_now())
    async with database.organisation(org) as tx:
        await repository.load_by_ids(tx, stale, [entity.id])
    fresh = Workspace(org, utc_now())
    async with database.organisation(org) as tx:
        await repository.load_by_ids(tx, fresh, [entity.id])
        fresh.update(fresh.get(entity.id), {"number": "M2"}, Activity("Test", "Test", "Test"))
        await flush(tx, fresh)
    stale.update(stale.get(entity.id), {"number": "M3"}, Activity("Test", "Test", "Test"))
    with pytest.raises(ConcurrentChange):
        async with database.organisation(org) as tx:
            await flush(tx, stale)
    async with database.reading(org) as tx:
        number = await tx.fetchval(
            "SELECT attributes->>'number' FROM entities WHERE org_id = $1 AND id = $2", entity.id
        )
    assert number == "M2"


async def test_whoever_creates_under_a_key_waits_for_the_one_before(database, org, key):
    del key
    number = Key.of("meter", [("number", "M7")])
    holding = asyncio.Event()
    release = asyncio.Event()
    order = []

    async def first():
        async with database.organisation(org) as tx:
            await repository.lock_keys(tx, [number])
            holding.set()
            await release.wait()
            order.append("first")

    async def second():
        await holding.wait()
        async with database.organisation(org) as tx:
            waiting = asyncio.create_task(repository.lock_keys(tx, [number]))
            await asyncio.wait({waiting}, timeout=0.05)
            assert not waiting.done()
            release.set()
            await waiting
            order.append("second")

    await asyncio.gather(first(), second())
    assert order == ["first", "second"]


async def test_a_database_that_comes_back_is_used_again(tmp_path):
    server = EmbeddedServer(tmp_path / "data")
    server.acquire()
    database = Database(server.url, pool_size=4, embedded=server)
    await database.open()
    try:
        async with database.system() as tx:
            assert await tx.fetchval("SELECT 1") == 1
        server._stop()
        async with database.system() as tx:
            assert await tx.fetchval("SELECT 2") == 2
    finally:
        await database.close()
        server.release()


@pytest.fixture
def poisoned(monkeypatch):
    """Makes one event bring its whole transaction down, by whatever error a test chooses."""

    def poison(error):
        import tieline.entities.flush as module

        original = module.lexemes

        def failing(schema, title, attributes):
            if attributes.get("number") == "M13":
                raise error
            return original(schema, title, attributes)

        monkeypatch.setattr(module, "lexemes", failing)

    return poison


async def failures(database, org):
    async with database.reading(org) as tx:
        rows = await tx.fetch(
            "SELECT error_code, count(*) AS n FROM inbound_outcomes "
            "WHERE org_id = $1 AND status = 'error' GROUP BY 1"
        )
    return {row["error_code"]: row["n"] for row in rows}


@pytest.mark.parametrize(
    ("error", "code"), [(RuntimeError("a bug"), "UNKNOWN_ERROR"), (KeyError(1), "UNKNOWN_ERROR")]
)
async def test_an_event_that_breaks_its_transaction_fails_alone(
    services, database, org, integrations, poisoned, error, code
):
    poisoned(error)
    await services.acceptance.accept(org, ingest(integrations[0], range(40), "north"))
    await until_idle(database, org)
    assert await failures(database, org) == {code: 1}
    assert await count(database, org, "meter") == 39


async def test_an_entity_that_grows_too_large_fails_its_event_only(
    services, database, org, integrations, monkeypatch
):
    monkeypatch.setattr("tieline.entities.flush.MAX_ENTITY_LENGTH", 300)
    await services.acceptance.accept(org, ingest(integrations[0], [1], "x" * 400))
    await services.acceptance.accept(org, ingest(integrations[0], [2], "north"))
    await until_idle(database, org)
    assert await failures(database, org) == {"ENTITY_TOO_LARGE": 1}
    assert await count(database, org, "meter") == 1


async def test_work_without_an_event_is_not_looked_for_forever(
    services, database, org, integrations
):
    async with database.organisation(org) as tx:
        await tx.execute(
            "INSERT INTO inbound_pending (org_id, integration_id, seq, event_id, accepted_at) "
            "VALUES ($1, $2, 1, 'lost', now())",
            integrations[0],
        )
    drain = Drain(database, services.integrations, services.mapper, batch_size=10)
    async with asyncio.timeout(10):
        await drain.run(org, integrations[0])
    await until_idle(database, org)


async def test_more_than_the_database_takes_in_is_refused_and_nothing_is_stored(
    services, database, org, integrations, monkeypatch
):
    monkeypatch.setattr("tieline.inbound.acceptance._LARGEST_BACKLOG", 1_000)

    async def send(n):
        try:
            await services.acceptance.accept(org, ingest(integrations[0], [n], "x" * 900))
        except TooBusy:
            return False
        return True

    accepted = await asyncio.gather(*(send(n) for n in range(30)))
    assert True in accepted
    assert False in accepted
    await until_idle(database, org)
    assert await count(database, org, "meter") == accepted.count(True)
    assert await send(99)


async def test_the_fault_of_an_event_is_never_recorded_for_the_one_behind_it(
    services, database, org, integrations
):
    quick = Drain(database, services.integrations, services.mapper, batch_size=1)

    class Interrupted(Drain):
        """Somebody else has the lane between the failure and its record."""

        async def _give_up(self, *arguments):
            await quick.run(org, integrations[0])
            return await super()._give_up(*arguments)

    request = ingest(integrations[0], [1, 2], "north")
    too_large = replace(
        request.events[0], payload=json.dumps({"number": "M1", "system": "x" * 2_100_000})
    )
    async with database.organisation(org) as tx:
        assert await inbound.try_lock_lane(tx, integrations[0], 0)  # the application's own worker
        await services.acceptance.accept(
            org, replace(request, events=[too_large, request.events[1]])
        )
    drain = Interrupted(database, services.integrations, services.mapper, batch_size=1)
    await drain.run(org, integrations[0])
    await until_idle(database, org)
    async with database.reading(org) as tx:
        rows = await tx.fetch(
            "SELECT o.status, o.error_code FROM inbound_outcomes o JOIN inbound_events e "
            "USING (org_id, event_id) WHERE o.org_id = $1 ORDER BY e.seq"
        )
    assert [tuple(row) for row in rows] == [("error", "ENTITY_TOO_LARGE"), ("success", None)]


async def test_whoever_creates_very_many_entities_waits_for_all_others(database, org, monkeypatch):
    monkeypatch.setattr(repository, "_MOST_LOCKS", 2)
    keys = [Key.of("meter", [("number", str(n))]) for n in range(4)]
    order = []

    async def lock_all():
        async with database.organisation(org) as tx:
            await repository.lock_keys(tx, keys[1:])
            order.append("all")

    async with database.organisation(org) as tx:
        await repository.lock_keys(tx, keys[:1])
        waiting = asyncio.create_task(lock_all())
        async with asyncio.timeout(10):
            while not await tx.fetchval(
                "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND $1 <> '')"
            ):
                await asyncio.sleep(0.01)
        order.append("one")
    await waiting
    assert order == ["one", "all"]


@pytest.mark.parametrize(
    "error", [asyncpg.OutOfMemoryError("out of shared memory"), TimeoutError()]
)
async def test_a_batch_that_is_too_much_for_the_database_is_made_smaller(
    services, database, org, integrations, monkeypatch, error
):
    sizes = []
    lock = repository.lock_keys

    async def crowded(tx, keys):
        sizes.append(len(keys))
        if len(keys) > 5:
            raise error
        await lock(tx, keys)

    async with database.organisation(org) as tx:
        assert await inbound.try_lock_lane(tx, integrations[0], 0)  # the application's own worker
        await services.acceptance.accept(org, ingest(integrations[0], range(8), "north"))
    monkeypatch.setattr(repository, "lock_keys", crowded)
    drain = Drain(database, services.integrations, services.mapper, batch_size=8)
    await drain.run(org, integrations[0])
    await until_idle(database, org)
    assert max(sizes) > 5
    assert await count(database, org, "meter") == 8


async def test_an_event_that_takes_too_long_fails_alone(
    services, database, org, integrations, monkeypatch
):
    lock = repository.lock_keys

    async def slow(tx, keys):
        if any("M3" in text for key in keys for _, text in key.pairs):
            raise TimeoutError
        await lock(tx, keys)

    async with database.organisation(org) as tx:
        assert await inbound.try_lock_lane(tx, integrations[0], 0)  # the application's own worker
        await services.acceptance.accept(org, ingest(integrations[0], range(8), "north"))
    monkeypatch.setattr(repository, "lock_keys", slow)
    drain = Drain(database, services.integrations, services.mapper, batch_size=8)
    await drain.run(org, integrations[0])
    await until_idle(database, org)
    assert await failures(database, org) == {"TIMEOUT": 1}
    assert await count(database, org, "meter") == 7
