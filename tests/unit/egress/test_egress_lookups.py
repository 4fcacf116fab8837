"""Names that are looked up: once for all who wait, and never all at once for one organisation."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import pytest

from tieline.egress.addresses import Address
from tieline.egress.errors import NameUnknown
from tieline.egress.lookups import Lookups


class Silent:
    """A resolver that answers when a test says so, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answering = asyncio.Event()
        self.closed = False

    async def resolve(self, host: str, port: int) -> list[Address]:
        self.asked.append(host)
        if not host.startswith("fast"):
            await self.answering.wait()
        if host.startswith("unknown"):
            raise NameUnknown
        return [ip_address("192.0.2.1")]

    def close(self) -> None:
        self.closed = True


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_an_address_is_not_looked_up() -> None:
    resolver = Silent()

    assert await Lookups(resolver).addresses("::1", 80, "a") == [ip_address("::1")]
    assert not resolver.asked


async def test_who_asks_for_the_same_waits_for_the_same() -> None:
    resolver = Silent()
    lookups = Lookups(resolver)
    waiting = [asyncio.create_task(lookups.addresses("a.example", 80, "a")) for _ in range(3)]
    await settle()
    resolver.answering.set()

    assert await asyncio.gather(*waiting) == [[ip_address("192.0.2.1")]] * 3
    assert resolver.asked == ["a.example"]
    await lookups.addresses("a.example", 80, "a")
    assert resolver.asked == ["a.example"] * 2


async def test_who_gives_up_does_not_end_it_for_the_others() -> None:
    resolver = Silent()
    lookups = Lookups(resolver)
    first = asyncio.create_task(lookups.addresses("a.example", 80, "a"))
    second = asyncio.create_task(lookups.addresses("a.example", 80, "a"))
    await settle()
    first.cancel()
    await settle()
    resolver.answering.set()

    assert await second == [ip_address("192.0.2.1")]
    assert first.cancelled()


async def test_names_that_are_never_answered_hold_up_only_those_who_ask_for_them() -> None:
    resolver = Silent()
    lookups = Lookups(resolver)
    waiting = [
        asyncio.create_task(lookups.addresses(f"{number}.example", 80, "a"))
        for number in range(100)
    ]
    await settle()
    assert len(resolver.asked) == 8

    assert await lookups.addresses("fast.example", 80, "b") == [ip_address("192.0.2.1")]
    resolver.answering.set()
    await asyncio.gather(*waiting)
    assert len(resolver.asked) == 101


async def test_a_failure_reaches_all_who_wait_and_is_not_remembered() -> None:
    resolver = Silent()
    resolver.answering.set()
    lookups = Lookups(resolver)

    for _ in range(2):
        with pytest.raises(NameUnknown):
            await lookups.addresses("unknown.example", 80, None)
    assert len(resolver.asked) == 2


async def test_closing_ends_what_is_under_way() -> None:
    resolver = Silent()
    lookups = Lookups(resolver)
    waiting = asyncio.create_task(lookups.addresses("a.example", 80, None))
    await settle()
    await lookups.close()

    assert resolver.closed
    with pytest.raises(asyncio.CancelledError):
        await waiting
