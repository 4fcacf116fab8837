"""The `tieline audit` commands and their options."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import App, Parameter

from tieline.cli.options import DEFAULT_PLACE, Place
from tieline.cli.selection import DEFAULT_ENTRIES, AsJson, Entries

audit = App(name="audit", help="Read the audit log: who changed what.", version_flags=[])


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
