"""The `tieline egress` commands and their options."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import App, Parameter

from tieline.cli.options import DEFAULT_PLACE, Place
from tieline.cli.selection import AsJson

egress = App(
    name="egress",
    help="What requests of single organisations may reach inside the network.",
    version_flags=[],
)
Org = Annotated[str, Parameter(name="ORG", help="The organisation's id.")]
Entry = Annotated[
    str,
    Parameter(name="ENTRY", help="A host, host:port, address or network, such as erp.local:8443."),
]


@egress.command
def allow(
    org: Org,
    entry: Entry,
    /,
    *,
    note: Annotated[str | None, Parameter(help="What it is for.")] = None,
    place: Place = DEFAULT_PLACE,
) -> None:
    """Let requests of an organisation reach a host or network. Running processes follow at once."""
    from tieline.cli import egress as commands

    asyncio.run(commands.allow(place.logged_settings(), org, entry, note))


@egress.command
def remove(org: Org, entry: Entry, /, *, place: Place = DEFAULT_PLACE) -> None:
    """Let them reach it no more. Running processes follow at once."""
    from tieline.cli import egress as commands

    asyncio.run(commands.remove(place.logged_settings(), org, entry))


@egress.command(name="list")
def list_allowances(org: Org, /, *, json: AsJson = False, place: Place = DEFAULT_PLACE) -> None:
    """List what requests of an organisation may reach, besides public addresses."""
    from tieline.cli import egress as commands

    asyncio.run(commands.show(place.logged_settings(), org, as_json=json))
