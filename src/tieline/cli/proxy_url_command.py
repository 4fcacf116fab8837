"""The command `tieline proxy-url` and its options."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import Parameter

from tieline.cli.options import DEFAULT_PLACE, Place
from tieline.cli.selection import DEFAULT_WHERE, AsJson, Where


def proxy_url(
    address: Annotated[
        str | None, Parameter(help="A stored download address; without it, name the file proxy.")
    ] = None,
    /,
    *,
    where: Where = DEFAULT_WHERE,
    use_case: Annotated[
        str | None,
        Parameter(
            help="The file proxy: its id, its slug or its name; needed if there are several."
        ),
    ] = None,
    param: Annotated[
        tuple[str, ...],
        Parameter(negative="", help="What it has to know, as name=value; once per parameter."),
    ] = (),
    expires_in: Annotated[
        str, Parameter(help="How long the link is good, such as 5m, 12h or 7d, which is the most.")
    ] = "5m",
    json: AsJson = False,
    place: Place = DEFAULT_PLACE,
) -> None:
    """Make a signed link to a file: whoever has it can fetch the file, without an API key."""
    from tieline.cli import proxy_url as links

    wanted = links.Wanted(where, address, use_case, param, expires_in)
    asyncio.run(links.make(place.logged_settings(), wanted, as_json=json))
