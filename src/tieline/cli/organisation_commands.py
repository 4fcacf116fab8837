"""The `tieline organisations` commands and their options."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import App, Parameter

from tieline.cli.options import DEFAULT_PLACE, Place
from tieline.cli.selection import AsJson

organisations = App(name="organisations", help="List organisations, limit them.", version_flags=[])


@organisations.command(name="list")
def list_organisations(*, json: AsJson = False, place: Place = DEFAULT_PLACE) -> None:
    """List the organisations with their limits and how many usable keys they have."""
    from tieline.cli import organisations as commands

    asyncio.run(commands.show(place.logged_settings(), as_json=json))


@organisations.command(name="limit")
def limit_organisation(
    org: Annotated[str, Parameter(name="ORG", help="The organisation's id.")],
    /,
    *,
    rpm: Annotated[
        str,
        Parameter(help="Requests per minute; `none` for no limit, `default` for the setting's."),
    ],
    place: Place = DEFAULT_PLACE,
) -> None:
    """Limit the requests per minute of an organisation. Running processes follow at once."""
    from tieline.cli import organisations as commands

    asyncio.run(commands.limit(place.logged_settings(), org, rpm))
