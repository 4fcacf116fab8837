"""Rate limits: exact over processes, cheap where they are large, free where there are none."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace

import pytest

from tieline.database import Database
from tieline.identity.limits import repository
from tieline.identity.limits.errors import RateLimited
from tieline.identity.limits.leases import Leases
from tieline.identity.limits.service import Limiter
from tieline.identity.limits.window import Window
from tieline.identity.models import CallerKind, Principal
from tieline.identity.service import IdentityService


def caller(org: str, *, rpm: int | None = None, name: str = "sap") -> Principal:
    return Principal(org, f"api_{name}", name, frozenset(), rpm_limit=rpm)


async def passed(limiters: list[Limiter], principal: Principal, attempts: int) -> int:
    """How many of as many attempts in turns, all at once, get through."""

    async def attempt(number: int) -> bool:
        try:
            await limiters[number % len(limiters)].admit(principal)
        except RateLimited:
            return False
        return True

    return sum(await asyncio.gather(*map(attempt, range(attempts))))


async def counted(database: Database, org: str, subject: str) -> int:
    async with database.reading(org) as tx:
        return await tx.fetchval(
            "SELECT coalesce(sum(used), 0)::integer FROM rate_windows "
            "WHERE org_id = $1 AND subject = $2",
            subject,
        )


@pytest.mark.parametrize("limit", [1, 7, 60])
async def test_a_small_limit_is_exact_over_processes(
    database: Database, org: str, limit: int
) -> None:
    processes = [Limiter(database), Limiter(database)]

    assert await passed(processes, caller(org, rpm=limit), 3 * limit) == limit


async def test_tokens_are_exact_over_processes(database: Database, org: str) -> None:
    processes = [Limiter(database), Limiter(database)]

    async def attempt(number: int) -> bool:
        try:
            await processes[number % 2].admit_model_call(
                org, "api_llm", rpm=None, tpm=1_000, tokens=70
            )
        except RateLimited:
            return False
        return True

    assert sum(await asyncio.gather(*map(attempt, range(40)))) == 1_000 // 70


async def test_a_large_limit_is_never_exceeded(database: Database, org: str) -> None:
    processes = [Limiter(database), Limiter(database)]

    through = await passed(processes, caller(org, rpm=200), 600)

    # What one process holds of its lease when the other asks is all that may be lost.
    assert 200 - 200 // 50 <= through <= 200


async def test_a_large_limit_costs_a_statement_for_many_requests(
    database: Database, org: str
) -> None:
    principal = caller(org, rpm=100_000)

    assert await passed([Limiter(database)], principal, 500) == 500

    assert await counted(database, org, "key:api_sap") == 2_000  # one lease of a fiftieth


async def test_without_a_limit_nothing_is_counted(database: Database, org: str) -> None:
    limiter = Limiter(database)

    for _ in range(10):
        assert await limiter.admit(caller(org)) is None

    async with database.reading(org) as tx:
        assert await tx.fetchval("SELECT count(*) FROM rate_windows WHERE org_id = $1") == 0


async def test_a_refusal_is_remembered_until_something_can_be_left(
    database: Database, org: str
) -> None:
    limiter = Limiter(database)
    await passed([limiter], caller(org, rpm=2), 3)
    async with database.organisation(org) as tx:
        await tx.execute("DELETE FROM rate_windows WHERE org_id = $1")

    # Asked again, the database would grant it.
    assert await passed([limiter], caller(org, rpm=2), 3) == 0


async def test_a_refusal_names_the_limit_and_when_to_come_back(
    database: Database, org: str
) -> None:
    limiter = Limiter(database)
    await limiter.admit(caller(org, rpm=1))

    with pytest.raises(
        RateLimited, match=r"'sap' has used up its limit of requests per minute \(1\)"
    ) as caught:
        await limiter.admit(caller(org, rpm=1))

    assert 1 <= caught.value.retry_after <= 120


async def test_another_limit_counts_at_once(database: Database, org: str) -> None:
    limiter = Limiter(database)
    assert await passed([limiter], caller(org, rpm=2), 5) == 2

    assert await passed([limiter], caller(org, rpm=5), 5) == 3


async def test_keys_and_users_are_limited_each_by_themselves(database: Database, org: str) -> None:
    limiter = Limiter(database)
    key = caller(org, rpm=1)
    user = replace(key, kind=CallerKind.USER)

    assert await passed([limiter], key, 2) == 1
    assert await passed([limiter], user, 2) == 1
    assert await passed([limiter], caller(org, rpm=1, name="other"), 2) == 1
    assert await passed([limiter], caller(f"{org}-2", rpm=1), 2) == 1


async def test_an_organisation_is_limited_over_all_its_callers(
    database: Database, org: str
) -> None:
    limiter = Limiter(database, organisation_rpm=3)

    assert await passed([limiter], caller(org), 2) == 2
    assert await passed([limiter], caller(org, name="other"), 2) == 1
    with pytest.raises(RateLimited, match=f"The organisation {org}"):
        await limiter.admit(caller(org))


async def test_what_the_organisation_refuses_is_given_back_to_the_key(
    database: Database, org: str
) -> None:
    limiter = Limiter(database, organisation_rpm=2)

    assert await passed([limiter], caller(org, rpm=3), 10) == 2

    limiter._default = None
    limiter.forget()
    assert await passed([limiter], caller(org, rpm=3), 10) == 1


@pytest.mark.parametrize(("own", "expected"), [(1, 1), (0, 5), (None, 3)])
async def test_an_organisations_own_limit_comes_before_the_setting(
    database: Database, org: str, own: int | None, expected: int
) -> None:
    identity = IdentityService(database)
    await identity.create_key(org, name="sap")
    await identity.limit_organisation(org, own)

    assert await passed([Limiter(database, organisation_rpm=3)], caller(org), 5) == expected


async def test_the_allowance_is_that_of_the_tighter_limit(database: Database, org: str) -> None:
    limiter = Limiter(database, organisation_rpm=50)

    allowance = await limiter.admit(caller(org, rpm=10))

    assert allowance is not None
    assert (allowance.limit, allowance.remaining) == (10, 9)
    assert 1 <= allowance.reset_seconds <= 60


async def test_minutes_that_weigh_nothing_are_removed(database: Database, org: str) -> None:
    await Limiter(database).admit(caller(org, rpm=5))
    async with database.organisation(org) as tx:
        await tx.execute(
            "INSERT INTO rate_windows (org_id, subject, minute, used, granted) "
            "VALUES ($1, 'old', 4711, 1, 1)"
        )

    async with database.system() as tx:
        await repository.forget_past_windows(tx)

    assert await counted(database, org, "old") == 0
    assert await counted(database, org, "key:api_sap") == 1


async def test_a_lease_ends_with_its_minute(database: Database, org: str) -> None:
    now = [1000.0]
    leases = Leases(database, lambda: now[0])
    lease = await leases.take(org, "key:x", 5_000, "The key")
    assert lease.left == 99

    now[0] += 61

    assert not lease.spend(now[0])
    leases.put_back(lease)
    assert lease.left == 99


async def test_nobody_slips_through_while_the_wait_runs_out(
    database: Database, org: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing_left(*_: object, **__: object) -> repository.Grant:
        # All of it is used, and a millionth of a second later one would be free.
        return repository.Grant(0, Window(current=0, previous=60, elapsed=1.0 - 1e-6))

    monkeypatch.setattr(repository, "take", nothing_left)
    ticks = itertools.count(1000.0, 0.001)
    leases = Leases(database, lambda: next(ticks))

    with pytest.raises(RateLimited):
        await leases.take(org, "key:x", 60, "The key")
