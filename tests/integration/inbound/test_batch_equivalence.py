"""Whatever the size of the batches, events do what they would do one by one."""

from __future__ import annotations

import asyncio
import random

import pytest
from test_features import CONTRACTS, INVOICE, TARIFFS

from tieline.inbound import repository
from tieline.inbound.drain import Drain
from tieline.inbound.request import IngestLimits, read_request
from tieline.integrations.models import UseCaseChange, UseCaseType
from tieline.kit import json

SERIAL = {"attribute": "serial", "field": "serial"}
METERS = [
    {
        "entity_schema": "meter",
        "unique_ids": ["serial"],
        "fields": [SERIAL, {"attribute": "number", "field": "meter"}],
    },
    {
        "entity_schema": "meter_counter",
        "unique_ids": ["register"],
        "fields": [{"attribute": "register", "field": "counter"}],
    },
]
ACCOUNT = {
    "entity_schema": "account",
    "unique_ids": ["ext"],
    "fields": [{"attribute": "ext", "field": "ext"}, {"attribute": "number", "field": "account"}],
}


def removal(mode):
    block = {"entity_schema": "meter", "mode": mode, "unique_ids": ["serial"], "fields": [SERIAL]}
    return {"entities": [block]}


def readings(matching, mode, *, counter, meters):
    block = {
        "jsonataExpression": "readings.$merge([$, {'meter': $$.meter, 'counter': $$.counter}])",
        "mode": mode,
        "reading_matching": matching,
        "meter": {"unique_ids": [{"attribute": "number", "field": "meter"}]},
        "fields": [
            {"attribute": name, "field": name}
            for name in ("external_id", "timestamp", "value", "source", "direction")
        ],
    }
    if counter:
        block["meter_counter"] = {"unique_ids": [{"attribute": "register", "field": "counter"}]}
    return {"entities": METERS if meters else [], "meter_readings": [block]}


READINGS = {
    f"{matching}-{mode}-{counter:d}-{meters:d}": readings(
        matching, mode, counter=counter, meters=meters
    )
    for matching in ("external_id", "strict-date")
    for mode in ("upsert", "delete", "upsert-prune-scope")
    for counter in (False, True)
    for meters in (False, True)
}
USE_CASES = {
    "contracts": CONTRACTS,
    "tariffs": TARIFFS,
    "invoice": INVOICE,
    "account": {"entities": [ACCOUNT]},
    "meters": {"entities": METERS},
    "delete": removal("delete"),
    "purge": removal("purge"),
    **READINGS,
}
# Around the night in which the clocks go forward in Germany.
MOMENTS = (
    "2026-03-29",
    "2026-03-28T23:30:00Z",
    "2026-03-29T00:30:00Z",
    "2026-03-29T21:59:00Z",
    "2026-03-29T22:01:00Z",
)


def event(choose):
    """A use case and a payload; few names, so that events get into each other's way."""
    number = choose.choice("123")
    # Now and then a meter takes the number of another one.
    meter = choose.choice("123") if choose.random() < 0.15 else number
    place = {"serial": number, "meter": f"M{meter}", "counter": choose.choice(["HT", "NT"])}
    sent = [
        {
            "external_id": choose.choice("abcdef"),
            "timestamp": choose.choice(MOMENTS),
            "value": choose.randrange(5),
            "source": choose.choice(["ERP", "ECP"]),
            "direction": choose.choice([None, None, "feed-in"]),
        }
        for _ in range(choose.randrange(4))
    ]
    contracts = choose.sample(["C1", "C2", "C3", "C4"], choose.randrange(4))
    tariffs = choose.sample(["T1", "T2", "T3"], choose.randrange(3))
    address = {"street": choose.choice("abc")}
    return choose.choice(
        [
            ("contracts", {"account": f"A{number}", "contracts": contracts}),
            ("tariffs", {"region": choose.choice(["n", "s"]), "tariffs": tariffs}),
            ("invoice", {"number": f"I{number}", "customer": f"K{meter}", "address": address}),
            ("account", {"ext": choose.choice("XY"), "account": f"A{number}"}),
            ("meters", place),
            (choose.choice(["delete", "purge"]), {"serial": number}),
            *((choose.choice(list(READINGS)), {**place, "readings": sent}) for _ in range(6)),
        ]
    )


