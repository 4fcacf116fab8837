"""How often the record of a webhook shows how it fares."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from tests.unit.deliveries.attempt_making import KEY, NOW

from tieline.outbound.deliveries.engine.board import _REMEMBERED, HealthBoard
from tieline.outbound.deliveries.engine.health import Health
from tieline.outbound.deliveries.engine.models import Key


def succeeded(milliseconds: int) -> Health:
    return Health(NOW + timedelta(milliseconds=milliseconds), "succeeded", 0)


def test_the_first_news_are_shown_at_once() -> None:
    board = HealthBoard()
    board.note({KEY: succeeded(0)})

    assert board.news
    assert board.due(NOW) == {KEY: succeeded(0)}


def test_what_is_shown_is_no_news() -> None:
    board = HealthBoard()
    board.note({KEY: succeeded(0)})
    board.shown([KEY], {KEY: succeeded(0)})

    assert not board.news
    assert board.next_at(NOW) is None


def test_the_same_again_is_shown_once_a_second() -> None:
    board = HealthBoard()
    board.note({KEY: succeeded(0)})
    board.shown([KEY], {KEY: succeeded(0)})
    board.note({KEY: succeeded(200)})

    assert board.due(NOW + timedelta(milliseconds=900)) == {}
    assert board.next_at(NOW) == NOW + timedelta(seconds=1)
    assert board.due(NOW + timedelta(seconds=1)) == {KEY: succeeded(200)}
    assert board.due(NOW, everything=True) == {KEY: succeeded(200)}


def test_a_failure_after_successes_is_shown_at_once() -> None:
    board = HealthBoard()
    board.note({KEY: succeeded(0)})
    board.shown([KEY], {KEY: succeeded(0)})
    failed = Health(NOW + timedelta(milliseconds=1), "failed", 1)
    board.note({KEY: failed})

    assert board.due(NOW) == {KEY: failed}


def test_what_came_while_it_was_being_shown_stays_news() -> None:
    board = HealthBoard()
    board.note({KEY: succeeded(0)})
    due = board.due(NOW)
    board.note({KEY: succeeded(1)})
    board.shown([KEY], due)

    assert board.news


def test_not_everything_that_was_shown_is_remembered() -> None:
    board = HealthBoard()
    keys = [Key("org", UUID(int=number)) for number in range(_REMEMBERED + 1)]
    health = dict.fromkeys(keys, succeeded(0))
    board.shown(keys, health)
    board.note(health)

    assert list(board.due(NOW)) == keys[:1]
