"""The `tieline keys` commands and their options."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from cyclopts import App, Parameter

from tieline.cli.options import DEFAULT_PLACE, Place
from tieline.cli.selection import AsJson

keys = App(name="keys", help="Create, list, rotate and revoke API keys.", version_flags=[])

Organisation = Annotated[str, Parameter(help="The organisation that the key belongs to.")]
KeyId = Annotated[str, Parameter(name="ID", help="The id that `keys list` shows.")]


@keys.command(name="create")
def create_key(
    *,
    org: Organisation = "default",
    name: Annotated[str, Parameter(help="What the key is for.")] = "command line",
    scope: Annotated[
        tuple[str, ...] | None,
        Parameter(negative="", help="What the key may do; give it once per scope. All if absent."),
    ] = None,
    role: Annotated[
        tuple[str, ...],
        Parameter(negative="", help="A role whose scopes it has: viewer, operator, editor, admin."),
    ] = (),
    kind: Annotated[
        Literal["service", "user", "virtual_llm", "connector"],
        Parameter(help="Who holds the key, and what for."),
    ] = "service",
    expires_in: Annotated[
        str | None, Parameter(help="How long it is valid, such as 12h, 30d or 8w.")
    ] = None,
    rpm: Annotated[int | None, Parameter(help="Requests per minute that it allows.")] = None,
    application: Annotated[
        str | None, Parameter(help="The application that it is for: its slug or its id.")
    ] = None,
    json: AsJson = False,
    place: Place = DEFAULT_PLACE,
) -> None:
    """Create an API key and print it. It cannot be shown again."""
    from tieline.cli import keys as key_commands

    request = key_commands.KeyRequest(org, name, kind, scope, role, expires_in, rpm, application)
    asyncio.run(key_commands.create(place.logged_settings(), request, as_json=json))


@keys.command(name="list")
def list_keys(
    *, org: Organisation = "default", json: AsJson = False, place: Place = DEFAULT_PLACE
) -> None:
    """List the API keys of an organisation, oldest first."""
    from tieline.cli import keys as key_commands

    asyncio.run(key_commands.show(place.logged_settings(), org, as_json=json))


@keys.command(name="rotate")
def rotate_key(
    key_id: KeyId,
    /,
    *,
    org: Organisation = "default",
    overlap: Annotated[
        str,
        Parameter(help="How long the old key stays valid, such as 1h or 7d; 0 ends it at once."),
    ] = "1d",
    json: AsJson = False,
    place: Place = DEFAULT_PLACE,
) -> None:
    """Create a key with the same rights in place of another, and print it."""
    from tieline.cli import keys as key_commands

    settings = place.logged_settings()
    asyncio.run(key_commands.rotate(settings, org, key_id, overlap, as_json=json))


@keys.command(name="revoke")
def revoke_key(
    key_id: KeyId, /, *, org: Organisation = "default", place: Place = DEFAULT_PLACE
) -> None:
    """Revoke an API key. Every running process refuses it at once."""
    from tieline.cli import keys as key_commands

    asyncio.run(key_commands.revoke(place.logged_settings(), org, key_id))


@keys.command(name="rotate-signing-key")
def rotate_signing_key(*, place: Place = DEFAULT_PLACE) -> None:
    """Sign access tokens with a new key from now on. Tokens that exist stay valid."""
    from tieline.cli import keys as key_commands

    asyncio.run(key_commands.rotate_signing_key(place.logged_settings()))
