"""What is sent, within which bounds, and what comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a request may take.

    `connect_seconds` is for resolving the name together with connecting, and again for each TLS
    handshake and each answer of a forward proxy; `total_seconds` for everything up to the last byte
    of the answer, redirects included. `idle_seconds` is the longest silence while the body of an
    answer arrives. `max_response_bytes` holds for the body on the wire and again after
    decompression. Without `max_redirects` a redirect is an answer like any other.
    """

    connect_seconds: float = 5.0
    total_seconds: float = 30.0
    max_response_bytes: int = 1_000_000
    max_redirects: int = 0
    idle_seconds: float | None = None


DEFAULT_BOUNDS = Bounds()


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """A request to another server, complete but for `Host`, `Content-Length` and encodings.

    With `through_proxy` it goes through the forward proxy of the installation, or not at all.
    """

    method: str
    url: str
    headers: Headers = ()
    body: bytes = b""
    bounds: Bounds = DEFAULT_BOUNDS
    through_proxy: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered, whatever its status.

    `body` is decompressed. `url` is the address that answered, which after redirects is another
    than that of the request; `address` the IP address that it was at, or that of the forward proxy;
    `seconds` what all took.
    """

    status: int
    headers: Headers
    body: bytes
    url: str
    address: str
    seconds: float

    def header(self, name: str) -> str | None:
        """The value of the first header of that name, in whatever case, or None."""
        return first_header(self.headers, name)


def first_header(headers: Headers, name: str) -> str | None:
    """The value of the first header of that name, in whatever case, or None."""
    wanted = name.lower()
    return next((value for key, value in headers if key.lower() == wanted), None)
