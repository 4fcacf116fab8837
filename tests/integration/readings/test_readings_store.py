"""What a ledger changes, in the database: loaded, written, and safe from others."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest

from tieline.database.pipeline import Pipeline
from tieline.entities.flush import ConcurrentChange, conflicts_named
from tieline.entities.readings.ledger import ReadingLedger, lookup_for, lookup_for_scope
from tieline.entities.readings.models import ReadingChange
from tieline.entities.readings.parsing import parse_reading, parse_reference
from tieline.entities.readings.repository import load, write
from tieline.entities.retention import purge_recycle_bin
from tieline.mapping.models import ReadingMatching

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EXTERNAL, STRICT = ReadingMatching.EXTERNAL_ID, ReadingMatching.STRICT_DATE
METER, COUNTER, OTHER_COUNTER = uuid4(), uuid4(), uuid4()


def reading(external_id="r1", timestamp="2026-01-31T08:00:00Z", value=100, **more):
    return parse_reading(
        {
            "external_id": external_id,
            "timestamp": timestamp,
            "value": value,
            "source": "ERP",
            **more,
        }
    )


@pytest.fixture
def meter():
    return uuid4()


@pytest.fixture
def upsert(database, org, meter):
    """Upserts readings in a transaction of their own; what became of each."""

    async def change(*readings, counter=COUNTER, matching=EXTERNAL):
        async with database.organisation(org) as tx:
            ledger = ReadingLedger(org, NOW)
            await load(tx, ledger, [lookup_for(r, meter, counter, matching) for r in readings])
            outcomes = [ledger.upsert(r, meter, counter, matching) for r in readings]
            with conflicts_named():
                async with Pipeline(tx) as pipeline:
                    await write(pipeline, ledger.cut())
        return [outcome.change for outcome in outcomes]

    return change


@pytest.fixture
def stored(database, org, meter):
    """The stored readings of the meter, in the order of time."""

    async def read():
        async with database.organisation(org) as tx:
            ledger = ReadingLedger(org, NOW)
            await load(tx, ledger, [lookup_for_scope(meter, None)])
            return ledger.of_meter(meter, None)

    return read


async def test_a_reading_comes_back_as_it_was_sent(upsert, stored):
    sent = reading(
        timestamp="2026-01-31T08:00:00.1+01:00",
        value=Decimal("12345678901234567890.12345"),
        direction="feed-in",
        reason="first",
        metadata={"unit_no": 7},
        read_by="Müller",
    )
    assert await upsert(sent) == [ReadingChange.CREATED]
    [found] = await stored()
    assert found.timestamp == "2026-01-31T08:00:00.1+01:00"
    assert found.read_at == datetime(2026, 1, 31, 7, 0, 0, 100_000, tzinfo=UTC)
    assert found.value == Decimal("12345678901234567890.12345")
    assert found.direction == "feed-in"
    assert found.counter_id == COUNTER
    assert found.details == {"reason": "first", "metadata": {"unit_no": "7"}, "read_by": "Müller"}


async def test_a_bare_date_is_its_first_moment_in_utc(upsert, stored):
    await upsert(reading(timestamp="2026-01-31"))
    [found] = await stored()
    assert found.timestamp == "2026-01-31T00:00:00.000Z"


async def test_the_external_id_finds_the_stored_reading(upsert, stored):
    await upsert(reading(value=1))
    assert await upsert(reading(value=2)) == [ReadingChange.UPDATED]
    assert await upsert(reading(value=2)) == [ReadingChange.UNCHANGED]
    [found] = await stored()
    assert (found.value, found.version) == (2, 2)


async def test_a_reading_moves_in_time_by_its_external_id(upsert, stored):
    await upsert(reading(timestamp="2026-01-31"), reading("r2", "2026-02-01"))
    changes = await upsert(reading("r2", "2026-02-02"), reading("r1", "2026-02-01"))
    assert changes == [ReadingChange.UPDATED, ReadingChange.UPDATED]
    assert [(r.external_id, r.timestamp[:10]) for r in await stored()] == [
        ("r1", "2026-02-01"),
        ("r2", "2026-02-02"),
    ]


async def test_without_a_counter_the_external_id_is_looked_for_in_the_whole_meter(upsert, stored):
    await upsert(reading(timestamp="2026-01-31"), counter=COUNTER)
    await upsert(reading(timestamp="2026-02-01", value=7), counter=None)
    [found] = await stored()
    assert (found.counter_id, found.value) == (COUNTER, 7)


async def test_another_counter_has_readings_of_its_own(upsert, stored):
    await upsert(reading(), counter=COUNTER)
    await upsert(reading(), counter=OTHER_COUNTER)
    assert {r.counter_id for r in await stored()} == {COUNTER, OTHER_COUNTER}


async def test_the_day_finds_the_stored_reading(upsert, stored):
    await upsert(reading("portal", "2026-01-30T23:30:00Z", value=1))
    changes = await upsert(reading("erp", "2026-01-31T22:59:59Z", value=2), matching=STRICT)
    assert changes == [ReadingChange.UPDATED]
    [found] = await stored()
    assert (found.external_id, found.value) == ("erp", 2)


async def test_a_deleted_reading_is_gone(database, org, meter, upsert, stored):
    await upsert(reading("r1"), reading("r2", "2026-02-01"))
    reference = parse_reference({"external_id": "r1"})
    async with database.organisation(org) as tx:
        ledger = ReadingLedger(org, NOW)
        await load(tx, ledger, [lookup_for(reference, meter, None, EXTERNAL)])
        assert ledger.delete(reference, meter, None).change is ReadingChange.DELETED
        async with Pipeline(tx) as pipeline:
            await write(pipeline, ledger.cut())
    assert [r.external_id for r in await stored()] == ["r2"]


async def test_a_deleted_reading_makes_room_for_another_in_the_same_write(
    database, org, meter, upsert, stored
):
    await upsert(reading("r1"))
    async with database.organisation(org) as tx:
        ledger = ReadingLedger(org, NOW)
        await load(tx, ledger, [lookup_for_scope(meter, None)])
        [found] = ledger.of_meter(meter, None)
        ledger.remove(found)
        ledger.create(reading("r2"), meter, COUNTER)
        async with Pipeline(tx) as pipeline:
            await write(pipeline, ledger.cut())
    [found] = await stored()
    assert (found.external_id, found.version) == ("r2", 2)


async def test_two_writers_at_once_make_one_reading_of_one_external_id(upsert, stored):
    changes = await asyncio.gather(
        *(upsert(reading("r1", f"2026-01-{day:02}", value=day)) for day in range(1, 9))
    )
    assert sorted(change for [change] in changes) == ["created"] + ["updated"] * 7
    [found] = await stored()
    assert found.version == 1  # at its present moment; it moved there


async def test_two_writers_at_once_make_one_reading_of_one_day(upsert, stored):
    await asyncio.gather(
        *(
            upsert(reading(f"r{hour}", f"2026-01-31T{hour:02}:00:00Z"), matching=STRICT)
            for hour in range(8)
        )
    )
    assert len(await stored()) == 1


async def test_a_row_that_somebody_else_changed_is_not_overwritten(
    database, org, meter, upsert, stored
):
    await upsert(reading(value=1))
    [old] = await stored()
    await upsert(reading(value=2))

    async def change(what):
        async with database.organisation(org) as tx:
            ledger = ReadingLedger(org, NOW)
            ledger.add([old], [lookup_for_scope(meter, None)])
            what(ledger)
            with conflicts_named():
                async with Pipeline(tx) as pipeline:
                    await write(pipeline, ledger.cut())

    with pytest.raises(ConcurrentChange):
        await change(lambda ledger: ledger.upsert(reading(value=3), meter, COUNTER))
    with pytest.raises(ConcurrentChange):
        await change(lambda ledger: ledger.remove(old))
    [found] = await stored()
    assert found.value == 2


async def test_a_row_that_somebody_else_created_is_not_doubled(database, org, meter, upsert):
    await upsert(reading())
    async with database.organisation(org) as tx:
        ledger = ReadingLedger(org, NOW)
        ledger.declare_new(meter)
        ledger.create(reading("r2"), meter, COUNTER)
        with pytest.raises(ConcurrentChange), conflicts_named():
            async with Pipeline(tx) as pipeline:
                await write(pipeline, ledger.cut())


async def test_another_organisation_has_no_such_readings(services, database, org, meter, upsert):
    await upsert(reading())
    async with database.organisation(f"{org}-other") as tx:
        ledger = ReadingLedger(f"{org}-other", NOW)
        await load(
            tx,
            ledger,
            [lookup_for_scope(meter, None), lookup_for(reading(), meter, COUNTER, EXTERNAL)],
        )
        assert ledger.of_meter(meter, None) == []


async def test_readings_of_very_many_meters_are_written_at_once(database, org):
    pairs = [(reading(f"r{n}"), uuid4()) for n in range(1_500)]
    async with database.organisation(org) as tx:
        ledger = ReadingLedger(org, NOW)
        await load(tx, ledger, [lookup_for(r, m, COUNTER, EXTERNAL) for r, m in pairs])
        for sent, meter in pairs:
            ledger.upsert(sent, meter, COUNTER)
        async with Pipeline(tx) as pipeline:
            await write(pipeline, ledger.cut())
        count = await tx.fetchval("SELECT count(*) FROM meter_readings WHERE org_id = $1")
    assert count == 1_500


async def test_the_readings_of_a_meter_leave_with_it_when_the_recycle_bin_is_emptied(
    services, database, org, upsert, stored, meter
):
    await upsert(reading())
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    async with database.organisation(org) as tx:
        await tx.execute(
            "INSERT INTO entities (org_id, id, schema, attributes, search, version, created_at, "
            "updated_at, deleted_at) VALUES ($1, $2, 'meter', '{}', '', 1, $3, $3, $3)",
            meter,
            long_ago,
        )
    async with database.system() as tx:
        await purge_recycle_bin(tx, before=NOW)
    assert await stored() == []
