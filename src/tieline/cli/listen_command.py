"""The `tieline listen` command and its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tieline.cli.selection import AsJson


def listen(
    *,
    host: Annotated[str, Parameter(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="TCP port; 0 takes a free one.")] = 4000,
    secret: Annotated[
        tuple[str, ...],
        Parameter(negative="", help="A signing secret, whsec_... or @file; once per secret."),
    ] = (),
    key_url: Annotated[
        str | None, Parameter(help="Where Tieline publishes the public key.")
    ] = None,
    public_key: Annotated[
        tuple[Path, ...], Parameter(negative="", help="A file with a public key (PEM).")
    ] = (),
    status: Annotated[
        int | None, Parameter(help="Answer with this status, or fail with it; 200 or 500.")
    ] = None,
    delay: Annotated[float, Parameter(help="Seconds before each answer.")] = 0.0,
    fail_first: Annotated[
        int, Parameter(help="Fail so many attempts of each message, then succeed.")
    ] = 0,
    fail_rate: Annotated[float, Parameter(help="Fail this share of the attempts, 0 to 1.")] = 0.0,
    count: Annotated[int | None, Parameter(help="End after so many deliveries.")] = None,
    once: Annotated[bool, Parameter(negative="", help="End after one delivery.")] = False,
    json: AsJson = False,
) -> int:
    """Receive deliveries on this machine, check and show them, and rehearse failures."""
    from tieline.cli import listen as receiver
    from tieline.receiving.rehearsal import Rehearsal

    return receiver.run(
        host,
        port,
        receiver.KeySource(secret, key_url, public_key),
        Rehearsal(status, delay, fail_first, fail_rate),
        count=1 if once else count,
        as_json=json,
    )
