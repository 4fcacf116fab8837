"""The `tieline audit` commands and their options."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated

from cyclopts import App, Parameter

from tieline.cli.options import DEFAULT_PLACE, Place
from tieline.cli.selection import AsJson

audit = App(name="audit", help="Read the audit log: who changed what.", version_flags=[])


@Parameter(name="*")
@dataclass(frozen=True)
class Entries:
    """Which entries of the audit log are wanted; what is absent lets all pass."""

    org: Annotated[str, Parameter(help="The organisation.")] = "default"
    actor: Annotated[
        str | None, Parameter(help="Done by the key, user or system's user with this id.")
    ] = None
    action: Annotated[str | None, Parameter(help="What was done, such as integration.updated.")] = (
        None
    )
    target_type: Annotated[
        str | None, Parameter(help="Done to things of this type, such as use_case.")
    ] = None
    target_id: Annotated[str | None, Parameter(help="Done to the thing with this id.")] = None
    search: Annotated[
        str | None, Parameter(help="In a name, an id or a document, in any case.")
    ] = None
    from_: Annotated[
        str | None, Parameter(name="--from", help="At this date and time (UTC) or later.")
    ] = None
    to: Annotated[str | None, Parameter(help="At this date and time (UTC) or before.")] = None


DEFAULT_ENTRIES = Entries()


@audit.command(name="list")
def list_entries(
    *,
    entries: Entries = DEFAULT_ENTRIES,
    limit: Annotated[int, Parameter(help="Entries at most, 1 to 1000.")] = 20,
    json: AsJson = False,
    place: Place = DEFAULT_PLACE,
) -> None:
    """List what was changed and looked at, newest first."""
    settings = place.logged_settings()
    from tieline.cli import audit as run

    asyncio.run(run.show(settings, entries, limit=limit, as_json=json))


@audit.command
def export(*, entries: Entries = DEFAULT_ENTRIES, place: Place = DEFAULT_PLACE) -> None:
    """Print all entries that fit, oldest first, one JSON document per line."""
    settings = place.logged_settings()
    from tieline.cli import audit as run

    asyncio.run(run.export(settings, entries))
