"""The head of a request: checked, and written in one way."""

from __future__ import annotations

import re

from tieline import __version__
from tieline.egress.errors import RequestRefused
from tieline.egress.models import OutgoingRequest
from tieline.egress.targets import Target

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_OF_PROXIES = frozenset({"CONNECT", "TRACE"})
_WITH_LENGTH = frozenset({"POST", "PUT", "PATCH"})
# These describe the connection, which is not the caller's.
_OWN = frozenset(
    {
        *("host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade"),
        *("te", "trailer", "expect", "accept-encoding", "proxy-authorization", "proxy-connection"),
    }
)
_USER_AGENT = f"Tieline/{__version__}"


def check(request: OutgoingRequest) -> None:
    """Refuse a method or headers that could be read as anything else. Raises `RequestRefused`."""
    if not _TOKEN.fullmatch(request.method) or request.method.upper() in _OF_PROXIES:
        raise RequestRefused("The method is none that a web server takes.")
    for name, value in request.headers:
        if not _TOKEN.fullmatch(name):
            raise RequestRefused(f"{name[:40]!r} is no name of a header.")
        if name.lower() in _OWN:
            raise RequestRefused(f"The header {name} cannot be set: it belongs to the connection.")
        if not _VALUE.fullmatch(value):
            raise RequestRefused(
                f"The header {name} holds a line break or another character that no header takes."
            )


def head_of(request: OutgoingRequest, target: Target) -> bytes:
    """The request line and the headers of a request that `check` has passed."""
    lines = [f"{request.method} {target.path} HTTP/1.1", f"Host: {target.authority}"]
    named = False
    for name, value in request.headers:
        lines.append(f"{name}: {value}")
        named = named or name.lower() == "user-agent"
    lines.append("Accept-Encoding: gzip, deflate")
    if not named:
        lines.append(f"User-Agent: {_USER_AGENT}")
    if request.body or request.method in _WITH_LENGTH:
        lines.append(f"Content-Length: {len(request.body)}")
    lines.append("\r\n")
    return "\r\n".join(lines).encode("latin-1")
