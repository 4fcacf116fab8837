"""Where a request goes: its address taken apart, checked, and put together in one way."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from ipaddress import ip_address

import httpx

from tieline.egress.errors import RequestRefused

_PORTS = {"http": 80, "https": 443}
_LONGEST_URL = 8_000
_REMEMBERED = 1_024
_HOST = re.compile(r"[A-Za-z0-9._-]{1,255}")
_PATH = re.compile(r"/[\x21-\x7e]*")


@dataclass(frozen=True)
class Target:
    """A checked http(s) address."""

    url: httpx.URL

    @classmethod
    def parse(cls, text: str) -> Target:
        """The target that a URL names. Raises `RequestRefused`, saying what is wrong with it."""
        # A query may hold secrets, which are not to be remembered.
        return _parsed(text) if "?" in text else _remembered(text)

    def follow(self, location: str) -> Target:
        """The target that a redirect from here names. Raises `RequestRefused`."""
        try:
            url = self.url.join(location)
        except (httpx.InvalidURL, ValueError, UnicodeError):
            raise RequestRefused("The server redirects to something that is no address.") from None
        return self.checked(url)

    @classmethod
    def checked(cls, url: httpx.URL) -> Target:
        """The target of a URL that is taken apart. Raises `RequestRefused`."""
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
        if not _PATH.fullmatch(url.raw_path.decode("latin-1")):
            raise RequestRefused(
                "The path of the address cannot be sent. Write it percent-encoded."
            )
        return cls(url.copy_with(fragment=None))

    @cached_property
    def host(self) -> str:
        """The host as it is resolved: ASCII, an IPv6 address without brackets."""
        return self.url.raw_host.decode("ascii")

    @cached_property
    def port(self) -> int:
        """The TCP port."""
        return self.url.port or _PORTS[self.url.scheme]

    @cached_property
    def authority(self) -> str:
        """What `Host` says."""
        return self.url.netloc.decode("ascii")

    @cached_property
    def place(self) -> str:
        """Host and port, as messages name them."""
        return f"{self.host}:{self.port}"

    def has_origin_of(self, other: Target) -> bool:
        """Whether scheme, host and port are the same."""
        return (self.url.scheme, self.place) == (other.url.scheme, other.place)

    @cached_property
    def path(self) -> str:
        """Path and query, as the request line names them."""
        return self.url.raw_path.decode("ascii")


def _parsed(text: str) -> Target:
    if len(text) > _LONGEST_URL:
        raise RequestRefused(f"The address has more than {_LONGEST_URL:,} characters.")
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError, UnicodeError):
        raise RequestRefused("This is no address. Write it like https://host/path.") from None
    return Target.checked(url)


# Requests go to the same few addresses again and again, and taking one apart is not for free.
_remembered = lru_cache(_REMEMBERED)(_parsed)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
