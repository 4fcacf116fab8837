"""Whoever tries keys is slowed down, per address."""

from __future__ import annotations

import pytest

from tieline.identity.limits import logins
from tieline.identity.limits.errors import LoginThrottled
from tieline.identity.limits.logins import LoginThrottle


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock at the beginning of a minute."""
    return Clock()


def is_throttled(throttle: LoginThrottle, address: str | None) -> bool:
    try:
        throttle.check(address)
    except LoginThrottled:
        return True
    return False


def test_the_failures_of_a_minute_are_bounded(clock: Clock) -> None:
    throttle = LoginThrottle(3, clock)

    for _ in range(3):
        assert not is_throttled(throttle, "192.0.2.1")
        throttle.failed("192.0.2.1")

    assert is_throttled(throttle, "192.0.2.1")
    assert not is_throttled(throttle, "192.0.2.2")


def test_the_answer_says_when_to_come_back(clock: Clock) -> None:
    throttle = LoginThrottle(1, clock)
    throttle.failed("192.0.2.1")

    with pytest.raises(LoginThrottled) as caught:
        throttle.check("192.0.2.1")

    clock.now = float(caught.value.retry_after)
    assert not is_throttled(throttle, "192.0.2.1")


def test_old_failures_are_forgiven(clock: Clock) -> None:
    throttle = LoginThrottle(1, clock)
    throttle.failed("192.0.2.1")

    clock.now = 200

    assert not is_throttled(throttle, "192.0.2.1")


def test_a_customers_whole_ipv6_network_counts_as_one(clock: Clock) -> None:
    throttle = LoginThrottle(1, clock)
    throttle.failed("2001:db8:1:2::1")

    assert is_throttled(throttle, "2001:db8:1:2:ffff::2")
    assert not is_throttled(throttle, "2001:db8:1:3::1")


@pytest.mark.parametrize("address", [None, "", "testclient", "no:address", "fe80::1%eth0"])
def test_any_address_can_be_counted(clock: Clock, address: str | None) -> None:
    throttle = LoginThrottle(1, clock)
    throttle.failed(address)

    assert is_throttled(throttle, address)


def test_the_table_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "_KNOWN_ADDRESSES", 10)
    throttle = LoginThrottle(1, clock)

    for number in range(100):
        throttle.failed(f"192.0.2.{number}")

    assert [number for number in range(100) if is_throttled(throttle, f"192.0.2.{number}")] == list(
        range(90, 100)
    )
