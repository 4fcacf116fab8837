"""`tieline listen`: a receiver of deliveries on this machine, without anything else of Tieline."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

from tieline.cli.errors import UnreadableFile
from tieline.cli.options import DEFAULT_PLACE
from tieline.cli.signals import stop_on_signals
from tieline.cli.sockets import bound, listen, url_of
from tieline.egress.allowances import AllowList, plain_host
from tieline.egress.client import EgressClient
from tieline.egress.models import Bounds, OutgoingRequest
from tieline.egress.targets import Target
from tieline.kit import json
from tieline.kit.errors import InvalidInput
from tieline.receiving.errors import InvalidVerificationKey
from tieline.receiving.keys import Keys
from tieline.receiving.models import Delivery
from tieline.receiving.receiver import Receiver, receiving
from tieline.receiving.rehearsal import Rehearsal
from tieline.receiving.showing import Tally, delivery_document, delivery_text

_WELL = 0
_NOT_WELL = 1


@dataclass(frozen=True)
class KeySource:
    """Where the keys come from: texts or `@file`, an address, files."""

    secrets: tuple[str, ...] = ()
    key_url: str | None = None
    public_keys: tuple[Path, ...] = ()


def run(
    host: str,
    port: int,
    source: KeySource,
    rehearsal: Rehearsal,
    *,
    count: int | None,
    as_json: bool,
) -> int:
    """Take deliveries until a signal comes, or `count` of them came; then say what came.

    The exit code is 1 if a signature did not fit, or if a message came again with other bytes.
    Raises `AddressTaken`, `AddressUnusable`, `InvalidVerificationKey`, `UnreadableFile` and the
    errors of `tieline.egress`.
    """
    if count is not None and count < 1:
        raise InvalidInput("--count: must be a number of deliveries, 1 or more.")
    return asyncio.run(_listen(host, port, source, rehearsal, count, as_json=as_json))


async def _listen(
    host: str,
    port: int,
    source: KeySource,
    rehearsal: Rehearsal,
    count: int | None,
    *,
    as_json: bool,
) -> int:
    keys = await _keys(source)
    tally = Tally()
    unread: list[BrokenPipeError] = []
    with bound(host, port) as listener, stop_on_signals() as stopping:

        def take(delivery: Delivery) -> None:
            tally.add(delivery)
            shown = delivery_document(delivery) if as_json else None
            try:
                print(json.dumps_str(shown) if shown else delivery_text(delivery), flush=True)
            except BrokenPipeError as error:  # whoever read our output left
                unread.append(error)
            if tally.deliveries == count or unread:
                stopping.set()

        listen(listener, host, port)
        async with receiving(Receiver(take, keys=keys, rehearsal=rehearsal), listener):
            notes = sys.stderr if as_json else sys.stdout
            print(_greeting(url_of(listener, host), keys), file=notes, flush=True)
            await stopping.wait()
    if unread:
        raise unread[0]
    print(tally.text(), file=notes, flush=True)
    return _WELL if tally.all_is_well else _NOT_WELL


def _greeting(url: str, keys: Keys) -> str:
    place = url.removeprefix("http://")
    checks = (
        "Signatures are checked."
        if keys
        else "No signature is checked: give --secret, --key-url or --public-key for that."
    )
    return (
        f"Listening on {url}, for any path. {checks}\n"
        f"Tieline sends to machines inside only if that is allowed: `tieline egress allow default "
        f"{place}`. Press Ctrl-C to stop."
    )


async def _keys(source: KeySource) -> Keys:
    public_keys = [_text(path) for path in source.public_keys]
    if source.key_url is not None:
        public_keys.append(await _published_key(source.key_url))
    secrets = [_text(Path(text[1:])) if text[:1] == "@" else text for text in source.secrets]
    return Keys.of(secrets, public_keys)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror or error}. Name a file.") from None
    except UnicodeDecodeError:
        raise UnreadableFile(f"{path}: is no text. Name a file with a key.") from None


async def _published_key(url: str) -> str:
    """What an address answers that somebody typed here, so that it may be on this machine."""
    target = Target.parse(url)
    allowed = AllowList(hosts=frozenset({(plain_host(target.host), target.port)}))
    client = EgressClient(allowed, ca_file=DEFAULT_PLACE.logged_settings().egress_ca_file)
    try:
        answer = await client.send(
            OutgoingRequest("GET", url, bounds=Bounds(max_response_bytes=100_000))
        )
    finally:
        await client.close()
    if answer.status != 200:
        raise InvalidVerificationKey(
            f"{target.place} answers {answer.status} instead of a public key. Check --key-url."
        )
    return answer.body.decode("utf-8", "replace")
