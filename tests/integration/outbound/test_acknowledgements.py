"""Acknowledgements: taken once, in time, and missed where they do not come."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tieline.database import Database
from tieline.http.services import Services
from tieline.kit.ids import new_ulid, new_uuid
from tieline.kit.time import utc_now
from tieline.monitoring.models import Outcome, OutcomeQuery, OutcomeStatus, SyncType
from tieline.outbound.acknowledgements.duties import acknowledgement_duties
from tieline.outbound.acknowledgements.errors import AcknowledgementUnknown
from tieline.outbound.acknowledgements.models import Awaited
from tieline.outbound.acknowledgements.service import (
    Acknowledgements,
    await_acknowledgements,
    begin_waiting,
)

MINUTE = timedelta(minutes=1)


def awaited(org: str, **different: Any) -> Awaited:
    usual = {
        "org_id": org,
        "ack_id": new_ulid(),
        "integration_id": new_uuid(),
        "use_case_id": new_uuid(),
        "mapping_id": new_uuid(),
        "webhook_id": new_uuid(),
        "delivery_id": new_uuid(),
        "event_id": new_ulid(),
        "event_name": "EntityCreated",
        "correlation_id": "c-1",
        "created_at": utc_now(),
    }
    return Awaited(**{**usual, **different})


async def wait_for(database: Database, *some: Awaited, delivered_at: datetime | None) -> None:
    async with database.organisation(some[0].org_id) as tx:
        await await_acknowledgements(tx, some)
        if delivered_at is not None:
            ids = [(each.org_id, each.ack_id) for each in some]
            await begin_waiting(tx, ids, delivered_at)


async def expire(database: Database, org: str, now: datetime) -> list[Outcome]:
    """Perform the duty at a moment; what it has noted of the organisation."""
    noted: list[Outcome] = []
    [duty] = acknowledgement_duties(
        retention=timedelta(days=28), finished=noted.extend, clock=lambda: now
    )
    async with database.system() as tx:
        await duty.perform(tx)
    return [outcome for outcome in noted if outcome.org_id == org]


async def test_an_acknowledgement_counts_once(database: Database, org: str) -> None:
    message = awaited(org)
    await wait_for(database, message, delivered_at=utc_now())
    acknowledgements = Acknowledgements(database)

    await acknowledgements.acknowledge(org, message.ack_id)

    with pytest.raises(AcknowledgementUnknown):
        await acknowledgements.acknowledge(org, message.ack_id)


async def test_of_many_at_once_only_one_counts(database: Database, org: str) -> None:
    message = awaited(org)
    await wait_for(database, message, delivered_at=utc_now())
    acknowledgements = Acknowledgements(database)

    results = await asyncio.gather(
        *(acknowledgements.acknowledge(org, message.ack_id) for _ in range(8)),
        return_exceptions=True,
    )

    assert results.count(None) == 1
    assert sum(isinstance(each, AcknowledgementUnknown) for each in results) == 7


async def test_another_organisation_acknowledges_nothing(database: Database, org: str) -> None:
    message = awaited(org)
    await wait_for(database, message, delivered_at=utc_now())
    acknowledgements = Acknowledgements(database)

    with pytest.raises(AcknowledgementUnknown):
        await acknowledgements.acknowledge(f"org-{new_ulid()}", message.ack_id)

    await acknowledgements.acknowledge(org, message.ack_id)


async def test_it_may_come_before_the_end_of_the_delivery_is_recorded(
    database: Database, org: str
) -> None:
    message = awaited(org)
    await wait_for(database, message, delivered_at=None)

    await Acknowledgements(database).acknowledge(org, message.ack_id)

    now = utc_now()
    async with database.organisation(org) as tx:
        await begin_waiting(tx, [(org, message.ack_id)], now)
    assert await expire(database, org, now + 16 * MINUTE) == []


@pytest.mark.parametrize(("minutes", "in_time"), [(14, True), (15, False), (16, False)])
async def test_it_has_to_come_within_15_minutes_after_the_delivery(
    database: Database, org: str, minutes: int, in_time: bool
) -> None:
    delivered_at = datetime(2026, 1, 31, 8, tzinfo=UTC)
    message = awaited(org, created_at=delivered_at - timedelta(hours=5))
    await wait_for(database, message, delivered_at=delivered_at)
    later = Acknowledgements(database, clock=lambda: delivered_at + minutes * MINUTE)

    if in_time:
        await later.acknowledge(org, message.ack_id)
    else:
        with pytest.raises(AcknowledgementUnknown):
            await later.acknowledge(org, message.ack_id)


async def test_time_runs_from_the_first_delivery_on(database: Database, org: str) -> None:
    now = utc_now()
    message = awaited(org)
    await wait_for(database, message, delivered_at=now)

    async with database.organisation(org) as tx:
        await begin_waiting(tx, [(org, message.ack_id)], now + 10 * MINUTE)

    [outcome] = await expire(database, org, now + 15 * MINUTE)
    assert outcome.event_id == message.event_id


async def test_one_that_does_not_come_is_a_warning_in_monitoring(
    services: Services, database: Database, org: str
) -> None:
    integration_id = new_uuid()
    now = utc_now()
    event_id = new_ulid()
    # Two messages of one event: each is missed by itself.
    messages = [awaited(org, integration_id=integration_id, event_id=event_id) for _ in range(2)]
    await wait_for(database, *messages, delivered_at=now - 20 * MINUTE)
    undelivered = awaited(org, integration_id=integration_id)
    await wait_for(database, undelivered, delivered_at=None)

    assert len(await expire(database, org, now)) == 2

    page = await services.monitoring.query_inbound(
        org, integration_id, OutcomeQuery(sync_type=SyncType.WEBHOOK)
    )
    assert len(page.outcomes) == 2
    use_cases = {outcome.use_case_id for outcome in page.outcomes}
    assert use_cases == {message.use_case_id for message in messages}
    outcome = page.outcomes[0]
    assert (outcome.status, outcome.error_code) == (OutcomeStatus.WARNING, "ACK_TIMEOUT")
    assert outcome.error_category == "timeout"
    assert (outcome.event_id, outcome.object_type) == (event_id, "EntityCreated")
    assert outcome.duration_ms == 20 * 60 * 1000
    assert "not acknowledged within 15 minutes" in (outcome.error_message or "")
    assert await expire(database, org, now) == [], "it is told once"
    await Acknowledgements(database).acknowledge(org, undelivered.ack_id)


async def test_what_is_never_delivered_is_forgotten_with_its_delivery(
    database: Database, org: str
) -> None:
    now = utc_now()
    old = awaited(org, created_at=now - timedelta(days=29))
    await wait_for(database, old, delivered_at=None)

    assert await expire(database, org, now) == []

    with pytest.raises(AcknowledgementUnknown):
        await Acknowledgements(database).acknowledge(org, old.ack_id)


async def test_thousands_that_do_not_come_are_told_one_by_one(database: Database, org: str) -> None:
    integration_id, event_id = new_uuid(), new_ulid()
    now = utc_now()
    messages = [
        awaited(org, integration_id=integration_id, event_id=event_id) for _ in range(2_500)
    ]
    await wait_for(database, *messages, delivered_at=now - 20 * MINUTE)

    outcomes = await expire(database, org, now)

    assert len(outcomes) == 2_500
    async with database.organisation(org) as tx:
        stored = await tx.fetchval("SELECT count(*) FROM inbound_outcomes WHERE org_id = $1")
    assert stored == 2_500
