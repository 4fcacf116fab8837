"""What a process remembers of when to look after whom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tieline.outbound.deliveries.engine.timetable import Timetable

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)


def test_who_was_added_first_comes_first_and_only_once() -> None:
    timetable: Timetable[str] = Timetable()
    timetable.add_all(["b", "a", "b"])

    assert timetable.anything_now
    assert timetable.take(NOW) == ["b", "a"]
    assert not timetable.anything_now
    assert timetable.take(NOW) == []


def test_what_is_for_later_comes_up_at_its_time() -> None:
    timetable: Timetable[str] = Timetable()
    timetable.add_at("later", NOW + timedelta(seconds=2))
    timetable.add_at("sooner", NOW + timedelta(seconds=1))

    assert timetable.take(NOW) == []
    assert timetable.next_at == NOW + timedelta(seconds=1)
    assert timetable.take(NOW + timedelta(seconds=2)) == ["sooner", "later"]
    assert timetable.next_at is None


def test_one_may_come_up_several_times() -> None:
    timetable: Timetable[str] = Timetable()
    timetable.add_at("a", NOW)
    timetable.add_at("a", NOW + timedelta(seconds=1))

    assert timetable.take(NOW) == ["a"]
    assert timetable.take(NOW + timedelta(seconds=1)) == ["a"]
