"""kill -9 of worker processes while they deliver: nothing lost, everything on record, in order.

Five thousand deliveries go to a sink that refuses a sixth of them for ever and another sixth twice.
What the sink saw is compared with what the log says.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.components.failing import FailingShare
from tests.components.http_protocol import Fault, Received, Reply
from tests.components.sink import Sink
from tests.integration.deliveries.delivering import webhook

from tieline.app import Application
from tieline.http.services import Services
from tieline.kit import json
from tieline.kit.ids import new_uuid
from tieline.kit.time import utc_now
from tieline.outbound.deliveries import queue
from tieline.outbound.deliveries.models import NewDelivery
from tieline.outbound.webhooks.models import Webhook
from tieline.settings import load_settings

pytestmark = [pytest.mark.chaos]

KILLS = int(os.environ.get("CHAOS_ROUNDS", "20"))
DELIVERIES = 5_000
WORKERS = 3
WEBHOOKS = 10  # of which two are ordered
ENTITIES = 25
ORG = "chaos"
# Waits are short. What fails is refused for the most part, which says nothing about the endpoint:
# otherwise its circuit would open, and the test would wait for that.
POLICY = {"maxAttempts": 8, "timeoutMs": 2_000, "delaysSeconds": [0.1, 0.5, 1]}
REFUSED = (Reply(422), Reply(404), Reply(302))
HICCUPS = (Reply(500), Reply(fault=Fault.DROP), *[Reply(409)] * 18)
_luck = FailingShare(1.0).luck


def answer(request: Received) -> Reply:
    """A sixth of the messages is always refused, and another sixth fails twice."""
    luck = _luck(request)
    if luck < 1 / 6:
        return REFUSED[int(luck * 18)]
    if luck < 1 / 3 and int(request.header("x-webhook-attempt") or 0) <= 2:
        return HICCUPS[int(luck * 1_000) % len(HICCUPS)]
    return Reply(200, b"{}", delay=0.1)


@dataclass
class Workers:
    """The worker processes of one installation."""

    data_dir: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        log = (self.data_dir.parent / "worker.log").open("ab")
        self.processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "tieline", "worker", "--data-dir", str(self.data_dir)],
                stdout=log,
                stderr=log,
                env={
                    **os.environ,
                    "TIELINE_SWEEP_SECONDS": "0.5",
                    "TIELINE_EGRESS_ALLOW": "127.0.0.1",
                    "TIELINE_LOG_LEVEL": "warning",
                },
            )
        )

    def kill_one(self) -> None:
        """Kill the one that has worked for longest: others may not have begun yet."""
        process = self.processes.pop(0)
        process.kill()
        process.wait()
        self.start()

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(60)


@asynccontextmanager
async def onlooker(data_dir: Path) -> AsyncIterator[Services]:
    """The services of a process that enqueues and looks, and delivers nothing itself."""
    settings = load_settings({}, data_dir=data_dir, log_level="warning")
    application = await Application.start(settings, work=False, serve=False)
    try:
        yield application.services
    finally:
        await application.stop()


async def test_every_delivery_arrives_or_is_a_dead_letter_and_every_attempt_is_on_record(
    tmp_path: Path, sink: Sink
) -> None:
    dice = random.Random(os.environ.get("CHAOS_SEED", "tieline"))
    sink.otherwise = answer
    async with onlooker(tmp_path / "data") as services:
        hooks = [
            await webhook(
                services, ORG, sink.at(f"/{number}"), ordered=number < 2, retry_policy=POLICY
            )
            for number in range(WEBHOOKS)
        ]
        workers = Workers(tmp_path / "data")
        for _ in range(WORKERS):
            workers.start()
        try:
            for kill in range(KILLS):
                seen = len(sink.requests)
                await _enqueue(services, hooks, DELIVERIES // KILLS, kill * (DELIVERIES // KILLS))
                await sink.wait_for(seen + 20, seconds=60)
                await asyncio.sleep(dice.uniform(0, 0.3))
                workers.kill_one()
                await asyncio.sleep(dice.uniform(0, 1.5))
            await _until_nothing_waits(services)
        finally:
            workers.stop()
        deliveries, attempts = await _log(services)
    assert len(deliveries) == DELIVERIES // KILLS * KILLS
    _check_ends(deliveries, sink)
    _check_attempts(attempts, sink)
    _check_order(sink)


def _check_ends(deliveries: list[dict[str, Any]], sink: Sink) -> None:
    arrived = {request.header("webhook-id") for request in sink.requests if request.answered == 200}
    for each in deliveries:
        assert each["state"] in ("succeeded", "failed")
        if each["state"] == "succeeded":
            assert each["message_id"] in arrived
        else:
            # Only lost attempts can use up those that a message would have needed.
            assert each["reason"].startswith("Given up after 8 attempts")
            assert each["attempts"] == 8
    dead = {each["message_id"] for each in deliveries if each["state"] == "failed"}
    refused = {request.header("webhook-id") for request in sink.requests if _luck(request) < 1 / 6}
    assert len(dead) > DELIVERIES / 10
    assert refused <= dead


def _check_attempts(attempts: list[dict[str, Any]], sink: Sink) -> None:
    seen = Counter(
        (request.header("webhook-id"), int(request.header("x-webhook-attempt") or 0))
        for request in sink.requests
    )
    recorded = Counter((each["message_id"], each["number"]) for each in attempts)
    lost = {(each["message_id"], each["number"]) for each in attempts if each["outcome"] == "lost"}
    assert set(seen.values()) == {1}
    assert set(recorded.values()) == {1}
    # The sink saw exactly what is recorded, besides lost attempts that it may not have seen.
    assert seen.keys() <= recorded.keys()
    assert recorded.keys() - seen.keys() <= lost
    assert lost, "no process was killed while it was sending"
    answered = {
        (request.header("webhook-id"), int(request.header("x-webhook-attempt") or 0)): request
        for request in sink.requests
    }
    for each in attempts:
        if each["status_code"] is not None:
            assert each["status_code"] == answered[each["message_id"], each["number"]].answered
        assert (each["outcome"] == "succeeded") == (each["status_code"] == 200)


def _check_order(sink: Sink) -> None:
    numbers: dict[tuple[str, int], list[int]] = defaultdict(list)
    for request in sorted(sink.requests, key=lambda each: each.at):
        if request.path in ("/0", "/1"):
            body = json.loads(request.body)
            numbers[request.path, body["entity"]].append(body["number"])
    assert len(numbers) == 2 * ENTITIES
    for order in numbers.values():
        assert order == sorted(order)


async def _enqueue(services: Services, hooks: list[Webhook], count: int, first: int) -> None:
    new = []
    for number in range(first, first + count):
        entity = number // WEBHOOKS % ENTITIES
        hook = hooks[number % WEBHOOKS]
        new.append(
            NewDelivery(
                webhook_id=hook.id,
                event_id=str(number),
                event_name="contract.changed",
                body=json.dumps({"entity": entity, "number": number}),
                entity_id=_ENTITIES[entity],
                url=hook.url,
            )
        )
    async with services.database.organisation(ORG) as tx:
        await queue.enqueue(tx, new, utc_now())


_ENTITIES = [new_uuid() for _ in range(ENTITIES)]


async def _until_nothing_waits(services: Services) -> None:
    deadline = time.monotonic() + 240
    while True:
        async with services.database.reading(ORG) as tx:
            left = await tx.fetchval("SELECT count(*) FROM delivery_queue WHERE org_id = $1")
        if not left:
            return
        assert time.monotonic() < deadline, f"{left} deliveries still wait"
        await asyncio.sleep(0.1)


async def _log(services: Services) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    async with services.database.reading(ORG) as tx:
        deliveries = await tx.fetch("SELECT * FROM deliveries WHERE org_id = $1")
        attempts = await tx.fetch(
            "SELECT a.*, d.message_id FROM delivery_attempts a JOIN deliveries d "
            "ON d.org_id = a.org_id AND d.created_at = a.created_at AND d.id = a.delivery_id "
            "WHERE a.org_id = $1"
        )
    return [dict(row) for row in deliveries], [dict(row) for row in attempts]
