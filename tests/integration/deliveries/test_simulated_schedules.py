"""On a simulated clock every delivery comes to its end at the end of its schedule."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from tests.integration.deliveries.delivering import (
    Engines,
    attempts,
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
from tieline.outbound.deliveries.engine.models import Leased
from tieline.outbound.deliveries.retry import SCHEDULE
from tieline.outbound.deliveries.verdicts import SUCCESS, Verdict, of_status

DOWN = of_status(500)
URL = "https://erp.example.com/hook"


async def test_a_delivery_that_always_fails_is_a_dead_letter_after_its_schedule(
    resting: Services, simulated: Engines, org: str
) -> None:
    simulated.script.answer = lambda _leased: DOWN
    hook = await webhook(resting, org, URL)
    await deliver(resting.database, hook)
    await simulated.start()

    await nothing_waits(resting.database, org)

    [delivery] = (await deliveries(resting.database, org)).values()
    assert (delivery["state"], delivery["attempts"]) == ("failed", 10)
    assert "Given up after 10 attempts" in delivery["reason"]
    began = [attempt["started_at"] for attempt in await attempts(resting.database, org)]
    waits = [later - sooner for sooner, later in pairwise(began)]
    for wait, planned in zip(waits, SCHEDULE, strict=True):
        # The circuit opens at the fifth failure; by then the waits are much longer than it.
        assert planned <= wait <= planned + timedelta(seconds=1)


async def test_a_retry_has_the_same_body_and_message_id(
    resting: Services, simulated: Engines, org: str
) -> None:
    simulated.script.answer = lambda leased: SUCCESS if leased.attempt == 3 else DOWN
    hook = await webhook(resting, org, URL)
    await deliver(resting.database, hook)
    await simulated.start()

    await nothing_waits(resting.database, org)

    sent = simulated.script.attempted
    assert [leased.attempt for leased in sent] == [1, 2, 3]
    assert len({(leased.body, leased.message_id) for leased in sent}) == 1
    [delivery] = (await deliveries(resting.database, org)).values()
    assert (delivery["state"], delivery["attempts"]) == ("succeeded", 3)


async def test_whatever_happens_every_delivery_reaches_its_end(
    resting: Services, simulated: Engines, org: str
) -> None:
    """Four webhooks of which one is down, one moody, one slow to recover; pauses are taken off."""
    dice = random.Random(20260131)
    began = simulated.time
    assert began is not None
    recovers_at = began.now + timedelta(hours=9)
    down = await webhook(resting, org, f"{URL}/down")
    moody = await webhook(resting, org, f"{URL}/moody", ordered=True)
    ill = await webhook(resting, org, f"{URL}/ill", rate_limit_per_second=2.0)
    fine = await webhook(resting, org, f"{URL}/fine", max_concurrency=2)

    def answer(leased: Leased) -> Verdict:
        if leased.key.webhook_id == down.id:
            return DOWN
        if leased.key.webhook_id == moody.id:
            return of_status(dice.choice([200, 404, 500]))
        if leased.key.webhook_id == ill.id:
            return DOWN if began.now < recovers_at else SUCCESS
        return SUCCESS

    simulated.script.answer = answer
    entities = [UUID(int=number) for number in range(5)]
    for hook in (down, moody, ill, fine):
        await deliver(resting.database, hook, 12, entities=entities)
    await simulated.start()
    await simulated.start()

    async def ended() -> bool:
        # An operator who takes every pause off: deliveries of a paused webhook wait for him.
        for hook in (down, moody, ill):
            found = await resting.webhook_directory.find(org, hook.id)
            assert found is not None
            if found.paused_at is not None:
                await change(resting, found, paused_at=None, version=found.version)
        return not await waiting(resting.database, org)

    await until(ended, 60)

    logged = (await deliveries(resting.database, org)).values()
    states = {
        hook.id: Counter(each["state"] for each in logged if each["webhook_id"] == hook.id)
        for hook in (down, moody, ill, fine)
    }
    assert states[down.id] == {"failed": 12}
    assert states[fine.id] == {"succeeded": 12}
    assert states[ill.id]["succeeded"] > 0
    assert sum(states[moody.id].values()) == 12
    assert {each["state"] for each in logged} == {"succeeded", "failed"}
    recorded = Counter(each["delivery_id"] for each in await attempts(resting.database, org))
    made = Counter(leased.delivery_id for leased in simulated.script.attempted)
    assert recorded == made
    assert {each["id"]: each["attempts"] for each in logged} == recorded
    assert max(recorded.values()) <= 10
    assert simulated.script.most_at_once <= 32


async def test_an_open_circuit_uses_up_no_attempts_and_lets_one_probe_through(
    resting: Services, simulated: Engines, org: str
) -> None:
    simulated.script.answer = lambda _leased: DOWN
    hook = await webhook(resting, org, URL, max_concurrency=1)
    await deliver(resting.database, hook, 20)
    time = simulated.time
    assert time is not None
    time.end = time.now + timedelta(seconds=20)
    await simulated.start()
    await simulated.start()

    await until(lambda: _circuit(resting, hook, "open"))
    assert len(simulated.script.attempted) == 5

    simulated.script.gate.clear()
    time.end += timedelta(seconds=20)
    await deliver(resting.database, hook)
    await until(lambda: _circuit(resting, hook, "half_open"))
    assert len(simulated.script.attempted) == 6

    simulated.script.answer = lambda _leased: SUCCESS
    simulated.script.gate.set()
    await until(lambda: _circuit(resting, hook, "open"))
    standing = await state(resting.database, hook)
    assert timedelta(seconds=50) < standing["circuit_until"] - time.now <= timedelta(seconds=60)
    assert len(simulated.script.attempted) == 6

    time.end = None
    await deliver(resting.database, hook)
    await nothing_waits(resting.database, org)
    assert (await state(resting.database, hook))["circuit"] == "closed"
    assert {each["state"] for each in (await deliveries(resting.database, org)).values()} == {
        "succeeded"
    }


async def test_twenty_failures_over_an_hour_pause_the_webhook_until_it_is_resumed(
    resting: Services, simulated: Engines, org: str
) -> None:
    simulated.script.answer = lambda _leased: of_status(404)
    hook = await webhook(resting, org, URL, max_concurrency=1)
    await deliver(resting.database, hook, 8)
    await simulated.start()

    async def paused() -> Any:
        found = await resting.webhook_directory.find(org, hook.id)
        return found is not None and found.paused_at and found

    await until(paused)
    found = await paused()
    before = len(simulated.script.attempted)
    assert before >= 20
    async with resting.database.reading(org) as tx:
        entry = await tx.fetchrow(
            "SELECT actor_name FROM audit_log WHERE org_id = $1 AND action = 'webhook.paused'"
        )
    assert entry is not None
    assert entry["actor_name"] == "Tieline"

    simulated.script.answer = lambda _leased: SUCCESS
    await change(resting, found, paused_at=None, version=found.version)
    await nothing_waits(resting.database, org)
    last = [leased.created_at for leased in simulated.script.attempted[before:]]
    assert last == sorted(last)
    assert len(last) == 8


async def _circuit(services: Services, hook: Any, position: str) -> bool:
    return bool((await state(services.database, hook))["circuit"] == position)