@pytest.fixture
async def play(services, database):
    """Applies events in batches of a size; what is stored then, without what differs by chance."""

    async def run(org, events, size):
        await services.identity.create_key(org, name="test")
        changes = [
            UseCaseChange(
                type=UseCaseType.INBOUND, name=slug, slug=slug, enabled=True, configuration=content
            )
            for slug, content in USE_CASES.items()
        ]
        made = await services.integrations.create_integration(org, {"name": "all"}, changes)
        integration_id = made.integration.id
        body = {
            "integration_id": str(integration_id),
            "events": [
                {"use_case_slug": slug, "timestamp": "2026-01-31T08:00:00Z", "payload": payload}
                for slug, payload in events
            ],
        }
        request = read_request(json.dumps(body), IngestLimits(1_000, 1_000_000))
        async with database.organisation(org) as tx:
            # Without a job the worker of the test process leaves them alone for two seconds.
            assert await repository.try_lock_lane(tx, integration_id, 0)
            await services.acceptance.accept(org, request)
            async with database.system() as other:
                await other.execute("DELETE FROM pgqueuer WHERE entrypoint = 'inbound.drain'")
        drain = Drain(database, services.integrations, services.mapper, batch_size=size)
        await drain.run(org, integration_id)
        async with asyncio.timeout(30):
            while await waiting(database, org):
                await asyncio.sleep(0.01)
        return await stored(database, org)

    return run


async def waiting(database, org):
    async with database.reading(org) as tx:
        return await tx.fetchval("SELECT count(*) FROM inbound_pending WHERE org_id = $1")


async def stored(database, org):
    async with database.reading(org) as tx:
        entities = await tx.fetch("SELECT * FROM entities WHERE org_id = $1")
        rows = await tx.fetch("SELECT * FROM meter_readings WHERE org_id = $1")
        outcomes = await tx.fetch(
            "SELECT o.sync_type, o.status, o.error_code, o.warnings FROM inbound_outcomes o "
            "JOIN inbound_events e USING (org_id, event_id) WHERE o.org_id = $1 "
            "ORDER BY e.seq, o.sync_type"
        )
    attributes = {row["id"]: json.loads(row["attributes"]) for row in entities}
    names = {
        str(i): sorted(str(v) for v in a.values() if isinstance(v, str | int))
        for i, a in attributes.items()
    }
    for content in attributes.values():
        content.pop("document", None)

    def named(value):
        match value:
            case dict():
                kept = {name: each for name, each in value.items() if name != "_id"}
                return {name: named(each) for name, each in kept.items()}
            case list():
                return [named(each) for each in value]
            case _:
                return str(names.get(value, value)) if isinstance(value, str) else value

    return (
        sorted(
            json.dumps_str([row["schema"], row["deleted_at"] is None, named(attributes[row["id"]])])
            for row in entities
        ),
        sorted(
            str([names.get(str(row["meter_id"])), names.get(str(row["counter_id"]), []), *values])
            for row in rows
            for values in [[str(row[n]) for n in ("read_at", "direction", "value", "external_id")]]
        ),
        [
            (*list(row)[:3], [w["code"] for w in json.loads(row["warnings"] or "[]")])
            for row in outcomes
        ],
    )


@pytest.mark.parametrize("seed", range(3))
async def test_events_in_batches_do_what_they_do_one_by_one(play, org, seed):
    choose = random.Random(seed)
    events = [event(choose) for _ in range(300)]
    singly = await play(f"{org}-1", events, 1)
    together = await play(f"{org}-300", events, 300)
    assert together == singly
    assert all(singly)  # something of every kind is left to be compared
