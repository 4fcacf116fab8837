"""What is remembered of an organisation's events is never out of date."""

from __future__ import annotations

import asyncio

import pytest
from catalogue_definitions import definition
from catalogue_world import KeepingSink, World

from tieline.catalogue import custom, remembered
from tieline.catalogue.errors import TooManyEvents
from tieline.catalogue.remembered import RememberedEvents
from tieline.catalogue.service import EventCatalogue
from tieline.database import Database
from tieline.http.services import Services

NAME = "OrderSubmission"


async def enabled(catalogue: EventCatalogue, world: World) -> bool:
    return (await catalogue.get_event(world.org, NAME)).event.enabled


async def test_another_process_knows_a_change_at_once(
    world: World, services: Services, database: Database
) -> None:
    other = EventCatalogue(database, services.mapper, KeepingSink())
    for wanted in (False, True, False):
        assert await enabled(other, world) is not wanted
        await world.catalogue.patch_event(world.org, NAME, enabled=wanted)
        assert await enabled(other, world) is wanted


async def test_what_was_rolled_back_is_not_remembered(world: World, database: Database) -> None:
    async def switch_and_fail() -> None:
        async with database.organisation(world.org) as tx:
            await world.catalogue.switch(tx, NAME, {"enabled": False})
            assert await world.catalogue.settings_of(tx, [NAME]) == {NAME: False}
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await switch_and_fail()
    assert await enabled(world.catalogue, world)
    await world.catalogue.patch_event(world.org, NAME, auto_trigger=False)
    event = (await world.catalogue.get_event(world.org, NAME)).event
    assert event.enabled
    assert not event.switches.auto_trigger


async def test_switches_that_are_set_at_once_are_all_kept(world: World) -> None:
    await asyncio.gather(
        world.catalogue.patch_event(world.org, NAME, enabled=False),
        world.catalogue.patch_event(world.org, NAME, auto_trigger=False),
        world.catalogue.patch_event(world.org, NAME, automation_trigger=True),
    )
    switches = (await world.catalogue.get_event(world.org, NAME)).event.switches
    assert switches.document() == {
        "enabled": False,
        "auto_trigger": False,
        "automation_trigger": True,
    }
    assert switches.version == 3


async def test_the_same_is_not_read_twice(
    world: World, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = RememberedEvents(capacity=1)
    async with database.reading(world.org) as tx:
        first = await known.of(tx)
        assert await known.of(tx) is first
    async with database.reading(f"{world.org}-other") as tx:
        await known.of(tx)
    async with database.reading(world.org) as tx:
        assert await known.of(tx) is not first


async def test_a_built_in_event_has_its_name_even_if_somebody_had_it_before(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    built_in = dict(remembered.built_in_events())
    later = built_in.pop(NAME)
    monkeypatch.setattr(custom, "built_in_events", lambda: built_in)
    monkeypatch.setattr(remembered, "built_in_events", lambda: built_in)
    await world.catalogue.custom.create(world.org, definition(NAME))
    assert (await world.catalogue.get_event(world.org, NAME)).event.custom is not None
    built_in[NAME] = later
    await world.catalogue.patch_event(world.org, "FileCreated", enabled=True)
    assert (await world.catalogue.get_event(world.org, NAME)).event.custom is None


async def test_an_organisation_has_only_so_many_events(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(custom, "MAX_EVENTS", 2)
    for name in ("One", "Two"):
        await world.catalogue.custom.create(world.org, definition(f"Event{name}"))
    with pytest.raises(TooManyEvents):
        await world.catalogue.custom.create(world.org, definition("EventThree"))


async def test_names_can_be_asked_for_in_a_transaction(world: World, database: Database) -> None:
    await world.catalogue.custom.create(world.org, definition())
    await world.catalogue.patch_event(world.org, NAME, enabled=False)
    async with database.organisation(world.org) as tx:
        assert await world.catalogue.exists(tx, NAME)
        assert await world.catalogue.exists(tx, "ContractChanged")
        assert not await world.catalogue.exists(tx, "Nothing")
        names = [NAME, "FileCreated", "ContractChanged", "Nothing"]
        assert await world.catalogue.settings_of(tx, names) == {
            NAME: False,
            "FileCreated": True,
            "ContractChanged": False,
        }
