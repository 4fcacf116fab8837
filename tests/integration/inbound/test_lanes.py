"""Groups: events of one group in order, different groups side by side."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tieline.inbound import repository
from tieline.inbound.drain import Drain
from tieline.inbound.lanes import LANES, lane_of
from tieline.inbound.request import IngestLimits, read_request
from tieline.integrations.models import UseCaseChange, UseCaseType
from tieline.kit import json

CHANGE = UseCaseChange(
    type=UseCaseType.INBOUND,
    name="step",
    slug="step",
    enabled=True,
    configuration={
        "entities": [
            {
                "entity_schema": "case",
                "unique_ids": ["number"],
                "fields": [
                    {"attribute": "number", "field": "number"},
                    {"attribute": "steps", "jsonataExpression": '{"_append_all": [step]}'},
                ],
            }
        ]
    },
)


@pytest.fixture
async def integration(services, org, key):
    made = await services.integrations.create_integration(org, {"name": "steps"}, [CHANGE])
    return made.integration.id


def ingest(integration_id, events, group_id=None):
    sent = [
        {
            "use_case_slug": "step",
            "timestamp": "2026-01-31T08:00:00Z",
            "payload": {"number": number, "step": step},
            **({"group_id": group} if group is not None else {}),
        }
        for number, step, group in events
    ]
    body = {"integration_id": str(integration_id), "events": sent, "group_id": group_id}
    return read_request(json.dumps(body), IngestLimits(10_000, 1_000_000))


async def steps(database, org):
    async with database.reading(org) as tx:
        rows = await tx.fetch(
            "SELECT attributes->>'number' AS number, attributes->'steps' AS steps FROM entities "
            "WHERE org_id = $1 AND schema = 'case'"
        )
    return {row["number"]: json.loads(row["steps"]) for row in rows}


async def until_idle(database, org):
    async with asyncio.timeout(60):
        while True:
            async with database.reading(org) as tx:
                if not await tx.fetchval(
                    "SELECT EXISTS (SELECT FROM inbound_pending WHERE org_id = $1)"
                ):
                    return
            await asyncio.sleep(0.01)


async def test_events_of_one_group_are_applied_in_order(services, database, org, integration):
    groups = [f"customer-{n}" for n in range(40)]
    for step in range(10):
        events = [(group, step, group) for group in groups]
        await services.acceptance.accept(org, ingest(integration, events))
    await until_idle(database, org)
    assert await steps(database, org) == {group: list(range(10)) for group in groups}


async def test_the_groups_of_a_request_and_of_an_event(services, database, org, integration):
    request = ingest(integration, [("a", 1, None), ("b", 1, "own")], group_id="all")
    await services.acceptance.accept(org, request)
    async with database.reading(org) as tx:
        rows = await tx.fetch("SELECT group_id FROM inbound_events WHERE org_id = $1 ORDER BY seq")
    assert [row["group_id"] for row in rows] == ["all", "own"]
    await until_idle(database, org)


async def test_a_group_that_is_held_up_does_not_hold_up_the_others(
    services, database, org, integration
):
    slow, quick = "slow", next(g for g in "abcdefgh" if lane_of(g) != lane_of("slow"))
    async with database.organisation(org) as tx:
        assert await repository.try_lock_lane(tx, integration, lane_of(slow))
        events = [("1", 1, slow), ("2", 1, quick), ("3", 1, None)]
        await services.acceptance.accept(org, ingest(integration, events))
        async with asyncio.timeout(20):
            while len(await steps(database, org)) < 2:
                await asyncio.sleep(0.01)
        assert (await steps(database, org)).keys() == {"2", "3"}
    await until_idle(database, org)
    assert len(await steps(database, org)) == 3


async def test_lanes_that_change_the_same_entity_lose_nothing(services, database, org, integration):
    drain = Drain(database, services.integrations, services.mapper, batch_size=20)
    groups = [f"g{n}" for n in range(LANES)]
    events = [("shared", f"{group}-{step}", group) for step in range(25) for group in groups]
    await services.acceptance.accept(org, ingest(integration, events))

    async def drain_lane(lane):
        while True:
            # A lane that lost against the others gives up for now; its job would come again.
            with contextlib.suppress(Exception):
                return await drain.run(org, integration, lane)

    async with asyncio.timeout(60):
        await asyncio.gather(*(drain_lane(lane) for lane in range(LANES + 1)))
    await until_idle(database, org)
    found = (await steps(database, org))["shared"]
    assert sorted(found) == sorted(step for _, step, _ in events)
    for group in groups:
        of_group = [step for step in found if step.startswith(f"{group}-")]
        assert of_group == [f"{group}-{step}" for step in range(25)]


async def test_a_replay_stays_in_its_group(services, database, org, integration):
    await services.acceptance.accept(org, ingest(integration, [("a", 1, "mine")]))
    await until_idle(database, org)
    async with database.reading(org) as tx:
        event_id = await tx.fetchval("SELECT event_id FROM inbound_events WHERE org_id = $1")
    await services.stored_events.replay(org, integration, [event_id])
    async with database.reading(org) as tx:
        rows = await tx.fetch("SELECT group_id FROM inbound_events WHERE org_id = $1")
    assert [row["group_id"] for row in rows] == ["mine", "mine"]
    await until_idle(database, org)


async def test_events_without_a_job_are_found_in_every_lane(services, database, org, integration):
    async with database.organisation(org) as tx:
        for lane in (0, lane_of("x")):
            assert await repository.try_lock_lane(tx, integration, lane)
        await services.acceptance.accept(org, ingest(integration, [("a", 1, None), ("b", 1, "x")]))
        async with database.system() as other:
            await other.execute("DELETE FROM pgqueuer WHERE entrypoint = 'inbound.drain'")
    await until_idle(database, org)
    assert (await steps(database, org)).keys() == {"a", "b"}


@pytest.mark.parametrize("group_id", ["", "x" * 129, 5, "a\0b"])
async def test_a_malformed_group_is_an_error_of_its_event(
    services, database, org, integration, group_id
):
    request = ingest(integration, [("a", 1, group_id), ("b", 1, "x" * 128)])
    results = await services.acceptance.accept(org, request)
    assert [result.status.value for result in results] == ["error", "success"]
    assert results[0].message.startswith("group_id: ")
    await until_idle(database, org)


def test_a_lane_is_the_same_in_every_process():
    assert lane_of(None) == 0
    assert [lane_of(group) for group in ("a", "customer-4711")] == [4, 16]
    assert {lane_of(str(n)) for n in range(1000)} == set(range(1, LANES + 1))
