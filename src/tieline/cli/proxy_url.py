"""`tieline proxy-url`: a signed link to a file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from tieline.cli.durations import parse_duration
from tieline.cli.integration_tools import Tools, integration_tools
from tieline.cli.selection import Where
from tieline.fileproxy.link_service import FileLinks
from tieline.fileproxy.links import link_from, link_in
from tieline.fileproxy.models import Link, SignedLink
from tieline.integrations.errors import UseCaseNotFound
from tieline.integrations.models import UseCase, UseCaseType
from tieline.kit import json
from tieline.kit.errors import InvalidInput
from tieline.kit.time import to_wire
from tieline.secrets.opening import open_secret_store
from tieline.settings import Settings


@dataclass(frozen=True)
class Wanted:
    """The file that a link is wanted for: by a stored address, or by a file proxy and `params`."""

    where: Where
    address: str | None
    use_case: str | None
    params: Sequence[str]  # each is `name=value`
    expires_in: str


async def make(settings: Settings, wanted: Wanted, *, as_json: bool) -> None:
    """Print a link; it alone goes to standard output.

    Raises `InvalidDuration`, `InvalidInput`, `UseCaseNotFound` and what signing raises.
    """
    lifetime = parse_duration(wanted.expires_in)
    params = [_pair(text) for text in wanted.params]
    where = wanted.where
    link = None
    if wanted.address is not None:
        link = link_in(wanted.address)
        where = Where(where.org, where.integration or link.integration_id)
    async with integration_tools(settings, where) as tools:
        store = await open_secret_store(settings, tools.database)
        try:
            base_url = f"{settings.public_address}/erp-integration"
            links = FileLinks(tools.database, store, tools.integrations, base_url)
            link = link or await _link(tools, wanted.use_case, params)
            signed = await links.sign(tools.org_id, link, lifetime)
        finally:
            await store.close()
    _hand_over(signed, as_json=as_json)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise InvalidInput(f"--param {text!r} is no parameter. Write name=value.")
    return name, value


async def _link(tools: Tools, name: str | None, params: Sequence[tuple[str, str]]) -> Link:
    use_case = await _file_proxy(tools, name)
    own = [
        ("orgId", tools.org_id),
        ("integrationId", str(tools.integration.id)),
        ("useCaseSlug", use_case.slug) if use_case.slug else ("useCaseId", str(use_case.id)),
    ]
    return link_from([*own, *params])


async def _file_proxy(tools: Tools, name: str | None) -> UseCase:
    found = await tools.integrations.list_use_cases(tools.org_id, tools.integration.id)
    proxies = [use_case for use_case in found if use_case.type is UseCaseType.FILE_PROXY]
    if name is not None:
        named = [one for one in proxies if name in (str(one.id), one.slug, one.name)]
    else:
        named = proxies
    if len(named) == 1:
        return named[0]
    known = ", ".join(one.slug or one.name for one in proxies) or "none"
    raise UseCaseNotFound(
        f"Name one file proxy of the integration by --use-case and its id, slug or name: {known}."
    )


def _hand_over(signed: SignedLink, *, as_json: bool) -> None:
    until = to_wire(signed.expires_at)
    if as_json:
        print(json.dumps_str({"url": signed.url, "expires_at": until}))
        return
    print(f"Whoever has this link can fetch the file until {until}:", file=sys.stderr, flush=True)
    print(signed.url)
