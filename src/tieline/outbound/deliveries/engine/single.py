"""One attempt at one delivery, for somebody who waits for its result."""

from __future__ import annotations

import asyncio
from uuid import UUID

from tieline.database import Database
from tieline.kit.time import Clock
from tieline.outbound.deliveries.engine import leases, lookups
from tieline.outbound.deliveries.engine.lookups import Place
from tieline.outbound.deliveries.engine.models import AttemptResult, Key, Leased
from tieline.outbound.deliveries.engine.sending import Sender
from tieline.outbound.deliveries.engine.standings import lock_standings
from tieline.outbound.deliveries.engine.turns import Turn, Turns, Wish, lease_end
from tieline.outbound.deliveries.errors import DeliveryNotFound, DeliveryUnderWay

_SECONDS_BETWEEN_LOOKS = 0.05
_LOOKS = 3_000  # longer than any attempt takes


class SingleAttempts:
    """Makes attempts outside the loop."""

    def __init__(
        self, database: Database, turns: Turns, sender: Sender, holder: UUID, clock: Clock
    ) -> None:
        self._database = database
        self._turns = turns
        self._sender = sender
        self._holder = holder
        self._clock = clock

    async def attempt(self, org_id: str, delivery_id: UUID) -> tuple[AttemptResult, Turn | None]:
        """The result, and the turn that recorded it if the attempt was made here."""
        turn = None
        place = await self._place(org_id, delivery_id)
        if place is not None and not place.leased:
            leased = await self._lease(Key(org_id, place.webhook_id), delivery_id)
            if leased is not None:
                attempt = await self._sender.attempt(leased)
                turn = await self._turns.take(Wish(attempts=[attempt], wait=True))
        if turn is None and place is not None:
            await self._until_made(org_id, delivery_id, place)
        async with self._database.reading(org_id) as tx:
            result = await lookups.last_result(tx, delivery_id)
        if result is None:
            raise DeliveryNotFound
        return result, turn

    async def _place(self, org_id: str, delivery_id: UUID) -> Place | None:
        async with self._database.reading(org_id) as tx:
            return await lookups.find_place(tx, delivery_id)

    async def _lease(self, key: Key, delivery_id: UUID) -> Leased | None:
        async with self._database.system() as tx:
            standings = await lock_standings(tx, [key], wait=True)
            if key not in standings:
                return None
            now = self._clock()
            until = lease_end(standings[key], now)
            return await leases.claim_one(tx, standings[key], delivery_id, now, until, self._holder)

    async def _until_made(self, org_id: str, delivery_id: UUID, place: Place) -> None:
        """Wait until somebody else has made the attempt that he is at."""
        for _ in range(_LOOKS):
            now = await self._place(org_id, delivery_id)
            if now is None or not now.leased or now.attempt > place.attempt + 1:
                return
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
        raise DeliveryUnderWay
