"""Which addresses a request may be sent to.

A name is resolved once, its addresses are checked, and it is one of the checked addresses that is
connected to. A connection that is kept open is checked again, by the address that it is with,
before another request takes it. TLS and `Host` go by the name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address

import structlog

from tieline.egress.addresses import Address, why_refused
from tieline.egress.allowances import AllowList, plain_host
from tieline.egress.errors import AddressRefused

log = structlog.get_logger(__name__)

# What a name server, a hosts file or a library takes for this machine or for a cloud's own host.
_LOCAL_NAMES = frozenset({"localhost", "ip6-localhost", "ip6-loopback", "broadcasthost"})
_LOCAL_ENDINGS = (".localhost", ".localdomain")
_METADATA_NAMES = frozenset(
    {
        *("metadata", "metadata.google.internal", "metadata.goog", "metadata.azure.internal"),
        *("instance-data", "instance-data.ec2.internal", "metadata.platformequinix.com"),
    }
)
# `127.1`, `0x7f.1` and `2130706433` are addresses too, to whoever resolves them.
_NUMBER = re.compile(r"(?:[0-9]+|0[xX][0-9a-fA-F]*)")


def permitted(
    host: str, port: int, addresses: Sequence[Address], allowed: AllowList
) -> list[Address]:
    """Those addresses of a host that may be connected to. Raises `AddressRefused` if none may."""
    if allowed.permits_host(host, port):
        return list(addresses)
    refused = None
    found = []
    for address in addresses:
        reason = why_refused(address)
        if reason is None or allowed.permits_address(address, port):
            found.append(address)
        else:
            refused = reason
    if refused and not found:
        # Which address a name has inside is for the operator to know, not for the caller.
        log.warning("egress.refused", host=host, port=port, addresses=list(map(str, addresses)))
        raise _refused(host, port, refused)
    return found


def permits(host: str, port: int, address: Address, allowed: AllowList) -> bool:
    """Whether a connection with this address may serve a request to this host."""
    return (
        why_refused(address) is None
        or allowed.permits_address(address, port)
        or allowed.permits_host(host, port)
    )


def check_named_to_proxy(host: str, port: int, allowed: AllowList) -> None:
    """Refuse what must not be asked of a forward proxy, which resolves names by itself.

    That is an address that is not public, and names that mean the proxy's own machine or the
    metadata of its cloud. Raises `AddressRefused`.
    """
    if allowed.permits_host(host, port):
        return
    try:
        permitted(host, port, [ip_address(host)], allowed)
    except ValueError:
        reason = _why_name_refused(plain_host(host))
        if reason is not None:
            log.warning("egress.refused", host=host, port=port, through="proxy")
            raise _refused(host, port, reason) from None


def _why_name_refused(name: str) -> str | None:
    if name in _LOCAL_NAMES or name.endswith(_LOCAL_ENDINGS):
        return "a name of the machine itself"
    if name in _METADATA_NAMES:
        return "a name of a cloud's metadata service"
    if _NUMBER.fullmatch(name.rsplit(".", 1)[-1]):
        return "a number in place of a name"
    return None


def _refused(host: str, port: int, reason: str) -> AddressRefused:
    return AddressRefused(
        f"No request is sent to {host}:{port}: it is {reason}. If it is meant to be reached, the "
        "operator allows it in TIELINE_EGRESS_ALLOW, or for one organisation with `tieline egress "
        "allow`."
    )
