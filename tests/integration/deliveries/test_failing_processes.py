"""What happens to deliveries when processes, the database or other transactions get in the way."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.integration.deliveries.delivering import (
    Engines,
    attempts,
    deliver,
    deliveries,
    nothing_waits,
    until,
    waiting,
    webhook,
)

from tieline.database.errors import DatabaseUnavailable
from tieline.http.services import Services
from tieline.kit.time import utc_now
from tieline.outbound.deliveries import queue
from tieline.outbound.deliveries.engine.models import Exchange
from tieline.outbound.deliveries.engine.turns import Turn, Turns, Wish
from tieline.outbound.deliveries.verdicts import LOST, of_status

URL = "https://erp.example.com/hook"


async def test_what_a_dead_process_was_sending_is_lost_on_record_and_sent_again(
    resting: Services, engines: Engines, org: str
) -> None:
    hook = await webhook(resting, org, URL, retry_policy={"timeoutMs": 100})
    [delivery_id] = await deliver(resting.database, hook)
    await _leased_by_a_dead_process(resting, org)
    await engines.start()

    await nothing_waits(resting.database, org)

    recorded = await attempts(resting.database, org)
    assert [(each["number"], each["outcome"]) for each in recorded] == [
        (1, "lost"),
        (2, "succeeded"),
    ]
    assert recorded[0]["error_code"] == LOST.code
    assert (await deliveries(resting.database, org))[delivery_id]["attempts"] == 2


async def test_a_lost_attempt_that_was_the_last_one_makes_a_dead_letter(
    resting: Services, engines: Engines, org: str
) -> None:
    hook = await webhook(resting, org, URL, retry_policy={"maxAttempts": 1})
    [delivery_id] = await deliver(resting.database, hook)
    await _leased_by_a_dead_process(resting, org)
    await engines.start()

    await nothing_waits(resting.database, org)

    assert not engines.script.attempted
    logged = (await deliveries(resting.database, org))[delivery_id]
    assert (logged["state"], logged["error_code"]) == ("failed", "ATTEMPT_LOST")


async def test_a_process_that_was_only_slow_records_nothing_twice(
    resting: Services, engines: Engines, org: str
) -> None:
    """Its lease ran out while the request was under way; another process has sent it since."""
    hook = await webhook(resting, org, URL)
    engines.script.gate.clear()
    await engines.start()
    await deliver(resting.database, hook)
    await until(lambda: _begun(engines, 1))
    async with resting.database.organisation(org) as tx:
        await tx.execute("UPDATE delivery_queue SET leased_until = $2 WHERE org_id = $1", utc_now())
    await engines.start()
    await until(lambda: _begun(engines, 2))

    engines.script.gate.set()

    await nothing_waits(resting.database, org)
    recorded = await attempts(resting.database, org)
    assert [each["number"] for each in recorded] == [1, 2]
    [logged] = (await deliveries(resting.database, org)).values()
    assert (logged["state"], logged["attempts"]) == ("succeeded", 2)


async def test_a_stopping_process_tells_what_it_interrupted(
    resting: Services, engines: Engines, org: str
) -> None:
    hook = await webhook(resting, org, URL)
    engines.script.gate.clear()
    engine = await engines.start()
    await deliver(resting.database, hook, 3)
    await until(lambda: _begun(engines, 3))

    await engines.stop(engine, seconds=0)

    recorded = await attempts(resting.database, org)
    assert {(each["outcome"], each["error_code"]) for each in recorded} == {
        ("lost", "ATTEMPT_INTERRUPTED")
    }
    assert {each["lease"] for each in await waiting(resting.database, org)} == {None}
    engines.script.gate.set()
    await engines.start()
    await nothing_waits(resting.database, org)


async def test_a_stopping_process_lets_requests_end_and_begins_no_more(
    resting: Services, engines: Engines, org: str
) -> None:
    hook = await webhook(resting, org, URL, max_concurrency=2)
    engines.script.gate.clear()
    engine = await engines.start()
    await deliver(resting.database, hook, 10)
    await until(lambda: _begun(engines, 2))

    stopping = asyncio.create_task(engines.stop(engine, seconds=20))
    await asyncio.sleep(0)
    engines.script.gate.set()
    await stopping

    recorded = await attempts(resting.database, org)
    assert [each["outcome"] for each in recorded] == ["succeeded", "succeeded"]
    assert len(await waiting(resting.database, org)) == 8


async def test_what_is_leased_while_the_process_is_told_to_stop_is_given_back_unsent(
    resting: Services, engines: Engines, org: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = await webhook(resting, org, URL)
    engine = engines.make()
    take = Turns.take
    stopping: list[asyncio.Task[None]] = []

    async def told_to_stop(self: Turns, wish: Wish) -> Turn:
        turn = await take(self, wish)
        if turn.leased:
            stopping.append(asyncio.create_task(engine.stop(5)))
            await asyncio.sleep(0)
        return turn

    monkeypatch.setattr(Turns, "take", told_to_stop)
    await deliver(resting.database, hook, 3)
    await engine.start()

    async def told() -> bool:
        return bool(stopping)

    await until(told)
    await asyncio.gather(*stopping)

    assert not engines.script.attempted
    left = await waiting(resting.database, org)
    assert [(each["attempt"], each["lease"]) for each in left] == [(0, None)] * 3


async def test_leases_of_a_commit_that_nobody_heard_of_are_given_back(
    resting: Services, engines: Engines, org: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = await webhook(resting, org, URL)
    take, lost = Turns.take, []

    async def losing_the_connection(self: Turns, wish: Wish) -> Turn:
        turn = await take(self, wish)
        if turn.leased and not lost:
            lost.append(turn)
            raise DatabaseUnavailable
        return turn

    monkeypatch.setattr(Turns, "take", losing_the_connection)
    await engines.start()
    await deliver(resting.database, hook, 3)

    await nothing_waits(resting.database, org)

    assert len(lost) == 1
    recorded = await attempts(resting.database, org)
    assert [(each["number"], each["outcome"]) for each in recorded] == [(1, "succeeded")] * 3


async def test_attempts_whose_recording_was_not_heard_of_are_recorded_once(
    resting: Services, engines: Engines, org: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = await webhook(resting, org, URL, retry_policy={"delaysSeconds": [0.01]})
    engines.script.answer = lambda leased: of_status(200 if leased.attempt == 2 else 404)
    take, lost = Turns.take, []

    async def losing_the_connection(self: Turns, wish: Wish) -> Turn:
        turn = await take(self, wish)
        if wish.attempts and len(lost) < 2:
            lost.append(turn)
            raise DatabaseUnavailable
        return turn

    monkeypatch.setattr(Turns, "take", losing_the_connection)
    await engines.start()
    await deliver(resting.database, hook, 3)

    await nothing_waits(resting.database, org)

    recorded = await attempts(resting.database, org)
    assert sorted(each["number"] for each in recorded) == [1, 1, 1, 2, 2, 2]
    logged = (await deliveries(resting.database, org)).values()
    assert [each["attempts"] for each in logged] == [2, 2, 2]


async def test_an_answer_that_cannot_be_stored_spoils_no_other(
    resting: Services, engines: Engines, org: str
) -> None:
    hook = await webhook(resting, org, URL)
    engines.script.exchange = Exchange(url="https://erp.example.com/\x00", status_code=200)
    await engines.start()
    await deliver(resting.database, hook, 2)

    await nothing_waits(resting.database, org)

    recorded = await attempts(resting.database, org)
    assert [(each["outcome"], each["url"]) for each in recorded] == [("succeeded", None)] * 2


async def test_a_webhook_of_which_every_turn_fails_stops_no_other(
    resting: Services, engines: Engines, org: str
) -> None:
    """A lease ran out on a delivery whose day is gone: its attempt can be recorded nowhere."""
    broken = await webhook(resting, org, URL)
    other = await webhook(resting, org, f"{URL}/other")
    await deliver(resting.database, broken)
    async with resting.database.organisation(org) as tx:
        await tx.execute(
            "UPDATE delivery_queue SET created_at = '2020-01-01T00:00:00Z', lease = $2, "
            "leased_at = $3, leased_until = $3, attempt = 1 WHERE org_id = $1",
            *(other.id, utc_now()),
        )
    await engines.start()
    ids = []
    for _ in range(5):
        await deliver(resting.database, broken)
        ids += await deliver(resting.database, other)

    async def sent() -> bool:
        return [each.delivery_id for each in engines.script.ended] == ids

    await until(sent)


async def test_attempts_wait_for_whoever_has_the_lock_on_their_webhook(
    resting: Services, engines: Engines, org: str
) -> None:
    hook = await webhook(resting, org, URL)
    other = await webhook(resting, org, f"{URL}/other")
    engines.script.gate.clear()
    await engines.start()
    await deliver(resting.database, hook)
    await until(lambda: _begun(engines, 1))

    async with resting.database.organisation(org) as tx:
        await tx.execute(
            "SELECT FROM webhook_states WHERE org_id = $1 AND webhook_id = $2 FOR UPDATE", hook.id
        )
        engines.script.gate.set()
        await deliver(resting.database, other)
        await until(lambda: _recorded(resting, org, 1))
        assert len(await waiting(resting.database, org)) == 1

    await nothing_waits(resting.database, org)


async def test_a_locked_record_of_a_webhook_holds_no_recording_up(
    resting: Services, engines: Engines, org: str
) -> None:
    hook = await webhook(resting, org, URL)
    await engines.start()
    async with resting.database.organisation(org) as tx:
        await tx.execute("SELECT FROM webhooks WHERE org_id = $1 FOR UPDATE")
        await deliver(resting.database, hook)
        await nothing_waits(resting.database, org)

    async def shown() -> Any:
        async with resting.database.reading(org) as tx:
            return await tx.fetchval("SELECT last_delivery_status FROM webhooks WHERE org_id = $1")

    await until(shown)
    assert await shown() == "succeeded"


async def test_without_a_notification_the_sweep_finds_what_is_due(
    resting: Services, engines: Engines, org: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue.repository, "CHANNEL", "nobody_listens")
    hook = await webhook(resting, org, URL)
    await engines.start()
    await deliver(resting.database, hook)

    await nothing_waits(resting.database, org)

    assert len(engines.script.attempted) == 1


async def _leased_by_a_dead_process(services: Services, org: str) -> None:
    """As a process leaves it that is killed while it sends."""
    now = utc_now()
    async with services.database.organisation(org) as tx:
        await tx.execute(
            "UPDATE delivery_queue SET attempt = 1, lease = gen_random_uuid(), leased_at = $2, "
            "leased_until = $3 WHERE org_id = $1",
            *(now - timedelta(seconds=2), now - timedelta(seconds=1)),
        )


async def _begun(engines: Engines, count: int) -> bool:
    return len(engines.script.attempted) >= count


async def _recorded(services: Services, org: str, count: int) -> bool:
    return len(await attempts(services.database, org)) >= count
