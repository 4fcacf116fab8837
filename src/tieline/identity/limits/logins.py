"""Slows down whoever tries keys: per address of the client, in the memory of this process."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from tieline.identity.limits.errors import LoginThrottled, whole_seconds
from tieline.identity.limits.window import SECONDS, Window

_KNOWN_ADDRESSES = 10_000
_IPV6_SITE_BITS = 64


@dataclass(slots=True)
class _Failures:
    minute: int
    current: int = 0
    previous: int = 0

    def window(self, now: float) -> Window:
        """The window at a moment, into which older failures do not reach."""
        minute, elapsed = divmod(now, SECONDS)
        if minute != self.minute:
            self.previous = self.current if minute == self.minute + 1 else 0
            self.current, self.minute = 0, int(minute)
        return Window(self.current, self.previous, elapsed)


class LoginThrottle:
    """Counts failed attempts per address. The table is bounded: the longest unseen go first."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._addresses: OrderedDict[str, _Failures] = OrderedDict()

    def check(self, address: str | None) -> None:
        """Raises `LoginThrottled` when the address has failed too often in the last minute."""
        failures = self._addresses.get(_site(address)) if self._addresses else None
        if failures is None:
            return
        window = failures.window(self._clock())
        if window.left(self._per_minute) > 0:
            return
        wait = whole_seconds(window.seconds_until(1, self._per_minute))
        raise LoginThrottled(
            f"More than {self._per_minute} unknown keys or tokens came from this address within a "
            f"minute. Wait {wait} seconds, and use one that is valid.",
            retry_after=wait,
        )

    def failed(self, address: str | None) -> None:
        """Count a failed attempt."""
        site, now = _site(address), self._clock()
        failures = self._addresses.setdefault(site, _Failures(int(now // SECONDS)))
        failures.window(now)
        failures.current += 1
        self._addresses.move_to_end(site)
        if len(self._addresses) > _KNOWN_ADDRESSES:
            self._addresses.popitem(last=False)


def _site(address: str | None) -> str:
    """The address, or for IPv6 the network that one customer has all of."""
    if address is None or ":" not in address:
        return address or ""
    try:
        network = ipaddress.IPv6Network((address.partition("%")[0], _IPV6_SITE_BITS), strict=False)
    except ValueError:
        return address
    return str(network.network_address)
