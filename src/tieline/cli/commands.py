"""The commands and their options. What they do is imported only when one of them runs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from tieline import __version__
from tieline.cli.audit_commands import audit
from tieline.cli.configuration_commands import apply, export, plan
from tieline.cli.egress_commands import egress
from tieline.cli.event_commands import events
from tieline.cli.key_commands import keys
from tieline.cli.listen_command import listen
from tieline.cli.options import DEFAULT_PLACE, Place
from tieline.cli.organisation_commands import organisations
from tieline.cli.proxy_url_command import proxy_url
from tieline.cli.selection import AsJson
from tieline.cli.trigger_command import trigger

app = App(
    name="tieline",
    help="A hub between ERP systems and everything that must stay in step with them.",
    version=f"tieline {__version__}",
    version_flags=["--version"],
    help_format="plaintext",
)
app.command(keys)
app.command(organisations)
app.command(egress)
app.command(events)
app.command(audit)
mappings = App(name="mappings", help="Test what inbound use cases map.", version_flags=[])
app.command(mappings)
secrets = App(name="secrets", help="The keys that secrets depend on.", version_flags=[])
app.command(secrets)
app.command(export)
app.command(plan)
app.command(apply)
app.command(listen)
app.command(proxy_url)
app.command(trigger)


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


@secrets.command(name="rotate")
def rotate_secrets(
    *,
    new_master_key_file: Annotated[
        Path | None,
        Parameter(help="Wrap the data keys with the master key in this file; made if it is new."),
    ] = None,
    place: Place = DEFAULT_PLACE,
) -> int:
    """Seal all secrets with a new data key, while servers run."""
    from tieline.cli import secrets as secret_commands

    # By its whole path, as it is to be set: the next start may be from another directory.
    file = new_master_key_file and new_master_key_file.absolute()
    return asyncio.run(secret_commands.rotate(place.logged_settings(), file))


@secrets.command(name="status")
def show_secret_status(*, json: AsJson = False, place: Place = DEFAULT_PLACE) -> int:
    """Show where secrets are kept, with which keys, and whether they can be read."""
    from tieline.cli import secrets as secret_commands

    return asyncio.run(secret_commands.show_status(place.logged_settings(), as_json=json))
