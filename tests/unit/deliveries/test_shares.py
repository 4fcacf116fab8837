"""Who may send how much at once in a process."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tieline.outbound.deliveries.engine.shares import _REMEMBERED, Shares


def begun(shares: Shares[str], key: str, count: int) -> None:
    for _ in range(count):
        shares.begin(key)


def test_who_answers_quickly_may_use_everything() -> None:
    shares: Shares[str] = Shares(256)
    shares.note("quick", quick=True)

    assert shares.room_for("quick") == 256


def test_of_whom_nothing_is_known_gets_an_eighth() -> None:
    assert Shares[str](256).room_for("new") == 32


def test_those_who_hang_leave_half_to_the_quick_ones() -> None:
    shares: Shares[str] = Shares(256)
    shares.note("quick", quick=True)
    for number in range(200):
        hanging = f"hanging-{number}"
        begun(shares, hanging, min(10, shares.room_for(hanging)))

    assert shares.free == 128
    assert shares.room_for("quick") == 128
    assert shares.room_for("newcomer") == 0


def test_the_less_is_left_the_less_each_gets() -> None:
    shares: Shares[str] = Shares(256)
    got = []
    for number in range(40):
        key = f"hanging-{number}"
        got.append(min(10, shares.room_for(key)))
        begun(shares, key, got[-1])

    assert got == sorted(got, reverse=True)
    assert got[0] == 10
    assert got[15] > 0


def test_who_asks_again_gets_no_more_than_at_once() -> None:
    shares: Shares[str] = Shares(256)
    while shares.room_for("greedy"):
        shares.begin("greedy")

    assert shares.under_way("greedy") == 32


def test_there_is_always_one_slot_for_the_unknown() -> None:
    assert Shares[str](1).room_for("new") == 1


def test_room_comes_back_when_requests_end() -> None:
    shares: Shares[str] = Shares(8)
    begun(shares, "new", 1)
    shares.end("new")

    assert shares.free == 8
    assert shares.under_way("new") == 0
    assert shares.room_for("new") == 1


def test_who_becomes_slow_counts_among_the_others_with_what_is_under_way() -> None:
    shares: Shares[str] = Shares(16)
    shares.note("once quick", quick=True)
    begun(shares, "once quick", 8)
    assert shares.room_for("new") == 2

    shares.note("once quick", quick=False)
    shares.note("once quick", quick=False)
    assert shares.room_for("new") == 0

    shares.note("once quick", quick=True)
    shares.note("once quick", quick=True)
    assert shares.room_for("new") == 2


def test_not_everybody_is_remembered_for_ever() -> None:
    shares: Shares[str] = Shares(16)
    for number in range(_REMEMBERED + 1):
        shares.note(str(number), quick=True)

    assert shares.room_for("0") == 2
    assert shares.room_for("1") == 16


@given(
    st.integers(1, 40),
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["begin", "end", "+", "-"]))),
)
def test_the_books_always_balance(capacity: int, events: list[tuple[str, str]]) -> None:
    shares: Shares[str] = Shares(capacity)
    quick: set[str] = set()
    for key, event in events:
        match event:
            case "begin" if shares.room_for(key) > 0:
                shares.begin(key)
            case "end" if shares.under_way(key):
                shares.end(key)
            case "+" | "-":
                shares.note(key, quick=event == "+")
                quick = quick | {key} if event == "+" else quick - {key}
        under_way = {each: shares.under_way(each) for each in "abcd"}
        assert shares.free == capacity - sum(under_way.values()) >= 0
        assert shares._of_others == sum(n for k, n in under_way.items() if k not in quick)
