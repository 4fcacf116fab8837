"""Nobody who lets events happen by hand takes all the connections that there are."""

from __future__ import annotations

import asyncio
import contextlib

from tieline.catalogue.turns import Turns


async def test_an_organisation_has_two_turns_at_most_and_leaves_some_to_others() -> None:
    turns, at_it, leave = Turns(), list[str](), asyncio.Event()

    async def take(org_id: str) -> None:
        async with turns.turn(org_id):
            at_it.append(org_id)
            await leave.wait()

    tasks = [asyncio.create_task(take(org_id)) for org_id in "aaabbbccc"]
    await _all_have_tried()
    assert sorted(at_it) == ["a", "a", "b", "b"]

    leave.set()
    await asyncio.gather(*tasks)
    assert sorted(at_it) == list("aaabbbccc")


async def test_whoever_goes_away_while_waiting_takes_no_turn_along() -> None:
    turns = Turns()
    async with turns.turn("a"), turns.turn("a"):
        gone = asyncio.create_task(turns.turn("a").__aenter__())
        await _all_have_tried()
        gone.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await gone

    async with asyncio.timeout(5), turns.turn("a"), turns.turn("a"):
        pass


async def _all_have_tried() -> None:
    for _ in range(20):
        await asyncio.sleep(0)
