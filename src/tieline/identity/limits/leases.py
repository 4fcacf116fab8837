"""What this process may still let through without asking the others."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from tieline.database import Database
from tieline.identity.limits import repository
from tieline.identity.limits.errors import RateLimited, whole_seconds

_KNOWN_LEASES = 20_000
_LARGE_LIMIT = 100
_PARTS = 50  # of a large limit, one of which is taken at once


@dataclass(frozen=True, slots=True)
class Allowance:
    """How a limit stands after a request: for the headers of the answer."""

    limit: int
    remaining: int
    reset_seconds: int


@dataclass(slots=True)
class Lease:
    """A part of one subject's limit, valid until the minute ends in which it was taken."""

    limit: int
    left: int = 0
    ends: float = 0.0
    left_elsewhere: int = 0
    closed_until: float = 0.0
    waiting: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def spend(self, now: float) -> bool:
        """Use one, if there is one."""
        if self.left < 1 or now >= self.ends:
            return False
        self.left -= 1
        return True

    def put_back(self, now: float) -> None:
        """Undo `spend` for what was not let through in the end."""
        if now < self.ends:
            self.left += 1

    def allowance(self, now: float) -> Allowance:
        """How the limit stands, as far as this process knows."""
        return Allowance(
            self.limit, self.left + self.left_elsewhere, whole_seconds(self.ends - now)
        )


class Leases:
    """The leases of one process.

    A small limit is counted request by request; of a large one a fiftieth is taken at once, so that
    most requests cost no statement. What a process does not use of it is lost with the minute: a
    limit may let through a little less than it says, and never more.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._leases: OrderedDict[tuple[str, str], Lease] = OrderedDict()

    async def take(self, org_id: str, subject: str, limit: int, described: str) -> Lease:
        """Count one request. Raises `RateLimited`, naming the limit as `described`."""
        lease = self._lease(org_id, subject, limit)
        if lease.spend(self._clock()):
            return lease
        lease.waiting += 1
        try:
            async with lease.lock:  # whoever waited here finds what the one before has fetched
                self._refuse_while_closed(lease, described)
                if not lease.spend(self._clock()):
                    await self._renew(lease, org_id, subject)
                    if lease.left < 1:  # even if the wait, a blink, is over already
                        raise _used_up(lease, described, lease.closed_until - self._clock())
                    lease.left -= 1
        finally:
            lease.waiting -= 1
        return lease

    def put_back(self, lease: Lease) -> None:
        """Undo `take` for what was not let through in the end."""
        lease.put_back(self._clock())

    def allowance(self, lease: Lease) -> Allowance:
        """How a limit stands, as far as this process knows."""
        return lease.allowance(self._clock())

    def _lease(self, org_id: str, subject: str, limit: int) -> Lease:
        known = self._leases.get((org_id, subject))
        if known is not None and known.limit == limit:
            return known
        lease = self._leases[org_id, subject] = Lease(limit)
        if len(self._leases) > _KNOWN_LEASES:
            self._leases.popitem(last=False)
        return lease

    async def _renew(self, lease: Lease, org_id: str, subject: str) -> None:
        part = lease.limit // _PARTS if lease.limit >= _LARGE_LIMIT else 1
        asked = self._clock()  # before the database answers: a lease may end early, never late
        async with self._database.organisation(org_id) as tx:
            grant = await repository.take(
                tx, subject, limit=lease.limit, at_least=1, at_most=max(part, lease.waiting)
            )
        # What was put back meanwhile is still there to be used.
        kept = lease.left if self._clock() < lease.ends else 0
        lease.left, lease.ends = kept + grant.granted, asked + grant.window.remaining_seconds
        lease.left_elsewhere = grant.window.left(lease.limit)
        if grant.granted == 0:
            # Others can only use more meanwhile: until then nobody needs to ask.
            lease.closed_until = self._clock() + grant.window.seconds_until(1, lease.limit)

    def _refuse_while_closed(self, lease: Lease, described: str) -> None:
        wait = lease.closed_until - self._clock()
        if wait > 0:
            raise _used_up(lease, described, wait)


def _used_up(lease: Lease, described: str, wait: float) -> RateLimited:
    seconds = whole_seconds(wait)
    return RateLimited(
        f"{described} has used up its limit of requests per minute ({lease.limit:,}). "
        f"Wait {seconds} seconds.",
        retry_after=seconds,
    )
