"""Mass redrive of deliveries: interrupted, repeated and paced, it sends each letter again once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from webhook_making import calling, made, until

from tieline.database import Database
from tieline.http.services import Services
from tieline.kit.time import utc_now
from tieline.outbound.dead_letters import redrive_repository
from tieline.outbound.dead_letters.models import LetterFilter, Redrive
from tieline.outbound.dead_letters.redrive import REDRIVE, delivery_redriving
from tieline.outbound.dead_letters.service import DeadDeliveries
from tieline.outbound.deliveries import queue
from tieline.outbound.deliveries.models import DeliveryState, Ending, NewDelivery
from tieline.runtime.stepwise import WorkStatus

FAR = timedelta(hours=1)  # the worker of the test process leaves a redrive of then alone
FAILED = Ending(DeliveryState.FAILED, "HTTP_500", "The receiver answered 500.")


class Interrupted(Exception):
    """What a process that is killed in the middle of a step amounts to."""


def later() -> datetime:
    return utc_now() + FAR


@pytest.fixture
async def webhook_id(services: Services, org: str) -> UUID:
    """A webhook whose deliveries wait."""
    webhook = (await made(services, org)).webhook
    await services.webhooks.pause_webhook(calling(org), webhook.id)
    return webhook.id


async def fail(database: Database, org: str, webhook_id: UUID, count: int) -> list[UUID]:
    """Deliveries that failed."""
    new = [
        NewDelivery(webhook_id=webhook_id, event_id="e", event_name="E", body=b"{}", ending=FAILED)
        for _ in range(count)
    ]
    async with database.organisation(org) as tx:
        return await queue.enqueue(tx, new, utc_now())


async def begin(services: Services, org: str, rate: int) -> Redrive:
    """A redrive that the worker of the test process does not touch."""
    dead = DeadDeliveries(services.database, clock=later)
    return await dead.redrive(calling(org), LetterFilter(), rate_per_second=rate, by="test")


async def now_of(services: Services, org: str, redrive: Redrive) -> Redrive:
    return await services.dead_deliveries.get_redrive(calling(org), redrive.id)


async def queued(services: Services, org: str, webhook_id: UUID) -> list[UUID]:
    """The deliveries that are on their way, in the order of the queue."""
    async with services.database.organisation(org) as tx:
        rows = await tx.fetch(
            "SELECT delivery_id FROM delivery_queue WHERE org_id = $1 AND webhook_id = $2 "
            "ORDER BY seq",
            webhook_id,
        )
    return [row["delivery_id"] for row in rows]


async def test_each_step_takes_what_the_rate_allows_oldest_first(
    services: Services, database: Database, org: str, webhook_id: UUID
) -> None:
    letters = await fail(database, org, webhook_id, 5)
    redrive = await begin(services, org, rate=2)
    redriving = delivery_redriving(database, clock=lambda: later() + FAR)

    for step, expected in enumerate((2, 4, 5)):
        await redriving.step(org, redrive.id, step)
        assert await queued(services, org, webhook_id) == letters[:expected]

    done = await now_of(services, org, redrive)
    assert (done.status, done.redriven, done.total) == (WorkStatus.DONE, 5, 5)


async def test_a_step_that_is_repeated_finds_its_work_done(
    services: Services, database: Database, org: str, webhook_id: UUID
) -> None:
    await fail(database, org, webhook_id, 5)
    redrive = await begin(services, org, rate=2)
    redriving = delivery_redriving(database, clock=lambda: later() + FAR)

    for _ in range(3):
        await redriving.step(org, redrive.id, 0)

    assert (await now_of(services, org, redrive)).redriven == 2
    assert len(await queued(services, org, webhook_id)) == 2


async def test_a_step_that_is_interrupted_leaves_nothing_behind(
    services: Services,
    database: Database,
    org: str,
    webhook_id: UUID,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await fail(database, org, webhook_id, 2)
    redrive = await begin(services, org, rate=2)
    redriving = delivery_redriving(database, clock=lambda: later() + FAR)

    async def dies(*_arguments: Any) -> None:
        raise Interrupted

    with monkeypatch.context() as patched:
        patched.setattr(redrive_repository, "update_progress", dies)
        with pytest.raises(Interrupted):
            await redriving.step(org, redrive.id, 0)

    assert await queued(services, org, webhook_id) == []
    assert await now_of(services, org, redrive) == redrive
    await redriving.step(org, redrive.id, 0)
    assert len(await queued(services, org, webhook_id)) == 2


async def test_a_job_that_comes_much_too_early_leaves_the_redrive_alone(
    services: Services, database: Database, org: str, webhook_id: UUID
) -> None:
    await fail(database, org, webhook_id, 1)
    redrive = await begin(services, org, rate=1)
    await delivery_redriving(database).step(org, redrive.id, 0)
    assert await now_of(services, org, redrive) == redrive


async def test_what_fails_after_it_began_is_left_alone(
    services: Services, database: Database, org: str, webhook_id: UUID
) -> None:
    [letter] = await fail(database, org, webhook_id, 1)
    redrive = await begin(services, org, rate=10)
    async with database.organisation(org) as tx:
        await queue.enqueue(
            tx,
            [
                NewDelivery(
                    webhook_id=webhook_id, event_id="e", event_name="E", body=b"{}", ending=FAILED
                )
            ],
            redrive.created_at + timedelta(seconds=1),
        )

    await delivery_redriving(database, clock=lambda: later() + FAR).step(org, redrive.id, 0)

    assert await queued(services, org, webhook_id) == [letter]


async def test_a_redrive_whose_job_was_lost_goes_on_and_is_forgotten_in_the_end(
    services: Services, database: Database, org: str, webhook_id: UUID
) -> None:
    await fail(database, org, webhook_id, 3)
    caller = calling(org)
    redrive = await services.dead_deliveries.redrive(
        caller, LetterFilter(), rate_per_second=1, by="test"
    )
    async with database.system() as tx:
        await tx.execute("DELETE FROM pgqueuer WHERE entrypoint = 'outbound.redrive'")
    sweep, _ = REDRIVE.duties(sweep_seconds=1, retention=FAR, clock=later)
    _, forget = REDRIVE.duties(sweep_seconds=1, retention=FAR)

    async def swept() -> bool:
        async with database.system() as tx:
            await sweep.perform(tx)
        return (await now_of(services, org, redrive)).status is WorkStatus.DONE

    await until(swept)
    assert len(await queued(services, org, webhook_id)) == 3

    async with database.system() as tx:
        await forget.perform(tx)
    assert redrive.id in [each.id for each in await services.dead_deliveries.list_redrives(caller)]
    _, forget = REDRIVE.duties(sweep_seconds=1, retention=FAR, clock=lambda: later() + FAR)
    async with database.system() as tx:
        await forget.perform(tx)
    assert await services.dead_deliveries.list_redrives(caller) == []
