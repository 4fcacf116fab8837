"""The commands and their options. What they do is imported only when one of them runs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from tieline import __version__
from tieline.cli.event_commands import events
from tieline.cli.options import DEFAULT_PLACE, Place
from tieline.cli.selection import AsJson

app = App(
    name="tieline",
    help="A hub between ERP systems and everything that must stay in step with them.",
    version=f"tieline {__version__}",
    version_flags=["--version"],
    help_format="plaintext",
)
keys = App(name="keys", help="Create, list and revoke API keys.", version_flags=[])
app.command(keys)
app.command(events)
mappings = App(name="mappings", help="Test what inbound use cases map.", version_flags=[])
app.command(mappings)

Organisation = Annotated[str, Parameter(help="The organisation that the key belongs to.")]


@app.command
def serve(
    *,
    host: Annotated[str | None, Parameter(help="Address to listen on.")] = None,
    port: Annotated[int | None, Parameter(help="TCP port; 0 takes a free one.")] = None,
    no_worker: Annotated[
        bool, Parameter(negative="", help="Only answer requests; leave the work to `worker`.")
    ] = False,
    place: Place = DEFAULT_PLACE,
) -> None:
    """Serve the APIs and, unless told otherwise, do the work that they cause."""
    # Wrong settings should be refused before the whole application is imported.
    settings = place.logged_settings(host=host, port=port)
    from tieline.cli.serve import serve as run

    run(settings, work=not no_worker)


@app.command
def worker(*, place: Place = DEFAULT_PLACE) -> None:
    """Do the work that accepted events cause. Any number of workers may run."""
    settings = place.logged_settings()
    from tieline.cli.serve import work

    work(settings)


@app.command
def migrate(*, place: Place = DEFAULT_PLACE) -> None:
    """Bring the database to the schema of this version."""
    from tieline.cli.database import migrate_database

    print(asyncio.run(migrate_database(place.logged_settings())))


@app.command
def demo(
    *,
    once: Annotated[bool, Parameter(negative="", help="Exit after printing the result.")] = False,
    port: Annotated[int | None, Parameter(help="TCP port; 0 takes a free one.")] = None,
    place: Place = DEFAULT_PLACE,
) -> int:
    """Run Tieline on a data directory of its own and send it a utility's events."""
    settings = place.logged_settings(port=port)
    from tieline.demo import run

    return run(settings, once=once)


@app.command
def openapi(surface: Annotated[str, Parameter(help="The API, named by its base path.")], /) -> None:
    """Print the OpenAPI document of one API as JSON."""
    from tieline.cli.openapi import page

    print(page(surface))


@app.command
def doctor(*, json: AsJson = False, place: Place = DEFAULT_PLACE) -> int:
    """Check the database, the disk, the sandbox and the work that waits; say what to do."""
    from tieline.cli.doctor import examine_installation

    return asyncio.run(examine_installation(place.logged_settings(), as_json=json))


@mappings.command(name="test")
def run_samples(
    *,
    org: Annotated[str, Parameter(help="The organisation whose samples are run.")] = "default",
    integration: Annotated[
        str | None, Parameter(help="Only of this integration: its id or its name.")
    ] = None,
    use_case: Annotated[
        str | None, Parameter(help="Only of this use case: its id, its slug or its name.")
    ] = None,
    file: Annotated[
        tuple[Path, ...],
        Parameter(negative="", help="Run the samples of this file instead, without a database."),
    ] = (),
    json: AsJson = False,
    place: Place = DEFAULT_PLACE,
) -> int:
    """Map the payloads of samples, and show where the result is not what they expect."""
    from tieline.cli import mappings as mapping_commands

    selection = mapping_commands.Selection(org, integration, use_case, file)
    return asyncio.run(mapping_commands.run(place.logged_settings(), selection, as_json=json))


@keys.command(name="create")
def create_key(
    *,
    org: Organisation = "default",
    name: Annotated[str, Parameter(help="What the key is for.")] = "command line",
    scope: Annotated[
        tuple[str, ...] | None,
        Parameter(negative="", help="What the key may do; give it once per scope. All if absent."),
    ] = None,
    kind: Annotated[
        Literal["service", "user"], Parameter(help="Whether a machine or a person holds the key.")
    ] = "service",
    expires_in: Annotated[
        str | None, Parameter(help="How long it is valid, such as 12h, 30d or 8w.")
    ] = None,
    json: AsJson = False,
    place: Place = DEFAULT_PLACE,
) -> None:
    """Create an API key and print it. It cannot be shown again."""
    from tieline.cli import keys as key_commands

    request = key_commands.KeyRequest(org, name, kind, scope, expires_in)
    asyncio.run(key_commands.create(place.logged_settings(), request, as_json=json))


@keys.command(name="list")
def list_keys(
    *, org: Organisation = "default", json: AsJson = False, place: Place = DEFAULT_PLACE
) -> None:
    """List the API keys of an organisation, oldest first."""
    from tieline.cli import keys as key_commands

    asyncio.run(key_commands.show(place.logged_settings(), org, as_json=json))


@keys.command(name="revoke")
def revoke_key(
    key_id: Annotated[str, Parameter(name="ID", help="The id that `keys list` shows.")],
    /,
    *,
    org: Organisation = "default",
    place: Place = DEFAULT_PLACE,
) -> None:
    """Revoke an API key. Every running process refuses it at once."""
    from tieline.cli import keys as key_commands

    asyncio.run(key_commands.revoke(place.logged_settings(), org, key_id))
