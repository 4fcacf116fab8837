"""Portions hold what fits, in order, and lose nothing."""

from hypothesis import given
from hypothesis import strategies as st

from tieline.kit.portions import portions


def test_portions_are_as_large_as_fits() -> None:
    assert list(portions("abcd", [3, 3, 5, 1], 6)) == ["ab", "cd"]


def test_what_is_too_large_stands_alone() -> None:
    assert list(portions("abc", [1, 99, 1], 10)) == ["a", "b", "c"]


def test_nothing_makes_no_portion() -> None:
    assert list(portions([], [], 10)) == []


@given(st.lists(st.integers(0, 50)), st.integers(1, 60))
def test_nothing_is_lost_and_nothing_exceeds_the_bound(sizes: list[int], most: int) -> None:
    found = list(portions(sizes, sizes, most))
    assert [each for portion in found for each in portion] == sizes
    assert all(portion for portion in found)
    assert all(len(portion) == 1 or sum(portion) <= most for portion in found)
