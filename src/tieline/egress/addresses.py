"""Which IP addresses are for everybody, and which lead into networks that nobody may name.

Follows the IANA registries of special-purpose addresses (RFC 6890) as Python knows them, with
those added that clouds answer their metadata on, and the forms that carry an IPv4 address inside.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
# Reserved, though not every version of Python says so; 6to4 relays are among them.
_RESERVED_4 = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"))
_RESERVED_6 = (IPv6Network("3fff::/20"),)
# Public by its number, but it is each Azure machine's own host that answers there.
_CLOUD_HOSTS = frozenset({IPv4Address("168.63.129.16")})


@lru_cache(4_096)
def why_refused(address: Address) -> str | None:
    """What kind of address it is if no request may go there by itself, else None."""
    match address:
        case IPv4Address():
            return _why_refused_4(address)
        case IPv6Address():
            return _why_refused_6(address)


def _why_refused_4(address: IPv4Address) -> str | None:
    if address.is_loopback:
        return "a loopback address"
    if address.is_link_local or address in _CLOUD_HOSTS:
        return "a link-local address"
    if address.is_multicast:
        return "a multicast address"
    if not address.is_global or any(address in network for network in _RESERVED_4):
        return "a private or reserved address"
    return None


def _why_refused_6(address: IPv6Address) -> str | None:
    if address in _NAT64:
        # How a machine without IPv4 reaches all of IPv4: what counts is the address inside.
        return _why_refused_4(IPv4Address(int(address) & 0xFFFF_FFFF))
    if address.is_loopback:
        return "a loopback address"
    if address.is_link_local or address.scope_id is not None:
        return "a link-local address"
    if address.is_multicast:
        return "a multicast address"
    if address.ipv4_mapped or address.sixtofour or address.teredo or address in _LOCAL_NAT64:
        return "an IPv4 address in disguise"
    if address not in _GLOBAL_UNICAST or not address.is_global:
        return "a private or reserved address"
    if any(address in network for network in _RESERVED_6):
        return "a private or reserved address"
    return None
