"""The commands about configuration as files, and their options."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from tieline.cli.options import DEFAULT_PLACE, Place
from tieline.cli.selection import AsJson

Organisation = Annotated[str, Parameter(help="The organisation.")]
Files = Annotated[
    Path,
    Parameter(
        name="PATH",
        allow_leading_hyphen=True,
        help="A directory of YAML files, one file, or - for the input.",
    ),
]
Prune = Annotated[bool, Parameter(negative="", help="Delete what exists but is not in the files.")]
Group = Literal["integrations", "applications", "connectors", "webhooks", "environment"]


def export(
    path: Annotated[
        Path,
        Parameter(
            name="PATH",
            allow_leading_hyphen=True,
            help="The directory to write to, or - for the output.",
        ),
    ] = Path("-"),
    /,
    *,
    org: Organisation = "default",
    kind: Annotated[
        tuple[Group, ...], Parameter(negative="", help="Only these; give it once per kind.")
    ] = (),
    place: Place = DEFAULT_PLACE,
) -> int:
    """Write the configuration of an organisation to files, without any secret."""
    settings = place.logged_settings()
    from tieline.cli import configuration

    return asyncio.run(configuration.export(settings, path, org, kind))


def plan(
    path: Files,
    /,
    *,
    org: Organisation = "default",
    prune: Prune = False,
    json: AsJson = False,
    place: Place = DEFAULT_PLACE,
) -> int:
    """Show what `apply` would do; exit with 2 if that is anything, with 1 after a failure."""
    settings = place.logged_settings()
    from tieline.cli import configuration

    request = configuration.Request(path, org, prune=prune)
    return asyncio.run(configuration.plan(settings, request, as_json=json))


def apply(
    path: Files,
    /,
    *,
    org: Organisation = "default",
    prune: Prune = False,
    yes: Annotated[bool, Parameter(negative="", help="Do not ask.")] = False,
    dry_run: Annotated[
        bool, Parameter(negative="", help="Only show what would be done, like `plan`.")
    ] = False,
    message: Annotated[
        str | None, Parameter(help="What the history of changed use cases says of the change.")
    ] = None,
    place: Place = DEFAULT_PLACE,
) -> int:
    """Make an organisation's configuration what files say: all of it, or nothing."""
    settings = place.logged_settings()
    from tieline.cli import configuration

    request = configuration.Request(path, org, prune=prune, message=message)
    if dry_run:
        return asyncio.run(configuration.plan(settings, request, as_json=False))
    return asyncio.run(configuration.apply(settings, request, ask=not yes))
