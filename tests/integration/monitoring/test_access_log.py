"""The access log is written behind the calls, and never at their cost."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tieline import metrics
from tieline.database import Database
from tieline.kit.time import utc_now
from tieline.monitoring.access_log import AccessLog
from tieline.monitoring.access_models import AccessEntry, AccessQuery

NOW = utc_now()


def entry(org: str, number: int) -> AccessEntry:
    return AccessEntry(
        org_id=org,
        token_id="api_1",
        at=NOW - timedelta(seconds=number),
        request_id=f"r{number}",
        service="entity",
        method="GET",
        path="/entity",
        status=200,
        latency_ms=1,
        response_length=2,
        origin=None,
        source_ip=None,
    )


async def seen(log: AccessLog, org: str, limit: int = 50) -> list[str]:
    page = await log.query(org, AccessQuery(("api_1",), limit=limit))
    return [call.request_id for call in page.entries]


def lost() -> float:
    return metrics.CALLS_NOT_LOGGED._value.get()


async def test_stopping_writes_down_what_waits(database: Database, org: str) -> None:
    log = AccessLog(database)
    log.start()
    log.record(entry(org, 1))
    await log.stop()

    assert await seen(log, org) == ["r1"]


async def test_calls_are_written_down_without_being_asked_to(database: Database, org: str) -> None:
    log = AccessLog(database)
    log.start()
    for number in range(1_000):
        log.record(entry(org, number))
    async with asyncio.timeout(20):
        while len(await seen(log, org, 1_000)) < 1_000:
            await asyncio.sleep(0.01)
    await log.stop()

    assert (await seen(log, org))[:2] == ["r0", "r1"]


async def test_the_oldest_give_way_and_are_counted(database: Database, org: str) -> None:
    log = AccessLog(database, capacity=1_000)
    before = lost()
    for number in range(1_200, 0, -1):
        log.record(entry(org, number))
    await log.flush()

    assert lost() - before == 200
    assert len(await seen(log, org, 2_000)) == 1_000
    assert (await seen(log, org, 1)) == ["r1"]


async def test_calls_wait_while_the_database_is_away(database: Database, org: str) -> None:
    away = Database(database.url)
    log = AccessLog(away)
    before = lost()
    log.record(entry(org, 2))
    await log.flush()
    log.record(entry(org, 1))
    await away.open()
    try:
        await log.flush()
        assert await seen(log, org) == ["r1", "r2"]
    finally:
        await away.close()
    assert lost() == before


async def test_calls_that_cannot_be_stored_do_not_hold_up_the_others(
    database: Database, org: str
) -> None:
    log = AccessLog(database)
    before = lost()
    log.record(entry(org, 1)._replace(path="\x00"))
    await log.flush()
    log.record(entry(org, 2))
    await log.flush()

    assert await seen(log, org) == ["r2"]
    assert lost() - before == 1


async def test_a_flush_that_is_broken_off_loses_nothing(database: Database, org: str) -> None:
    log = AccessLog(database)
    log.record(entry(org, 1))
    flushing = asyncio.create_task(log.flush())
    await asyncio.sleep(0)
    flushing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flushing
    await log.stop()

    assert await seen(log, org) == ["r1"]


async def test_what_is_no_longer_kept_is_not_shown(database: Database, org: str) -> None:
    log = AccessLog(database, clock=lambda: NOW + timedelta(days=40))
    log.record(entry(org, 1))
    await log.flush()

    assert await seen(log, org) == []
    assert await seen(AccessLog(database), org) == ["r1"]
