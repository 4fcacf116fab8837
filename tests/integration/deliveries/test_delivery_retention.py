"""The log of deliveries is dropped by days, but not while something of a day still waits."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tests.integration.deliveries.delivering import Engines, deliver, nothing_waits, webhook

from tieline import maintenance
from tieline.database import Transaction
from tieline.database.partitions import TABLES, existing_partitions
from tieline.http.services import Services
from tieline.kit.errors import Conflict
from tieline.kit.time import utc_now
from tieline.maintenance import maintenance_duties
from tieline.outbound.deliveries.repository import oldest_due
from tieline.settings import load_settings

URL = "https://erp.example.com/hook"
NAMES = ("deliveries", "delivery_attempts")


class Undo(Exception):
    """Ends a transaction whose changes must not stay."""


async def left_after_retention(services: Services) -> set[str]:
    """The tables that still have today's partition after 29 days."""
    now = utc_now()
    duties = maintenance_duties(load_settings({}), clock=lambda: now + timedelta(days=29, hours=1))
    [partitions] = [each for each in duties if each.name == "maintenance.partitions"]
    found: set[str] = set()
    with pytest.raises(Undo):  # noqa: PT012 - the transaction has to end like that
        async with services.database.system() as tx:
            await partitions.perform(tx)
            existing = await existing_partitions(tx.connection)
            tables = [table for table in TABLES if table.name in NAMES]
            found |= {each.name for each in tables if each.partition(each.start(now)) in existing}
            raise Undo
    return found


async def test_a_day_is_dropped_when_its_time_is_over(resting: Services, engines: Engines) -> None:
    assert not await left_after_retention(resting)


async def test_a_day_is_kept_while_one_of_its_deliveries_waits(
    resting: Services, engines: Engines, org: str
) -> None:
    await deliver(resting.database, await webhook(resting, org, URL))

    assert await left_after_retention(resting) == set(NAMES)


async def test_a_day_is_kept_when_one_of_its_deliveries_is_sent_again_meanwhile(
    resting: Services, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = iter([None, utc_now()])  # nothing waits at first, then something of today does

    async def oldest_waiting(tx: Transaction) -> datetime | None:
        return next(seen)

    monkeypatch.setattr(maintenance, "oldest_waiting", oldest_waiting)
    with pytest.raises(Conflict, match="sent again"):
        await left_after_retention(resting)


async def test_what_could_be_sent_and_is_not_is_overdue(
    resting: Services, engines: Engines, org: str
) -> None:
    paused = await webhook(resting, org, URL, paused_at="2026-01-31T08:00:00Z")
    async with resting.database.system() as tx:
        await deliver(resting.database, paused)
        assert await oldest_due(tx, utc_now()) is None
        before = utc_now()
        await deliver(resting.database, await webhook(resting, org, URL))
        due = await oldest_due(tx, utc_now())
        assert due is not None
        assert before <= due <= utc_now()

    async with resting.database.organisation(org) as own:
        await own.execute("UPDATE webhooks SET paused_at = NULL WHERE org_id = $1")
    await engines.start()
    await nothing_waits(resting.database, org)
    async with resting.database.system() as tx:
        assert await oldest_due(tx, utc_now()) is None
