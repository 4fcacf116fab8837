"""One transaction of the engine: what has ended is recorded, what is due is leased."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from tieline.database import Database, Transaction
from tieline.kit.time import Clock
from tieline.outbound.deliveries.circuit import Position, lets_through, probing
from tieline.outbound.deliveries.engine import leases, repository
from tieline.outbound.deliveries.engine.health import Health, show_health
from tieline.outbound.deliveries.engine.models import (
    Attempt,
    AttemptNumber,
    Claim,
    Key,
    Lease,
    Leased,
    Standing,
)
from tieline.outbound.deliveries.engine.recording import Chance, Consequences, consequences
from tieline.outbound.deliveries.engine.sending import PREPARATION_SECONDS
from tieline.outbound.deliveries.engine.standings import (
    by_indexes,
    lock_standings,
    save_standings,
)
from tieline.outbound.deliveries.models import DeliveryState
from tieline.outbound.deliveries.verdicts import LOST

# An attempt takes no longer than its preparation and the timeout of its policy; recording it may
# take a while if the database is busy.
MARGIN = timedelta(seconds=PREPARATION_SECONDS + 5)
_CANCELLED_AT_ONCE = 10_000

Delivered = Callable[[Transaction, Sequence[tuple[str, str]], datetime], Awaitable[None]]
Grant = Callable[[Standing], int]


def lease_end(standing: Standing, now: datetime) -> datetime:
    """Until when an attempt that begins now is waited for."""
    return now + standing.policy.timeout + MARGIN


@dataclass
class Turn:
    """What came of one transaction.

    `locked` are webhooks that somebody else had the lock on, `kept` the attempts that could not be
    recorded because of that. Of those in `again` as many were leased as were wanted, so that there
    may be more; those in `behind` have others that wait behind something, and so there may be
    more too. Those in `later` may have more from a moment on.
    """

    locked: set[Key] = field(default_factory=set)
    kept: list[Attempt] = field(default_factory=list)
    leased: list[Leased] = field(default_factory=list)
    again: set[Key] = field(default_factory=set)
    behind: set[Key] = field(default_factory=set)
    later: list[tuple[Key, datetime]] = field(default_factory=list)
    shown: set[Key] = field(default_factory=set)
    came: Consequences = field(default_factory=Consequences)


@dataclass(frozen=True)
class Wish:
    """What a turn is to do.

    `keys` are webhooks to lease for, `grant` says how many of each. `known` are attempts that are
    under way in this process. With `wait` locks are waited for: only whoever is about
    a single webhook may do that.
    """

    attempts: Sequence[Attempt] = ()
    keys: Collection[Key] = ()
    grant: Grant = lambda standing: 0
    health: Sequence[tuple[Key, Health]] = ()
    known: Collection[AttemptNumber] = ()
    wait: bool = False


class Turns:
    """Takes turns on behalf of one process, which is the `holder` of its leases."""

    def __init__(
        self,
        database: Database,
        holder: UUID,
        *,
        clock: Clock,
        chance: Chance,
        delivered: Delivered,
    ) -> None:
        self._database = database
        self._holder = holder
        self._clock = clock
        self._chance = chance
        self._delivered = delivered

    async def take(self, wish: Wish) -> Turn:
        """Take a turn; nothing of it has happened if that fails."""
        turn, now = Turn(), self._clock()
        wanted = dict.fromkeys([*(each.lease.key for each in wish.attempts), *wish.keys])
        async with self._database.system() as tx:
            await by_indexes(tx)
            standings = await lock_standings(tx, wanted, wait=wish.wait) if wanted else {}
            turn.locked = wanted.keys() - standings.keys()
            turn.kept = [each for each in wish.attempts if each.lease.key in turn.locked]
            ended = [each for each in wish.attempts if each.lease.key in standings]
            if standings:
                ended += await self._lost(tx, standings, wish, now)
            turn.came = consequences(ended, standings, self._chance)
            await self._record(tx, ended, turn.came, now)
            gone = [key for key, standing in standings.items() if not standing.exists]
            await repository.cancel_deliveries(tx, gone, now, _CANCELLED_AT_ONCE)
            # In the order of the wishes: there may not be room for all.
            asking = [standings[key] for key in wanted if key in standings]
            await self._lease(tx, turn, asking, wish.grant, now)
            await save_standings(tx, list(turn.came.changed.values()))
            turn.shown = await show_health(tx, wish.health)
        return turn

    async def _lost(
        self, tx: Transaction, keys: Collection[Key], wish: Wish, now: datetime
    ) -> list[Attempt]:
        """Attempts whose leases ran out, without those that this process itself can tell about."""
        known = {*wish.known, *(each.lease.number for each in wish.attempts)}
        return [
            _lost_attempt(lease, now)
            for lease in await leases.expired(tx, keys, now)
            if lease.holder != self._holder or lease.number not in known
        ]

    async def _record(
        self, tx: Transaction, attempts: Sequence[Attempt], came: Consequences, now: datetime
    ) -> None:
        if not attempts:
            return
        ended, in_order = await repository.end_deliveries(tx, came.endings)
        own = ended | await repository.reschedule(tx, came.retries)
        mine: list[Attempt] = []
        late: list[Attempt] = []
        for attempt in attempts:
            (mine if attempt.lease.number in own else late).append(attempt)
        await repository.insert_attempts(tx, mine)
        await repository.insert_late_attempts(tx, late)
        await repository.release_next(tx, in_order)
        await self._delivered(tx, _acknowledgements(came, ended), now)

    async def _lease(
        self,
        tx: Transaction,
        turn: Turn,
        standings: Sequence[Standing],
        grant: Grant,
        now: datetime,
    ) -> None:
        claims: list[Claim] = []
        for standing in standings:
            if standing.exists and standing.sends and standing.key not in turn.came.disable:
                claims += _claims(turn, standing, grant, now)
        claimed = await leases.claim(tx, claims, now, self._holder)
        turn.leased = claimed.leased
        turn.behind = claimed.behind
        taken = Counter(each.key for each in claimed.leased)
        for each in claims:
            _take_into_account(turn, each, taken[each.standing.key], now)


def _claims(turn: Turn, standing: Standing, grant: Grant, now: datetime) -> Iterable[Claim]:
    """How many may be leased now; why not more is noted."""
    through = lets_through(standing.circuit, now)
    if through == 0:
        assert standing.circuit.until is not None  # that of an open circuit is known
        turn.later.append((standing.key, standing.circuit.until))
        return
    tokens = None
    if standing.rate is not None:
        tokens = math.floor(standing.bucket.filled(standing.rate, now))
        if tokens < 1:
            turn.later.append((standing.key, standing.bucket.next_at(standing.rate, now)))
            return
    most = grant(standing)
    if most <= 0:
        turn.again.add(standing.key)
    else:
        limits = [limit for limit in (most, through, tokens) if limit is not None]
        yield Claim(standing, min(limits), lease_end(standing, now))


def _take_into_account(turn: Turn, claim: Claim, taken: int, now: datetime) -> None:
    """Bring circuit and bucket up to date; whether to look again, and when."""
    standing = claim.standing
    if not taken:
        return
    if standing.circuit.position is not Position.CLOSED:
        standing.circuit = probing(standing.circuit, claim.until)
        turn.came.changed[standing.key] = standing
    if standing.rate is not None:
        standing.bucket = standing.bucket.without(taken, standing.rate, now)
        turn.came.changed[standing.key] = standing
    if taken == claim.most:
        turn.again.add(standing.key)


def _acknowledgements(
    came: Consequences, ended: Collection[AttemptNumber]
) -> list[tuple[str, str]]:
    return [
        (each.lease.key.org_id, each.lease.ack_id)
        for each in came.endings
        if each.state is DeliveryState.SUCCEEDED
        and each.lease.ack_id is not None
        and each.lease.number in ended
    ]


def _lost_attempt(lease: Lease, now: datetime) -> Attempt:
    return Attempt(lease=lease, verdict=LOST, started_at=lease.leased_at, ended_at=now)
