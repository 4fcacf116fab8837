from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from tieline.monitoring.models import Outcome, OutcomeStatus, SyncType
from tieline.monitoring.rollups import (
    SKETCH_SIZE,
    TICK,
    Span,
    Stretch,
    bucket_start,
    correlation_hash,
    cover,
    delta_rows,
    estimated_count,
)

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
MOMENTS = st.builds(
    lambda ticks: NOON + timedelta(microseconds=ticks), st.integers(-30 * 86_400_000_000, 10**12)
) | st.builds(
    lambda day, minutes, ticks: (
        datetime(2026, 1, day, tzinfo=UTC) + timedelta(minutes=minutes, microseconds=ticks)
    ),
    st.integers(1, 31),
    st.sampled_from([0, 1, 9, 10, 59, 60, 61, 1439, 1440]),
    st.sampled_from([-1, 0, 1]),
)


@given(MOMENTS, MOMENTS, st.sampled_from(Span))
def test_a_cover_has_no_gap_and_no_overlap(one: datetime, other: datetime, widest: Span) -> None:
    stretch = Stretch(min(one, other), max(one, other))

    covered = cover(stretch, widest)

    parts = sorted(
        [part for _, part in covered.buckets] + list(covered.edges), key=lambda part: part.start
    )
    ends = [stretch.start, *(part.end for part in parts)]
    assert [part.start for part in parts] == ends[:-1]
    assert ends[-1] == stretch.end
    assert all(part.start < part.end for part in parts)


@given(MOMENTS, MOMENTS, st.sampled_from(Span))
def test_a_cover_looks_at_few_buckets(one: datetime, other: datetime, widest: Span) -> None:
    covered = cover(Stretch(min(one, other), max(one, other)), widest)

    for span, part in covered.buckets:
        assert span <= widest
        assert bucket_start(part.start, span.width) == part.start
        assert bucket_start(part.end, span.width) == part.end
        if span < widest:
            wider = min(other for other in Span if other > span)
            assert part.end - part.start < 2 * wider.width
    assert all(edge.end - edge.start < timedelta(minutes=2) for edge in covered.edges)
    if covered.whole is None:
        assert covered.buckets == ()
    else:
        assert covered.whole.start == min(part.start for _, part in covered.buckets)
        assert covered.whole.end == max(part.end for _, part in covered.buckets)


def test_nothing_is_covered_by_nothing() -> None:
    assert cover(Stretch(NOON, NOON)).edges == ()


def outcome(number: int, **different: object) -> Outcome:
    usual: dict[str, object] = {
        "org_id": "o",
        "integration_id": UUID(int=1),
        "event_id": f"e{number}",
        "sync_type": SyncType.ENTITY,
        "received_at": NOON,
        "completed_at": NOON + number * TICK,
        "object_type": "contact",
        "status": OutcomeStatus.SUCCESS,
        "duration_ms": 1,
        "correlation_id": "run",
    }
    return Outcome(**(usual | different))  # type: ignore[arg-type]


def test_equal_outcomes_of_a_minute_make_one_delta() -> None:
    [delta] = delta_rows([outcome(2), outcome(0), outcome(1)])

    assert delta[0] == "o"
    assert delta[2] == NOON
    assert delta[8:] == (3, NOON + 2 * TICK, [correlation_hash("run")])


def test_outcomes_that_differ_are_counted_apart() -> None:
    different = [
        outcome(0),
        outcome(0, org_id="p"),
        outcome(0, integration_id=UUID(int=2)),
        outcome(0, completed_at=NOON - TICK),
        outcome(0, use_case_id=uuid4()),
        outcome(0, sync_type=SyncType.WEBHOOK),
        outcome(0, status=OutcomeStatus.WARNING),
        outcome(0, object_type="meter"),
    ]

    assert [row[8] for row in delta_rows(different)] == [1] * len(different)


def test_a_delta_can_be_stored_whatever_characters_it_is_about() -> None:
    [delta] = delta_rows([outcome(0, object_type="a\x00", correlation_id="c\x00")])

    assert delta[7] == "a\ufffd"
    assert delta[10] == [correlation_hash("c\ufffd")]


def test_a_note_about_an_endpoint_adds_no_correlation() -> None:
    [delta] = delta_rows([outcome(0, sync_type=SyncType.API_DEPRECATION)])

    assert (delta[8], delta[10]) == (1, [])


@given(st.integers(0, SKETCH_SIZE - 1))
def test_few_correlations_are_counted_exactly(count: int) -> None:
    assert estimated_count(count, 0) == count


def test_many_correlations_are_estimated_within_ten_per_cent() -> None:
    for many in (5_000, 50_000):
        hashes = sorted(correlation_hash(f"run-{number}") for number in range(many))
        smallest = hashes[:SKETCH_SIZE]

        assert abs(estimated_count(len(smallest), smallest[-1]) - many) < many / 10
