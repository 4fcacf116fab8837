"""The `tieline events` commands and their options."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import App, Parameter

from tieline.cli.options import DEFAULT_PLACE, Place
from tieline.cli.selection import (
    DEFAULT_CHOSEN,
    DEFAULT_LETTERS,
    DEFAULT_WHERE,
    AsJson,
    Chosen,
    EventIds,
    Letters,
    Where,
)

events = App(
    name="events",
    help="Find, try out, replay and discard events that failed.",
    version_flags=[],
)


@events.command
def failed(
    *,
    where: Where = DEFAULT_WHERE,
    letters: Letters = DEFAULT_LETTERS,
    groups: Annotated[bool, Parameter(negative="", help="Count them by reason instead.")] = False,
    limit: Annotated[int, Parameter(help="Entries at most, 1 to 1000.")] = 20,
    json: AsJson = False,
    place: Place = DEFAULT_PLACE,
) -> None:
    """List the open dead letters of an integration: the events that failed, newest first."""
    settings = place.logged_settings()
    from tieline.cli import dead_letters

    if groups:
        run = dead_letters.show_groups(settings, where, letters, limit=limit, as_json=json)
    else:
        run = dead_letters.show_letters(settings, where, letters, limit=limit, as_json=json)
    asyncio.run(run)


@events.command
def replay(
    *,
    where: Where = DEFAULT_WHERE,
    chosen: Chosen = DEFAULT_CHOSEN,
    rate: Annotated[int, Parameter(help="Events per second at most, 1 to 1000.")] = 50,
    json: AsJson = False,
    place: Place = DEFAULT_PLACE,
) -> None:
    """Replay open dead letters in the order of acceptance. A running worker carries it out."""
    settings = place.logged_settings()
    from tieline.cli import dead_letters

    asyncio.run(dead_letters.replay(settings, where, chosen, rate=rate, as_json=json))


@events.command
def redrives(
    *, where: Where = DEFAULT_WHERE, json: AsJson = False, place: Place = DEFAULT_PLACE
) -> None:
    """List the mass replays of an integration with how far they are, newest first."""
    settings = place.logged_settings()
    from tieline.cli import dead_letters

    asyncio.run(dead_letters.show_redrives(settings, where, as_json=json))


@events.command
def discard(
    *,
    note: Annotated[str, Parameter(help="Why the events need not be applied.")],
    where: Where = DEFAULT_WHERE,
    chosen: Chosen = DEFAULT_CHOSEN,
    place: Place = DEFAULT_PLACE,
) -> None:
    """Close open dead letters with a note."""
    settings = place.logged_settings()
    from tieline.cli import dead_letters

    asyncio.run(dead_letters.discard(settings, where, chosen, note=note))


@events.command
def remap(
    *,
    dry_run: Annotated[
        bool, Parameter(negative="", help="Show what would change; change nothing.")
    ] = False,
    where: Where = DEFAULT_WHERE,
    use_case: Annotated[
        str | None, Parameter(help="Events of this use case: its id, its slug or its name.")
    ] = None,
    event_name: Annotated[str | None, Parameter(help="Events of this name.")] = None,
    event: EventIds = None,
    only_failed: Annotated[
        bool, Parameter(name="--failed", negative="", help="Events with an open dead letter.")
    ] = False,
    since: Annotated[
        str | None, Parameter(help="Events accepted in this time, such as 90m, 12h or 2d.")
    ] = None,
    limit: Annotated[int, Parameter(help="Events at most, 1 to 100; the newest are taken.")] = 25,
    json: AsJson = False,
    place: Place = DEFAULT_PLACE,
) -> int:
    """Map stored events with the present configuration: with --dry-run to see what it would do.

    Without --dry-run the events are replayed.
    """
    settings = place.logged_settings()
    from tieline.cli import remap as run

    request = run.RemapRequest(use_case, event_name, event, only_failed, since, limit)
    return asyncio.run(run.remap_events(settings, where, request, dry_run=dry_run, as_json=json))
