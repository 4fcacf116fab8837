"""The history of events: pages, spans, single events, and how they are found."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from catalogue_world import World

from tieline.catalogue import history_repository
from tieline.catalogue.errors import EventNotInHistory, UnknownEvent
from tieline.catalogue.history import EventHistory
from tieline.catalogue.models import Event
from tieline.catalogue.past import HistoryQuery, PastEvent
from tieline.database import Database
from tieline.database.partitions import drop_expired
from tieline.kit.ids import ulids_at

NAME = "OrderSubmission"
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def history(world: World) -> EventHistory:
    return world.catalogue.history


async def keep(
    database: Database, org: str, moments: list[datetime], name: str = NAME, **fields: Any
) -> list[str]:
    """Events at these moments; their ids, the newest first."""
    ids = ulids_at(moments)
    events = [
        Event(
            org_id=org,
            id=event_id,
            name=name,
            version="1.0.0",
            time=moment,
            source="entity",
            trigger_source_type="operation",
            trigger_source="activity",
            fields=fields,
        )
        for event_id, moment in zip(ids, moments, strict=True)
    ]
    async with database.organisation(org) as tx:
        await history_repository.add(tx, [(PastEvent(each), '{"a": 1}') for each in events])
    return [each.id for each in sorted(events, key=lambda e: (e.time, e.id), reverse=True)]


async def pages(history: EventHistory, org: str, **query: Any) -> list[list[str]]:
    found, cursor = [], None
    while True:
        page = await history.search(org, HistoryQuery(name=NAME, cursor=cursor, **query))
        found.append([past.event.id for past in page.events])
        cursor = page.next_cursor
        if cursor is None:
            return found


async def test_pages_follow_each_other_without_gap_or_overlap(
    database: Database, history: EventHistory, org: str, key: str
) -> None:
    moments = [NOW - timedelta(seconds=n // 4) for n in range(23)]
    ids = await keep(database, org, moments)
    found = await pages(history, org, limit=5)
    assert [len(page) for page in found] == [5, 5, 5, 5, 3]
    assert [event_id for page in found for event_id in page] == ids


async def test_a_full_last_page_has_no_cursor(
    database: Database, history: EventHistory, org: str, key: str
) -> None:
    await keep(database, org, [NOW] * 5)
    assert [len(page) for page in await pages(history, org, limit=5)] == [5]


async def test_a_span_includes_both_ends(
    database: Database, history: EventHistory, org: str, key: str
) -> None:
    ids = await keep(database, org, [NOW - timedelta(minutes=n) for n in range(5)])
    since, until = NOW - timedelta(minutes=3), NOW - timedelta(minutes=1)
    [found] = await pages(history, org, since=since, until=until)
    assert found == ids[1:4]


async def test_one_event_is_found_by_its_id(
    database: Database, history: EventHistory, org: str, key: str
) -> None:
    ids = await keep(database, org, [NOW, NOW, NOW - timedelta(days=1)])
    for event_id in ids:
        assert await pages(history, org, event_id=event_id) == [[event_id]]
        assert (await history.get(org, NAME, event_id)).event.fields == {"a": 1}
    [other] = ulids_at([NOW])
    for unknown in (other, "evt_1234567890abcdef", "", "ü", "ZZZZZZZZZZZZZZZZZZZZZZZZZZ"):
        assert await pages(history, org, event_id=unknown) == [[]]
        with pytest.raises(EventNotInHistory):
            await history.get(org, NAME, unknown)


async def test_each_event_and_each_organisation_has_a_history_of_its_own(
    database: Database, history: EventHistory, org: str, key: str, services: Any
) -> None:
    other = f"{org}-b"
    await services.identity.create_key(other, name="test")
    mine = await keep(database, org, [NOW])
    await keep(database, org, [NOW], name="FileCreated")
    theirs = await keep(database, other, [NOW])
    assert await pages(history, org) == [mine]
    assert await pages(history, other) == [theirs]
    with pytest.raises(EventNotInHistory):
        await history.get(org, NAME, theirs[0])


async def test_an_event_that_does_not_exist_has_no_history(
    history: EventHistory, org: str, key: str
) -> None:
    with pytest.raises(UnknownEvent):
        await history.search(org, HistoryQuery(name="Nothing"))
    with pytest.raises(UnknownEvent):
        await history.get(org, "Nothing", "x")


async def test_a_page_reads_the_end_of_an_index_and_sorts_nothing(
    database: Database, history: EventHistory, org: str, key: str
) -> None:
    await keep(database, org, [NOW - timedelta(seconds=n) for n in range(2_000)])
    async with database.organisation(org) as tx:
        await tx.connection.execute("ANALYZE event_history")
        plan = await tx.fetch(
            "EXPLAIN (ANALYZE, COSTS off, TIMING off) SELECT * FROM event_history "
            "WHERE org_id = $1 AND event_name = $2 AND (event_time, event_id) < ($3, $4) "
            "ORDER BY event_time DESC, event_id DESC LIMIT 11",
            NAME,
            NOW - timedelta(seconds=1_000),
            "",
        )
    lines = "\n".join(row[0] for row in plan)
    assert "Sort" not in lines
    assert "Seq Scan" not in lines
    assert max(int(float(rows)) for rows in re.findall(r"rows=([\d.]+)", lines)) <= 12


async def test_old_days_are_dropped_as_a_whole(database: Database) -> None:
    async with database.system() as tx:
        dropped = await drop_expired(
            tx.connection, {"event_history": timedelta(days=0)}, NOW + timedelta(days=1)
        )
        assert f"event_history_{NOW:%Y%m%d}" in dropped
        assert {name.rpartition("_")[0] for name in dropped} == {"event_history"}
        await tx.execute("ROLLBACK")
        await tx.execute("BEGIN")
