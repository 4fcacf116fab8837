"""How much each webhook is granted in one turn."""

from __future__ import annotations

from uuid import UUID

from tests.unit.deliveries.attempt_making import KEY, standing

from tieline.outbound.deliveries.engine.allotment import Allotment
from tieline.outbound.deliveries.engine.models import Key
from tieline.outbound.deliveries.engine.shares import Shares

OTHER = Key("org-2", UUID(int=2))


def quick(capacity: int) -> Shares[Key]:
    shares: Shares[Key] = Shares(capacity)
    shares.note(KEY, quick=True)
    shares.note(OTHER, quick=True)
    return shares


def test_a_webhook_gets_what_its_concurrency_allows() -> None:
    shares = quick(100)
    shares.begin(KEY)
    allotment = Allotment(shares)

    assert allotment.grant(standing(max_concurrency=10)) == 9
    assert allotment.full == {KEY}
    assert not allotment.crowded


def test_all_together_get_no_more_than_there_is_room() -> None:
    allotment = Allotment(quick(15))

    assert allotment.grant(standing(max_concurrency=10)) == 10
    assert allotment.grant(standing(OTHER, max_concurrency=10)) == 5
    assert allotment.crowded == {OTHER}


def test_who_has_more_under_way_than_he_may_gets_nothing() -> None:
    shares = quick(100)
    shares.begin(KEY)
    shares.begin(KEY)
    allotment = Allotment(shares)

    assert allotment.grant(standing(max_concurrency=1)) == 0
    assert not allotment.crowded


def test_who_finds_no_room_at_all_is_crowded_out() -> None:
    shares = quick(1)
    shares.begin(OTHER)
    allotment = Allotment(shares)

    assert allotment.grant(standing()) == 0
    assert allotment.crowded == {KEY}


def test_a_closed_one_grants_nothing() -> None:
    allotment = Allotment(quick(100), closed=True)

    assert allotment.grant(standing()) == 0
    assert allotment.full == {KEY}


def test_the_barred_get_nothing() -> None:
    allotment = Allotment(quick(100), barred={KEY})

    assert allotment.grant(standing()) == 0
    assert allotment.grant(standing(OTHER)) == 10
    assert allotment.full == {KEY, OTHER}
