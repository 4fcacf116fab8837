"""The `tieline trigger` command and its options."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tieline.cli.options import DEFAULT_PLACE, Place
from tieline.cli.selection import AsJson


def trigger(
    event: Annotated[str, Parameter(help="The event, as the event catalogue names it.")],
    /,
    *,
    org: Annotated[str, Parameter(help="The organisation in which it happens.")] = "default",
    entity: Annotated[str | None, Parameter(help="The entity that it is about, by its id.")] = None,
    node: Annotated[
        str | None,
        Parameter(help="The node of the event's entity graph; the entity's schema tells it."),
    ] = None,
    field: Annotated[
        tuple[str, ...],
        Parameter(negative="", help="A field as name=value, the value as JSON or text."),
    ] = (),
    data: Annotated[
        Path | None, Parameter(help="A file with all fields, as an object in JSON or YAML.")
    ] = None,
    wait: Annotated[
        float | None, Parameter(help="Wait so many seconds for the deliveries to end.")
    ] = None,
    json: AsJson = False,
    place: Place = DEFAULT_PLACE,
) -> int:
    """Let an event of the catalogue happen, and show the deliveries that come of it."""
    settings = place.logged_settings()
    from tieline.cli import trigger as run

    request = run.TriggerRequest(org, event, entity, node, field, data, wait)
    return asyncio.run(run.trigger_event(settings, request, as_json=json))
