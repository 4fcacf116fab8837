"""Where a request goes: its address taken apart, checked, and put together in one way."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

import httpcore
import httpx

from tieline.egress.errors import RequestRefused

_PORTS = {"http": 80, "https": 443}
_LONGEST_URL = 8_000
_HOST = re.compile(r"[A-Za-z0-9._-]{1,255}")


@dataclass(frozen=True)
class Target:
    """A checked http(s) address."""

    url: httpx.URL

    @classmethod
    def parse(cls, text: str) -> Target:
        """The target that a URL names. Raises `RequestRefused`, saying what is wrong with it."""
        if len(text) > _LONGEST_URL:
            raise RequestRefused(f"The address has more than {_LONGEST_URL:,} characters.")
        try:
            url = httpx.URL(text)
        except (httpx.InvalidURL, ValueError, UnicodeError):
            raise RequestRefused("This is no address. Write it like https://host/path.") from None
        return cls._checked(url)

    def follow(self, location: str) -> Target:
        """The target that a redirect from here names. Raises `RequestRefused`."""
        try:
            url = self.url.join(location)
        except (httpx.InvalidURL, ValueError, UnicodeError):
            raise RequestRefused("The server redirects to something that is no address.") from None
        return self._checked(url)

    @classmethod
    def _checked(cls, url: httpx.URL) -> Target:
        if url.scheme not in _PORTS:
            raise RequestRefused("Only http:// and https:// addresses can be called.")
        if url.userinfo:
            raise RequestRefused(
                "The address holds credentials. Send them in a header: addresses are logged."
            )
        host = url.raw_host.decode("ascii")
        if not _HOST.fullmatch(host) and not (":" in host and _is_address(host)):
            raise RequestRefused("The address names no host. Write it like https://host/path.")
        if url.port is not None and not 1 <= url.port <= 65_535:
            raise RequestRefused("The address has no possible port: there are 1 to 65535.")
        return cls(url.copy_with(fragment=None))

    @property
    def host(self) -> str:
        """The host as it is resolved: ASCII, an IPv6 address without brackets."""
        return self.url.raw_host.decode("ascii")

    @property
    def port(self) -> int:
        """The TCP port."""
        return self.url.port or _PORTS[self.url.scheme]

    @property
    def authority(self) -> str:
        """What `Host` says."""
        return self.url.netloc.decode("ascii")

    @property
    def place(self) -> str:
        """Host and port, as messages name them."""
        return f"{self.host}:{self.port}"

    def has_origin_of(self, other: Target) -> bool:
        """Whether scheme, host and port are the same."""
        return (self.url.scheme, self.place) == (other.url.scheme, other.place)

    def wire(self) -> httpcore.URL:
        """The address as httpcore takes it."""
        return httpcore.URL(
            scheme=self.url.raw_scheme,
            host=self.url.raw_host,
            port=self.url.port,
            target=self.url.raw_path,
        )


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
