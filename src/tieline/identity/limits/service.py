"""The limits of keys, users and organisations, the same over all processes."""

from __future__ import annotations

import time
from collections.abc import Callable

from tieline.database import Database, Transaction
from tieline.identity.changes import Change
from tieline.identity.limits import repository
from tieline.identity.limits.errors import RateLimited, whole_seconds
from tieline.identity.limits.leases import Allowance, Lease, Leases
from tieline.identity.models import CallerKind, Principal
from tieline.runtime.periodic import Duty

_KNOWN_ORGANISATIONS = 10_000
_MEMORY_SECONDS = 60.0
_NOUNS = {
    CallerKind.KEY: "The API key",
    CallerKind.USER: "The user",
    CallerKind.APPLICATION: "The application",
}


class Limiter:
    """Lets a caller through or not. Who has no limit pays for a look into a dictionary."""

    def __init__(
        self,
        database: Database,
        *,
        organisation_rpm: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._default = organisation_rpm
        self._clock = clock
        self._leases = Leases(database, clock)
        self._organisations: dict[str, tuple[float, int | None]] = {}

    async def admit(self, caller: Principal) -> Allowance | None:
        """Count a request of a caller; how the tighter of the limits stands, if there is any.

        Raises `RateLimited`.
        """
        known = self._organisations.get(caller.org_id)
        if known is None or known[0] < self._clock():
            known = await self._look_up(caller.org_id)
        shared = known[1]
        if shared is None and caller.rpm_limit is None:
            return None
        taken: list[Lease] = []
        try:
            if caller.rpm_limit is not None:
                taken.append(await self._take_own(caller, caller.rpm_limit))
            if shared is not None:
                described = f"The organisation {caller.org_id}"
                taken.append(await self._leases.take(caller.org_id, "org", shared, described))
        except RateLimited:
            self._put_back(taken)
            raise
        standing = [self._leases.allowance(lease) for lease in taken]
        return min(standing, key=lambda allowance: allowance.remaining)

    async def admit_model_call(
        self, org_id: str, key_id: str, *, rpm: int | None, tpm: int | None, tokens: int
    ) -> None:
        """Count one request and some tokens of a key, both or neither. Raises `RateLimited`."""
        subject = f"{CallerKind.KEY}:{key_id}"
        taken = (
            [] if rpm is None else [await self._leases.take(org_id, subject, rpm, "The API key")]
        )
        if tpm is None or tokens == 0:
            return
        try:
            await self._take_tokens(org_id, key_id, tpm, tokens)
        except RateLimited:
            self._put_back(taken)
            raise

    def forget(self, changed: Change | None = None) -> None:
        """Read the limit of an organisation again that may have changed; all for None."""
        if changed is None:
            self._organisations.clear()
        elif not changed.is_of_a_key:
            self._organisations.pop(changed.org_id, None)

    async def _take_own(self, caller: Principal, limit: int) -> Lease:
        described = f"{_NOUNS[caller.kind]} {caller.name!r}"
        return await self._leases.take(
            caller.org_id, f"{caller.kind}:{caller.id}", limit, described
        )

    async def _take_tokens(self, org_id: str, key_id: str, limit: int, tokens: int) -> None:
        if tokens > limit:
            raise RateLimited(
                f"The API key allows {limit:,} tokens per minute, and one call wants {tokens:,}. "
                "Ask for less, or raise the key's tpm_limit.",
                retry_after=60,
            )
        async with self._database.organisation(org_id) as tx:
            grant = await repository.take(
                tx, tokens_of(key_id), limit=limit, at_least=tokens, at_most=tokens
            )
        if grant.granted == 0:
            wait = whole_seconds(grant.window.seconds_until(tokens, limit))
            raise RateLimited(
                f"The API key allows {limit:,} tokens per minute, of which {tokens:,} are not left."
                f" Wait {wait} seconds.",
                retry_after=wait,
            )

    def _put_back(self, taken: list[Lease]) -> None:
        for lease in taken:
            self._leases.put_back(lease)

    async def _look_up(self, org_id: str) -> tuple[float, int | None]:
        async with self._database.reading(org_id) as tx:
            own = await repository.organisation_limit(tx)
        limit = self._default if own is None else own or None
        if len(self._organisations) >= _KNOWN_ORGANISATIONS:
            self._organisations.clear()
        found = self._organisations[org_id] = (self._clock() + _MEMORY_SECONDS, limit)
        return found


def tokens_of(key_id: str) -> str:
    """The subject under which the tokens of a key are counted."""
    return f"tokens:{key_id}"


def limit_duties() -> list[Duty]:
    """What keeps the table of counters small."""

    async def past_windows(tx: Transaction) -> None:
        await repository.forget_past_windows(tx)

    return [Duty("limits.past_windows", 120, past_windows)]
