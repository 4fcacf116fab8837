"""Sockets that commands listen on, bound before anything costly starts."""

from __future__ import annotations

import errno
import socket

from tieline.cli.errors import AddressTaken, AddressUnusable

_BACKLOG = 2048


def bound(host: str, port: int) -> socket.socket:
    """A socket at an address, not yet listening. Raises `AddressTaken` and `AddressUnusable`."""
    if not 0 <= port <= 65_535:
        raise AddressUnusable(f"--port: there is no port {port}, only 0 to 65535.")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise AddressUnusable(
            f"{host} is no address ({error.strerror or error}). Choose another one with --host."
        ) from None
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise _unusable(error, host, port) from None
    return listener


def listen(listener: socket.socket, host: str, port: int) -> None:
    """Let others connect. Raises `AddressTaken` and `AddressUnusable`."""
    try:
        listener.listen(_BACKLOG)
    except OSError as error:  # somebody else bound it at the same time, and listened first
        raise _unusable(error, host, port) from None


def url_of(listener: socket.socket, host: str) -> str:
    """The URL under which a client on this machine finds the socket."""
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


def _unusable(error: OSError, host: str, port: int) -> AddressTaken | AddressUnusable:
    if error.errno == errno.EADDRINUSE:
        return AddressTaken(
            f"Port {port} of {host} is in use. Choose another one with --port, or 0 for a free one."
        )
    return AddressUnusable(
        f"Nothing can listen on {host} port {port} ({error.strerror}). "
        "Choose others with --host and --port."
    )
