"""The sliding window of rate limits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tieline.identity.limits.window import SECONDS, Window

windows = st.builds(
    Window,
    current=st.integers(0, 200),
    previous=st.integers(0, 200),
    elapsed=st.floats(0, 59.99),
)


def after(window: Window, seconds: float) -> Window:
    """The window when that much time has passed without any use."""
    minutes, elapsed = divmod(window.elapsed + seconds, SECONDS)
    if minutes == 0:
        return Window(window.current, window.previous, elapsed)
    return Window(0, window.current if minutes == 1 else 0, elapsed)


def test_an_unused_limit_is_all_there() -> None:
    assert Window(0, 0, 12.5).left(10) == 10


def test_half_of_the_minute_before_counts_in_the_middle_of_this_one() -> None:
    assert Window(current=2, previous=10, elapsed=30).left(10) == 3


def test_a_limit_that_was_lowered_leaves_nothing() -> None:
    assert Window(current=50, previous=0, elapsed=1).left(10) == 0


def test_a_used_up_limit_comes_back_bit_by_bit_in_the_next_minute() -> None:
    assert Window(current=10, previous=0, elapsed=20).seconds_until(1, 10) == 40 + 6


@given(window=windows, limit=st.integers(1, 200), amount=st.integers(1, 200))
def test_whoever_waits_as_told_gets_what_they_asked_for(
    window: Window, limit: int, amount: int
) -> None:
    amount = min(amount, limit)

    wait = window.seconds_until(amount, limit)

    assert 0 <= wait <= 2 * SECONDS
    assert after(window, wait + 1e-3).left(limit) >= amount


@given(window=windows, limit=st.integers(1, 200), amount=st.integers(1, 200))
def test_nobody_is_told_to_wait_in_vain(window: Window, limit: int, amount: int) -> None:
    amount = min(amount, limit)

    wait = window.seconds_until(amount, limit)

    assert wait == 0 or after(window, wait * 0.99 - 1e-3).left(limit) < amount
