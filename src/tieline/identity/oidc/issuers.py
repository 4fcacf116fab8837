"""The issuers that are configured, checked as a whole, found by what a token says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from tieline.egress.allowances import AllowList
from tieline.identity.roles import Role
from tieline.settings import InvalidSettings, OidcIssuer

_SETTING = "TIELINE_OIDC_ISSUERS"


class Issuers:
    """All issuers. One may be listed several times, with another audience each time."""

    def __init__(self, configured: Sequence[OidcIssuer]) -> None:
        """Raises `InvalidSettings` when entries contradict each other or name unknown roles."""
        self._configured = tuple(configured)
        seen: set[tuple[str, str]] = set()
        for entry in self._configured:
            _check_roles(entry)
            for audience in entry.audience:
                if (entry.issuer, audience) in seen:
                    raise InvalidSettings(
                        f"{_SETTING}: {entry.issuer} is listed twice with the audience "
                        f"{audience!r}. Leave one of them out."
                    )
                seen.add((entry.issuer, audience))

    def __bool__(self) -> bool:
        return bool(self._configured)

    @property
    def urls(self) -> tuple[str, ...]:
        """Each issuer once, by its address."""
        return tuple(dict.fromkeys(entry.issuer for entry in self._configured))

    @property
    def readable_by_others(self) -> tuple[str, ...]:
        """The issuers whose keys come over a network without TLS: somebody could swap them."""
        return tuple(
            url
            for url in self.urls
            if urlsplit(url).scheme == "http" and not _is_this_machine(urlsplit(url).hostname or "")
        )

    def find(self, url: str, audiences: Iterable[str]) -> OidcIssuer | None:
        """The entry for tokens of this issuer that are meant for one of these audiences."""
        meant = set(audiences)
        for entry in self._configured:
            if entry.issuer == url and not meant.isdisjoint(entry.audience):
                return entry
        return None


def origin_of(url: str) -> AllowList:
    """What has to be reachable to read an issuer's keys: its own host and port.

    The operator has named the issuer, so it may be in a network to which no other request goes.
    """
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return AllowList.parse([f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"])


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_roles(entry: OidcIssuer) -> None:
    for role in (*entry.role_mapping.values(), *entry.default_roles):
        if role not in set(Role):
            raise InvalidSettings(
                f"{_SETTING}: {entry.issuer} gives the role {role!r}, which does not exist. "
                f"Use {', '.join(Role)}."
            )
