"""What the tests of deliveries share: making webhooks and deliveries, asking how they went."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from tieline.database import Database
from tieline.http.services import Services
from tieline.identity.organisations import create_if_new
from tieline.kit.time import Clock, utc_now
from tieline.outbound.deliveries import queue
from tieline.outbound.deliveries.engine import DeliveryEngine
from tieline.outbound.deliveries.engine.models import NOTHING_SENT, Attempt, Exchange, Leased
from tieline.outbound.deliveries.models import NewDelivery
from tieline.outbound.deliveries.verdicts import SUCCESS, Verdict
from tieline.outbound.webhooks.drafts import WebhookDraft
from tieline.outbound.webhooks.models import Webhook
from tieline.records.envelope import SystemCaller

BODY = b'{"contract":"4711"}'


Answer = Callable[[Leased], Verdict]


@dataclass
class Script:
    """Attempts without a network: what each comes to, and what was attempted.

    While `gate` is closed the attempts that may hang do.
    """

    answer: Answer = lambda _leased: SUCCESS
    attempted: list[Leased] = field(default_factory=list)
    ended: list[Leased] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    may_hang: Callable[[Leased], bool] = lambda _leased: True
    most_at_once: int = 0
    exchange: Exchange = NOTHING_SENT

    def __post_init__(self) -> None:
        self.gate.set()

    @property
    def at_once(self) -> int:
        """How many attempts are under way."""
        return len(self.attempted) - len(self.ended)


class ScriptedSender:
    """A sender that does what a script says."""

    def __init__(self, script: Script, clock: Clock) -> None:
        self._script = script
        self._clock = clock

    async def attempt(self, leased: Leased) -> Attempt:
        script, started_at = self._script, self._clock()
        script.attempted.append(leased)
        script.most_at_once = max(script.most_at_once, script.at_once)
        try:
            verdict = script.answer(leased)
            await asyncio.sleep(0)
            if script.may_hang(leased):
                await script.gate.wait()
        finally:
            script.ended.append(leased)
        return Attempt(
            lease=leased,
            verdict=verdict,
            started_at=started_at,
            ended_at=self._clock(),
            milliseconds=1.0,
            exchange=script.exchange,
        )


@dataclass
class SimulatedTime:
    """A clock that stands still while there is work, and jumps to the next moment otherwise."""

    now: datetime = field(default_factory=utc_now)
    end: datetime | None = None  # it never jumps beyond this

    def __call__(self) -> datetime:
        return self.now

    async def wait(self, event: asyncio.Event, moment: datetime | None) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
            if event.is_set():
                return
        if moment is None or (self.end is not None and moment > self.end):
            await event.wait()
            return
        self.now = max(self.now, moment)


@dataclass
class Engines:
    """The engines of several processes, on one database."""

    database: Database
    script: Script
    time: SimulatedTime | None = None
    running: list[DeliveryEngine] = field(default_factory=list)

    def make(self, **options: Any) -> DeliveryEngine:
        """An engine that is not started."""
        clock: Clock = self.time or utc_now
        if self.time is not None:
            options = {"wait": self.time.wait, "sweep_seconds": 600.0, **options}
        options = {"clock": clock, "chance": lambda: 0.0, "sweep_seconds": 0.2, **options}
        sender = options.pop("sender", None) or ScriptedSender(self.script, clock)
        return DeliveryEngine(self.database, sender, **options)

    async def start(self, **options: Any) -> DeliveryEngine:
        """Another engine."""
        engine = self.make(**options)
        await engine.start()
        self.running.append(engine)
        return engine

    async def stop(self, engine: DeliveryEngine, seconds: float = 5) -> None:
        """Stop an engine."""
        self.running.remove(engine)
        await engine.stop(seconds)

    @asynccontextmanager
    async def stopped_in_the_end(self) -> AsyncIterator[Engines]:
        try:
            yield self
        finally:
            for engine in list(self.running):
                await self.stop(engine, 0)
            # Engines of later tests would find it.
            async with self.database.system() as tx:
                await tx.execute("DELETE FROM delivery_queue")


def caller(org: str) -> SystemCaller:
    """Whoever may do everything in an organisation."""
    return SystemCaller(org, "test")


async def webhook(services: Services, org: str, url: str, **fields: Any) -> Webhook:
    """A new webhook, in an organisation that is made if it is new."""
    async with services.database.organisation(org) as tx:
        await create_if_new(tx)
    draft = WebhookDraft.model_validate({"name": "Sink", "url": url, **fields})
    return (await services.webhooks.create_webhook(caller(org), draft)).webhook


async def change(services: Services, before: Webhook, **fields: Any) -> Webhook:
    """A webhook after a change."""
    draft = WebhookDraft.model_validate(fields)
    done = await services.webhooks.update_webhook(caller(before.org_id), before.id, None, draft)
    return done.webhook


async def deliver(database: Database, to: Webhook, count: int = 1, **fields: Any) -> list[UUID]:
    """Enqueue deliveries; their bodies are numbered if there are several."""
    entities = fields.pop("entities", None)
    new = [
        NewDelivery(
            webhook_id=to.id,
            event_id="01JDZ0000000000000000000AA",
            event_name="contract.created",
            body=fields.get("body", BODY if count == 1 else b'{"number":%d}' % number),
            url=to.url,
            entity_id=entities[number % len(entities)] if entities else None,
            **{name: value for name, value in fields.items() if name != "body"},
        )
        for number in range(count)
    ]
    async with database.organisation(to.org_id) as tx:
        return await queue.enqueue(tx, new, utc_now())


async def deliveries(database: Database, org: str) -> dict[UUID, dict[str, Any]]:
    """The log of an organisation by ids, oldest first."""
    async with database.reading(org) as tx:
        rows = await tx.fetch("SELECT * FROM deliveries WHERE org_id = $1 ORDER BY created_at, id")
    return {row["id"]: dict(row) for row in rows}


async def attempts(database: Database, org: str) -> list[dict[str, Any]]:
    """All attempts of an organisation in the order in which they began."""
    async with database.reading(org) as tx:
        rows = await tx.fetch(
            "SELECT * FROM delivery_attempts WHERE org_id = $1 "
            "ORDER BY started_at, delivery_id, round, number"
        )
    return [dict(row) for row in rows]


async def waiting(database: Database, org: str) -> list[dict[str, Any]]:
    """What is in the queue, in its order."""
    async with database.reading(org) as tx:
        rows = await tx.fetch("SELECT * FROM delivery_queue WHERE org_id = $1 ORDER BY seq")
    return [dict(row) for row in rows]


async def state(database: Database, of: Webhook) -> dict[str, Any]:
    """How a webhook stands."""
    async with database.reading(of.org_id) as tx:
        row = await tx.fetchrow(
            "SELECT * FROM webhook_states WHERE org_id = $1 AND webhook_id = $2", of.id
        )
    assert row is not None
    return dict(row)


async def until(holds: Callable[[], Awaitable[object]], seconds: float = 20) -> None:
    """Return once something holds. Fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not await holds():
        assert time.monotonic() < deadline, "It never held."
        await asyncio.sleep(0.01)


async def nothing_waits(database: Database, org: str, seconds: float = 20) -> None:
    """Return once every delivery of the organisation has ended."""

    async def ended() -> bool:
        return not await waiting(database, org)

    await until(ended, seconds)
