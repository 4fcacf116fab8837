"""The exceptions of the operator: hosts and networks inside, to which requests may go."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from tieline.egress.addresses import Address
from tieline.egress.errors import InvalidEntry
from tieline.settings import InvalidSettings

Network = IPv4Network | IPv6Network

_ENTRY = re.compile(
    r"(?:\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<name>[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?))"
    r"(?::(?P<port>\d{1,5}))?"
)


@dataclass(frozen=True)
class AllowList:
    """Hosts and networks that may be reached although they are not public.

    A port of None stands for all ports. A name stands for whatever address it resolves to, so it
    must be one of a name server that the operator trusts.
    """

    hosts: frozenset[tuple[str, int | None]] = frozenset()
    networks: tuple[tuple[Network, int | None], ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> AllowList:
        """The list of `TIELINE_EGRESS_ALLOW`. Raises `InvalidSettings` naming a wrong entry."""
        try:
            return cls.of(entries)
        except InvalidEntry as error:
            raise InvalidSettings(f"TIELINE_EGRESS_ALLOW: {error.message}") from None

    @classmethod
    def of(cls, entries: Iterable[str]) -> AllowList:
        """The list that entries such as `erp.local`, `erp.local:8443`, `10.0.0.7`,
        `[fd00::7]:443` or `10.1.0.0/16` stand for. Raises `InvalidEntry` naming a wrong one.
        """
        hosts: set[tuple[str, int | None]] = set()
        networks: list[tuple[Network, int | None]] = []
        for entry in entries:
            place, port = _parsed(entry)
            if isinstance(place, str):
                hosts.add((place, port))
            else:
                networks.append((place, port))
        return cls(frozenset(hosts), tuple(networks))

    def __or__(self, other: AllowList) -> AllowList:
        """What either of the two allows."""
        if not (other.hosts or other.networks):
            return self
        return AllowList(self.hosts | other.hosts, (*self.networks, *other.networks))

    def permits_host(self, host: str, port: int) -> bool:
        """Whether the host may be reached by its name, wherever that leads."""
        name = plain_host(host)
        return (name, None) in self.hosts or (name, port) in self.hosts

    def permits_address(self, address: Address, port: int) -> bool:
        """Whether the address may be reached."""
        return any(
            of_port in (None, port) and address in network for network, of_port in self.networks
        )


NOTHING = AllowList()


def plain_host(host: str) -> str:
    """A host name as it is compared: in lower case, without the dot of the root."""
    return host.lower().removesuffix(".")


def normal_entry(entry: str) -> str:
    """The one way to write what an entry stands for. Raises `InvalidEntry`."""
    place, port = _parsed(entry)
    if isinstance(place, str):
        name = place
    elif place.num_addresses > 1:
        name = str(place)
    elif port is not None and place.version == 6:
        name = f"[{place.network_address}]"
    else:
        name = str(place.network_address)
    return name if port is None else f"{name}:{port}"


def _parsed(entry: str) -> tuple[str | Network, int | None]:
    name, port = _split(entry.strip())
    network = _network(name)
    if network is not None:
        return network, port
    if ":" in name:  # was meant to be an IPv6 address
        raise _wrong(entry)
    return plain_host(name), port


def _split(entry: str) -> tuple[str, int | None]:
    if _network(entry) is not None:
        return entry, None
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise _wrong(entry)
    port = None if match["port"] is None else int(match["port"])
    if port is not None and not 1 <= port <= 65_535:
        raise _wrong(entry)
    return match["v6"] or match["name"], port


def _network(text: str) -> Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _wrong(entry: str) -> InvalidEntry:
    return InvalidEntry(
        f"{entry[:100]!r} is no host, host:port, address or network. "
        "Write erp.local, erp.local:8443, 10.0.0.7, [fd00::7]:443 or 10.1.0.0/16."
    )
