"""What waits: paused, disabled, cancelled, redriven, kept in order, sent at once."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from datetime import timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from tests.integration.deliveries.delivering import (
    Engines,
    attempts,
    caller,
    change,
    deliver,
    deliveries,
    nothing_waits,
    state,
    until,
    waiting,
    webhook,
)

from tieline.http.services import Services
from tieline.kit.ids import new_uuid
from tieline.kit.time import utc_now
from tieline.outbound.deliveries import queue
from tieline.outbound.deliveries.errors import DeliveryNotFound
from tieline.outbound.deliveries.models import DeliveryState, Ending, NewDelivery
from tieline.outbound.deliveries.verdicts import SUCCESS, Outcome, of_status

URL = "https://erp.example.com/hook"
PAUSED = "2026-01-31T08:00:00Z"
DOWN = of_status(500)


async def test_a_delivery_with_an_ending_is_only_noted(
    resting: Services, engines: Engines, org: str
) -> None:
    hook = await webhook(resting, org, URL)
    ending = Ending(DeliveryState.SKIPPED, "CONDITIONS_NOT_MET", "The status is not open.")
    new = NewDelivery(webhook_id=hook.id, event_id="e", event_name="a.b", body=None, ending=ending)
    async with resting.database.organisation(org) as tx:
        await queue.enqueue(tx, [new], utc_now())
        assert await queue.enqueue(tx, [], utc_now()) == []

    [logged] = (await deliveries(resting.database, org)).values()
    assert (logged["state"], logged["error_code"]) == ("skipped", "CONDITIONS_NOT_MET")
    assert logged["ended_at"] is not None
    assert not await waiting(resting.database, org)


async def test_what_is_not_committed_is_not_sent(
    resting: Services, engines: Engines, org: str
) -> None:
    hook = await webhook(resting, org, URL)
    await engines.start()
    with contextlib.suppress(ZeroDivisionError):
        async with resting.database.organisation(org) as tx:
            new = NewDelivery(webhook_id=hook.id, event_id="e", event_name="a", body=b"1")
            await queue.enqueue(tx, [new], utc_now())
            raise ZeroDivisionError
    [kept] = await deliver(resting.database, hook)

    await nothing_waits(resting.database, org)

    assert [leased.delivery_id for leased in engines.script.attempted] == [kept]


async def test_deliveries_of_a_paused_webhook_wait_and_go_out_in_order(
    resting: Services, engines: Engines, org: str
) -> None:
    hook = await webhook(resting, org, URL, max_concurrency=1)
    hook = await change(resting, hook, paused_at=PAUSED, version=hook.version)
    ids = await deliver(resting.database, hook, 20)
    await engines.start()
    other = await webhook(resting, org, f"{URL}/other")
    await deliver(resting.database, other)
    await until(lambda: _left(resting, org, 20))

    await change(resting, hook, paused_at=None, version=hook.version)

    await nothing_waits(resting.database, org)
    assert [leased.delivery_id for leased in engines.script.attempted[1:]] == ids


async def test_what_was_to_be_tried_later_goes_out_in_its_place_after_a_resume(
    resting: Services, engines: Engines, org: str
) -> None:
    hook = await webhook(resting, org, URL, max_concurrency=1)
    engines.script.answer = lambda _leased: DOWN
    await engines.start()
    [first] = await deliver(resting.database, hook)
    await until(lambda: _ended(engines, 1))
    await until(lambda: _retry_waits(resting, org))
    hook = await change(resting, hook, paused_at=PAUSED, version=hook.version)
    second, third = await deliver(resting.database, hook, 2)

    engines.script.answer = lambda _leased: SUCCESS
    async with resting.database.organisation(org) as tx:
        await tx.execute("UPDATE webhooks SET paused_at = NULL WHERE org_id = $1")
        assert await queue.resume(tx, hook.id) == 3

    await nothing_waits(resting.database, org)
    sent = [leased.delivery_id for leased in engines.script.attempted]
    assert sent == [first, first, second, third]
    assert (await state(resting.database, hook))["consecutive_failures"] == 0


async def test_what_was_due_again_during_a_pause_goes_out_in_its_place_too(
    resting: Services, engines: Engines, org: str
) -> None:
    hook = await webhook(
        resting, org, URL, max_concurrency=1, retry_policy={"delaysSeconds": [0.05]}
    )
    engines.script.gate.clear()
    engines.script.answer = lambda _leased: DOWN
    await engines.start()
    [first] = await deliver(resting.database, hook)
    await until(lambda: _begun(engines, 1))
    hook = await change(resting, hook, paused_at=PAUSED, version=hook.version)
    second, third = await deliver(resting.database, hook, 2)
    engines.script.gate.set()
    await until(lambda: _retry_is_due(resting, org))

    engines.script.answer = lambda _leased: SUCCESS
    await change(resting, hook, paused_at=None, version=hook.version)

    await nothing_waits(resting.database, org)
    sent = [leased.delivery_id for leased in engines.script.attempted]
    assert sent == [first, first, second, third]


async def test_deliveries_of_a_disabled_webhook_wait_until_it_is_enabled(
    resting: Services, engines: Engines, org: str
) -> None:
    hook = await webhook(resting, org, URL, enabled=False)
    await deliver(resting.database, hook, 3)
    await engines.start()
    other = await webhook(resting, org, f"{URL}/other")
    await deliver(resting.database, other)
    await until(lambda: _left(resting, org, 3))

    await change(resting, hook, enabled=True, version=hook.version)

    await nothing_waits(resting.database, org)


async def test_410_disables_the_webhook_and_the_others_wait(
    resting: Services, engines: Engines, org: str
) -> None:
    hook = await webhook(resting, org, URL, max_concurrency=1)
    engines.script.answer = lambda _leased: of_status(410)
    await deliver(resting.database, hook, 3)
    await engines.start()

    async def disabled() -> bool:
        found = await resting.webhook_directory.find(org, hook.id)
        return found is not None and not found.enabled and "410" in (found.disabled_reason or "")

    await until(disabled)
    assert len(engines.script.attempted) == 1
    assert len(await waiting(resting.database, org)) == 2
    ended = [each for each in (await deliveries(resting.database, org)).values() if each["reason"]]
    assert [(each["state"], each["error_code"]) for each in ended] == [("failed", "HTTP_410")]
    async with resting.database.reading(org) as tx:
        assert await tx.fetchval(
            "SELECT count(*) FROM audit_log WHERE org_id = $1 AND action = 'webhook.disabled'"
        )


async def test_deleting_a_webhook_cancels_what_waits(
    resting: Services, engines: Engines, org: str
) -> None:
    hook = await webhook(resting, org, URL)
    await deliver(resting.database, hook, 5)

    await resting.webhooks.delete_webhook(caller(org), hook.id)

    logged = (await deliveries(resting.database, org)).values()
    assert {(each["state"], each["error_code"]) for each in logged} == {
        ("cancelled", "WEBHOOK_DELETED")
    }
    assert not await waiting(resting.database, org)


async def test_an_attempt_that_was_under_way_then_is_recorded_all_the_same(
    resting: Services, engines: Engines, org: str
) -> None:
    hook = await webhook(resting, org, URL)
    engines.script.gate.clear()
    await engines.start()
    [delivery_id] = await deliver(resting.database, hook)
    await until(lambda: _begun(engines, 1))

    await resting.webhooks.delete_webhook(caller(org), hook.id)
    engines.script.gate.set()

    async def recorded() -> bool:
        return bool(await attempts(resting.database, org))

    await until(recorded)
    logged = (await deliveries(resting.database, org))[delivery_id]
    assert (logged["state"], logged["attempts"]) == ("cancelled", 1)


async def test_what_came_too_late_for_a_deleted_webhook_is_cancelled_by_the_engine(
    resting: Services, engines: Engines, org: str
) -> None:
    hook = await webhook(resting, org, URL)
    async with resting.database.organisation(org) as tx:
        await tx.execute("UPDATE webhooks SET is_deleted = true WHERE org_id = $1")
    await deliver(resting.database, hook, 3)
    await engines.start()

    await nothing_waits(resting.database, org)

    assert not engines.script.attempted
    logged = (await deliveries(resting.database, org)).values()
    assert {each["state"] for each in logged} == {"cancelled"}


async def test_a_redriven_dead_letter_is_another_round_of_the_same_message(
    resting: Services, engines: Engines, org: str
) -> None:
    hook = await webhook(resting, org, URL, retry_policy={"maxAttempts": 1})
    engines.script.answer = lambda _leased: DOWN
    await engines.start()
    [dead] = await deliver(resting.database, hook)
    await nothing_waits(resting.database, org)
    engines.script.answer = lambda _leased: SUCCESS

    async with resting.database.organisation(org) as tx:
        unknown = [new_uuid(), UUID(int=1)]
        assert await queue.redrive(tx, [dead, *unknown]) == [dead]
        assert await queue.redrive(tx, [dead]) == []
        assert await queue.redrive(tx, [UUID(int=1)]) == []

    await nothing_waits(resting.database, org)
    first, second = engines.script.attempted
    assert (first.body, first.message_id) == (second.body, second.message_id)
    assert (second.round, second.attempt) == (2, 1)
    logged = (await deliveries(resting.database, org))[dead]
    assert (logged["state"], logged["attempts"], logged["reason"]) == ("succeeded", 2, None)
    recorded = await attempts(resting.database, org)
    assert [(each["round"], each["number"]) for each in recorded] == [(1, 1), (2, 1)]


async def test_an_ordered_webhook_gets_one_delivery_of_an_entity_at_a_time(
    resting: Services, engines: Engines, org: str
) -> None:
    hook = await webhook(resting, org, URL, ordered=True, retry_policy=_impatient(5))
    refused = of_status(404)
    engines.script.answer = lambda leased: refused if leased.seq % 3 == 0 else SUCCESS
    entities = [new_uuid() for _ in range(7)]
    ids = await deliver(resting.database, hook, 140, entities=entities)
    await engines.start()
    await engines.start()

    await nothing_waits(resting.database, org)

    made: dict[UUID, list[UUID]] = defaultdict(list)
    of_entity = {each: entities[number % 7] for number, each in enumerate(ids)}
    for attempt in await attempts(resting.database, org):
        made[of_entity[attempt["delivery_id"]]].append(attempt["delivery_id"])
    for entity, order in made.items():
        changes = [order[0], *(after for before, after in pairwise(order) if before != after)]
        assert changes == [each for each in ids if of_entity[each] == entity]


async def test_order_holds_no_other_entity_up(
    resting: Services, engines: Engines, org: str
) -> None:
    hook = await webhook(resting, org, URL, ordered=True)
    stuck, free = new_uuid(), new_uuid()
    engines.script.answer = lambda leased: DOWN if leased.body == b'"s"' else SUCCESS
    await deliver(resting.database, hook, 150, entities=[stuck], body=b'"s"')
    await deliver(resting.database, hook, 3, entities=[free])
    await engines.start()

    async def only_stuck_ones_wait() -> bool:
        left = await waiting(resting.database, org)
        return {each["entity_id"] for each in left} == {stuck}

    await until(only_stuck_ones_wait)
    assert len(await waiting(resting.database, org)) == 150


async def test_all_processes_together_keep_to_the_concurrency_of_a_webhook(
    resting: Services, engines: Engines, org: str
) -> None:
    hook = await webhook(resting, org, URL, max_concurrency=3)
    engines.script.gate.clear()
    for _ in range(3):
        await engines.start()
    await deliver(resting.database, hook, 30)
    await until(lambda: _begun(engines, 3))
    engines.script.gate.set()

    await nothing_waits(resting.database, org)

    assert engines.script.most_at_once == 3
    assert len({leased.delivery_id for leased in engines.script.attempted}) == 30
    assert len(engines.script.attempted) == 30


async def test_a_rate_limit_is_kept(resting: Services, engines: Engines, org: str) -> None:
    hook = await webhook(resting, org, URL, rate_limit_per_second=20.0, max_concurrency=50)
    await engines.start()
    await engines.start()
    began = time.monotonic()
    await deliver(resting.database, hook, 40)

    await nothing_waits(resting.database, org)

    # Twenty at once, twenty more in a second.
    assert time.monotonic() - began >= 0.95


async def test_who_hangs_does_not_hold_up_the_others(
    resting: Services, engines: Engines, org: str
) -> None:
    quick = await webhook(resting, org, f"{URL}/quick")
    hanging = [await webhook(resting, org, f"{URL}/{number}") for number in range(20)]
    engine = await engines.start(capacity=16)
    await deliver(resting.database, quick)
    await nothing_waits(resting.database, org)
    engines.script.gate.clear()
    engines.script.may_hang = lambda leased: leased.key.webhook_id != quick.id

    for each in hanging:
        await deliver(resting.database, each, 10)
    await until(lambda: _begun(engines, 9))
    before = len(engines.script.attempted)
    await deliver(resting.database, quick, 50)

    async def quick_ones_arrived() -> bool:
        sent = engines.script.attempted[before:]
        return sum(1 for leased in sent if leased.key.webhook_id == quick.id) == 50

    await until(quick_ones_arrived)
    assert engine is not None


async def test_who_finds_no_room_is_served_as_soon_as_there_is_some(
    resting: Services, engines: Engines, org: str
) -> None:
    hooks = [await webhook(resting, org, f"{URL}/{number}") for number in range(25)]
    await engines.start(capacity=8, sweep_seconds=600)
    for hook in hooks:
        await deliver(resting.database, hook, 5)

    await nothing_waits(resting.database, org)

    assert engines.script.most_at_once <= 8


async def test_one_attempt_at_once_tells_what_came_of_it(
    resting: Services, engines: Engines, org: str
) -> None:
    hook = await webhook(resting, org, URL)
    hook = await change(resting, hook, paused_at=PAUSED, version=hook.version)
    engines.script.answer = lambda _leased: DOWN
    async with resting.database.organisation(org) as tx:
        new = NewDelivery(webhook_id=hook.id, event_id="e", event_name="a", body=b"1")
        now = utc_now()
        [delivery_id] = await queue.enqueue(tx, [new], now, due_at=now + timedelta(minutes=1))
    engine = engines.make()

    failed = await engine.attempt_now(org, delivery_id)
    engines.script.answer = lambda _leased: SUCCESS
    succeeded = await engine.attempt_now(org, delivery_id)
    afterwards = await engine.attempt_now(org, delivery_id)

    assert (failed.state, failed.outcome) == (DeliveryState.PENDING, Outcome.FAILED)
    assert (failed.attempt, failed.error_code) == (1, "HTTP_500")
    assert failed.next_attempt_at is not None
    assert (succeeded.state, succeeded.attempt) == (DeliveryState.SUCCEEDED, 2)
    assert succeeded.next_attempt_at is None
    assert afterwards == succeeded
    assert len(engines.script.attempted) == 2
    with pytest.raises(DeliveryNotFound):
        await engine.attempt_now(org, new_uuid())


async def test_an_attempt_that_is_under_way_is_waited_for(
    resting: Services, engines: Engines, org: str
) -> None:
    hook = await webhook(resting, org, URL)
    engines.script.gate.clear()
    engine = await engines.start()
    [delivery_id] = await deliver(resting.database, hook)
    await until(lambda: _begun(engines, 1))

    asking = asyncio.create_task(engines.make().attempt_now(org, delivery_id))
    await asyncio.sleep(0)
    engines.script.gate.set()

    assert (await asking).state is DeliveryState.SUCCEEDED
    assert len(engines.script.attempted) == 1
    assert engine is not None


async def test_who_goes_away_does_not_end_the_attempt(
    resting: Services, engines: Engines, org: str
) -> None:
    hook = await webhook(resting, org, URL)
    [delivery_id] = await deliver(resting.database, hook)
    engines.script.gate.clear()
    engine = engines.make()
    asking = asyncio.create_task(engine.attempt_now(org, delivery_id))
    await until(lambda: _begun(engines, 1))
    asking.cancel()
    engines.script.gate.set()

    await nothing_waits(resting.database, org)
    await engine.stop(5)


def _impatient(attempts: int) -> dict[str, object]:
    return {"maxAttempts": attempts, "delaysSeconds": [0.01]}


async def _begun(engines: Engines, count: int) -> bool:
    return len(engines.script.attempted) >= count


async def _ended(engines: Engines, count: int) -> bool:
    return len(engines.script.ended) >= count


async def _left(services: Services, org: str, count: int) -> bool:
    return len(await waiting(services.database, org)) == count


async def _retry_waits(services: Services, org: str) -> bool:
    return any(each["lease"] is None for each in await waiting(services.database, org))


async def _retry_is_due(services: Services, org: str) -> bool:
    rows = await waiting(services.database, org)
    return any(
        row["attempt"] and not row["leased_until"] and row["due_at"] < utc_now() for row in rows
    )
