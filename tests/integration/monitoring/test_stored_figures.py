"""Figures equal the raw counts: before outcomes are rolled up, after, and in between."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from tieline.database import Database
from tieline.kit.errors import InvalidInput
from tieline.kit.time import utc_now
from tieline.monitoring.duties import monitoring_duties
from tieline.monitoring.figures import (
    Bucket,
    Direction,
    InboundGroup,
    Interval,
    SeriesQuery,
    Stats,
    StatsQuery,
    TooManyBuckets,
)
from tieline.monitoring.models import (
    ErrorCategory,
    Outcome,
    OutcomeQuery,
    OutcomeStatus,
    SyncType,
)
from tieline.monitoring.repository import insert_outcomes
from tieline.monitoring.rollup_repository import compact
from tieline.monitoring.rollups import SKETCH_SIZE, Span, bucket_start
from tieline.monitoring.service import MonitoringService

TICK = timedelta(microseconds=1)
YESTERDAY = bucket_start(utc_now(), timedelta(days=1)) - timedelta(days=1)
USE_CASES = [uuid4(), uuid4(), None]
COUNTED = [SyncType.ENTITY, SyncType.METER_READING]


@pytest.fixture
def monitoring(database: Database) -> MonitoringService:
    return MonitoringService(database)


async def store(database: Database, outcomes: list[Outcome]) -> None:
    async with database.system() as tx:
        await insert_outcomes(tx, outcomes)


async def roll_up(database: Database) -> None:
    """Everything that was stored goes into buckets; others who do the same have to wait."""
    async with database.system() as tx:
        await tx.execute("LOCK TABLE outcome_deltas IN SHARE ROW EXCLUSIVE MODE")
        await compact(tx, utc_now() - timedelta(days=90))


def outcome(
    org: str, integration_id: UUID, number: int, completed_at: datetime, chance: random.Random
) -> Outcome:
    status = chance.choice(list(OutcomeStatus))
    return Outcome(
        org_id=org,
        integration_id=integration_id,
        event_id=f"e{number:05d}",
        sync_type=chance.choice([*COUNTED, SyncType.API_DEPRECATION]),
        received_at=completed_at,
        completed_at=completed_at,
        object_type=chance.choice(["contact", "meter"]),
        status=status,
        duration_ms=1,
        correlation_id=chance.choice([None, f"run-{chance.randrange(20)}"]),
        use_case_id=chance.choice(USE_CASES),
        error_category=chance.choice(list(ErrorCategory))
        if status is OutcomeStatus.ERROR
        else None,
    )


# Around minutes, hours and midnight, and anywhere else in these two days.
MOMENTS = st.builds(
    lambda minutes, ticks: YESTERDAY + timedelta(minutes=minutes, microseconds=ticks),
    st.sampled_from([0, 1, 59, 60, 600, 1439, 1440, 1441, 1500]) | st.integers(0, 2800),
    st.sampled_from([-1, 0, 1, 30_000_000]),
).map(lambda moment: max(moment, YESTERDAY))


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    moments=st.lists(MOMENTS, min_size=1, max_size=60),
    ends=st.tuples(MOMENTS, MOMENTS).map(sorted),
    group_by=st.lists(st.sampled_from(InboundGroup), unique=True, max_size=3),
    interval=st.sampled_from([Interval.HALF_HOUR, Interval.THREE_HOURS, Interval.DAY]),
    rolled_up=st.integers(0, 60),
    chance=st.randoms(use_true_random=False),
)
async def test_figures_equal_the_raw_counts(
    database: Database,
    org: str,
    moments: list[datetime],
    ends: list[datetime],
    group_by: list[InboundGroup],
    interval: Interval,
    rolled_up: int,
    chance: random.Random,
) -> None:
    monitoring = MonitoringService(database)
    integration_id = uuid4()
    outcomes = [
        outcome(org, integration_id, number, moment, chance)
        for number, moment in enumerate(moments)
    ]
    await store(database, outcomes[:rolled_up])
    await roll_up(database)
    await store(database, outcomes[rolled_up:])
    start, end = ends
    query = StatsQuery(start, end, tuple(group_by))
    series = SeriesQuery(start, end, interval, Direction.INBOUND)
    meant = [each for each in outcomes if start <= each.completed_at <= end]

    before = await monitoring.stats(org, integration_id, query)
    check_stats(before, meant, group_by)
    check_series(await monitoring.time_series(org, integration_id, series), meant, series)
    await roll_up(database)
    assert await monitoring.stats(org, integration_id, query) == before
    check_series(await monitoring.time_series(org, integration_id, series), meant, series)


def check_stats(stats: Stats, meant: list[Outcome], group_by: list[InboundGroup]) -> None:
    events = [each for each in meant if each.sync_type in COUNTED]
    assert stats.inbound.by_status == Counter(each.status for each in events)
    failed = [each.completed_at for each in events if each.status is OutcomeStatus.ERROR]
    assert stats.inbound.last_error_at == max(failed, default=None)
    assert stats.correlations == len({each.correlation_id for each in events} - {None})
    grouped = meant if InboundGroup.SYNC_TYPE in group_by else events
    expected = Counter((*values(each, group_by), each.status) for each in grouped)
    found = {
        (*group.values(), status): count
        for group, tally in stats.inbound_breakdown
        for status, count in tally.by_status.items()
    }
    assert found == (expected if group_by else {})


def values(outcome: Outcome, group_by: list[InboundGroup]) -> list[object]:
    stored = {
        InboundGroup.EVENT_NAME: outcome.object_type,
        InboundGroup.DATE: f"{outcome.completed_at:%Y-%m-%d}",
    }
    return [stored.get(field) or getattr(outcome, field) for field in group_by]


def check_series(buckets: list[Bucket], meant: list[Outcome], query: SeriesQuery) -> None:
    width = query.interval.width
    expected: dict[datetime, Counter[str]] = {}
    start = bucket_start(query.from_date, width)
    while start <= query.to_date:
        expected[start] = Counter()
        start += width
    for each in meant:
        if each.sync_type in COUNTED:
            expected[bucket_start(each.completed_at, width)][each.status] += 1
    found = {bucket.start: bucket.inbound and bucket.inbound.by_status for bucket in buckets}
    assert found == expected
    assert [bucket.start for bucket in buckets] == sorted(expected)


async def test_outcomes_of_others_are_not_counted(
    database: Database, monitoring: MonitoringService, org: str
) -> None:
    chance = random.Random(1)
    mine, other = uuid4(), uuid4()
    now = utc_now()
    await store(
        database,
        [
            outcome(org, other, 1, now, chance),
            outcome("somebody-else", mine, 2, now, chance),
        ],
    )
    for _ in range(2):
        stats = await monitoring.stats(org, mine, StatsQuery())
        assert (stats.inbound.total, stats.correlations) == (0, 0)
        await roll_up(database)


async def test_a_late_outcome_is_added_to_its_bucket(
    database: Database, monitoring: MonitoringService, org: str
) -> None:
    chance = random.Random(2)
    integration_id = uuid4()
    for number in range(3):
        one = outcome(org, integration_id, number, YESTERDAY + number * TICK, chance)
        await store(database, [one])
        await roll_up(database)

    async with database.reading(org) as tx:
        rows = await tx.fetch(
            "SELECT span, sum(count) FROM outcome_rollups WHERE org_id = $1 "
            "GROUP BY span ORDER BY span"
        )
        deltas = await tx.fetchval("SELECT count(*) FROM outcome_deltas WHERE org_id = $1")
    assert [tuple(row) for row in rows] == [(span, 3) for span in Span]
    assert deltas == 0


async def test_many_correlations_are_estimated_alike_before_and_after(
    database: Database, monitoring: MonitoringService, org: str
) -> None:
    integration_id = uuid4()
    one = structs.replace(
        outcome(org, integration_id, 0, YESTERDAY, random.Random(3)), sync_type=SyncType.ENTITY
    )
    many = 4 * SKETCH_SIZE
    for part in range(4):
        await store(
            database,
            [
                structs.replace(
                    one,
                    event_id=f"e{number}",
                    correlation_id=f"c{number}",
                    completed_at=YESTERDAY + timedelta(seconds=number),
                )
                for number in range(part, many, 4)
            ],
        )
        await roll_up(database)
        found = (await monitoring.stats(org, integration_id, StatsQuery())).correlations
        assert found == pytest.approx((part + 1) * many / 4, rel=0.1)


async def test_the_duty_leaves_no_delta_behind(database: Database, org: str) -> None:
    await store(database, [outcome(org, uuid4(), 0, utc_now(), random.Random(4))])
    [duty] = monitoring_duties(retention=timedelta(days=90))
    async with database.system() as tx:
        await tx.execute("LOCK TABLE outcome_deltas IN SHARE ROW EXCLUSIVE MODE")
        await duty.perform(tx)
    async with database.reading(org) as tx:
        assert await tx.fetchval("SELECT count(*) FROM outcome_deltas WHERE org_id = $1") == 0
        assert await tx.fetchval("SELECT count(*) FROM outcome_rollups WHERE org_id = $1") == len(
            Span
        )


async def test_a_delta_from_before_the_retention_is_dropped(database: Database, org: str) -> None:
    one = outcome(org, uuid4(), 0, YESTERDAY, random.Random(5))
    await store(database, [one])
    async with database.system() as tx:
        await tx.execute("LOCK TABLE outcome_deltas IN SHARE ROW EXCLUSIVE MODE")
        await compact(tx, YESTERDAY + timedelta(minutes=1))
    async with database.reading(org) as tx:
        assert await tx.fetchval("SELECT count(*) FROM outcome_deltas WHERE org_id = $1") == 0
        assert await tx.fetchval("SELECT count(*) FROM outcome_rollups WHERE org_id = $1") == 0


async def test_what_is_no_longer_kept_is_not_counted(database: Database, org: str) -> None:
    integration_id = uuid4()
    chance = random.Random(6)
    await store(
        database,
        [
            outcome(org, integration_id, 1, YESTERDAY - TICK + timedelta(days=1), chance),
            outcome(org, integration_id, 2, YESTERDAY + timedelta(days=1), chance),
        ],
    )
    monitoring = MonitoringService(database, retention=timedelta(0))
    stats = await monitoring.stats(
        org,
        integration_id,
        StatsQuery(
            from_date=YESTERDAY, inbound_group_by=(InboundGroup.DATE, InboundGroup.SYNC_TYPE)
        ),
    )
    [(group, tally)] = stats.inbound_breakdown
    assert group["date"] == f"{YESTERDAY + timedelta(days=1):%Y-%m-%d}"
    assert tally.total == 1


@pytest.mark.parametrize(
    ("interval", "hours", "advice"),
    [
        (Interval.FIVE_MINUTES, 17, "Use 10m"),
        (Interval.HALF_HOUR, 101, "Use 1h"),
        (Interval.FIVE_MINUTES, 24 * 30, "Use 1d"),
        (Interval.DAY, 24 * 300, "at most 200 days"),
    ],
)
async def test_too_many_buckets_are_refused_with_an_interval_that_works(
    monitoring: MonitoringService, org: str, interval: Interval, hours: int, advice: str
) -> None:
    query = SeriesQuery(YESTERDAY - timedelta(hours=hours), YESTERDAY, interval)
    with pytest.raises(TooManyBuckets, match=advice):
        await monitoring.time_series(org, uuid4(), query)


async def test_two_hundred_buckets_are_allowed(monitoring: MonitoringService, org: str) -> None:
    query = SeriesQuery(YESTERDAY, YESTERDAY + timedelta(minutes=1000) - TICK, Interval("5m"))
    buckets = await monitoring.time_series(org, uuid4(), query)
    assert len(buckets) == 200
    assert buckets[0].start == YESTERDAY
    assert all(b.inbound and b.outbound and b.inbound.total == 0 for b in buckets)


async def test_a_time_that_ends_before_it_begins_is_refused(
    monitoring: MonitoringService, org: str
) -> None:
    for start, end in ((utc_now(), YESTERDAY), (datetime.max.replace(tzinfo=UTC), utc_now())):
        with pytest.raises(InvalidInput, match="from_date"):
            await monitoring.stats(org, uuid4(), StatsQuery(start, end))


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    moments=st.lists(MOMENTS, min_size=1, max_size=80),
    limit=st.integers(1, 5),
    ends=st.none() | st.tuples(MOMENTS, MOMENTS).map(sorted),
    rolled_up=st.integers(0, 80),
    fields=st.sets(st.sampled_from(["status", "use_case_id", "sync_type", "object_type"])),
    chance=st.randoms(use_true_random=False),
)
async def test_a_filtered_list_is_complete_and_in_order(
    database: Database,
    org: str,
    moments: list[datetime],
    limit: int,
    ends: list[datetime] | None,
    rolled_up: int,
    fields: set[str],
    chance: random.Random,
) -> None:
    from dataclasses import replace

    monitoring = MonitoringService(database)
    integration_id = uuid4()
    outcomes = [
        outcome(org, integration_id, number, moment, chance)
        for number, moment in enumerate(moments)
    ]
    await store(database, outcomes[:rolled_up])
    await roll_up(database)
    await store(database, outcomes[rolled_up:])
    wanted = {field: getattr(outcomes[0], field) for field in fields}
    wanted = {field: value for field, value in wanted.items() if value is not None}
    query = OutcomeQuery(
        limit=limit, from_date=ends and ends[0], to_date=ends and ends[1], **wanted
    )
    expected = sorted(
        (
            each
            for each in outcomes
            if all(getattr(each, field) == value for field, value in wanted.items())
            and (ends is None or ends[0] <= each.completed_at <= ends[1])
            and each.completed_at <= utc_now() + timedelta(days=1)
        ),
        key=lambda each: (each.completed_at, each.event_id),
        reverse=True,
    )

    found: list[Outcome] = []
    while True:
        page = await monitoring.query_inbound(org, integration_id, query)
        found += page.outcomes
        if page.next_cursor is None:
            break
        query = replace(query, cursor=page.next_cursor)
    assert [each.event_id for each in found] == [each.event_id for each in expected]


@pytest.mark.parametrize("later", [timedelta(seconds=40), timedelta(minutes=8), timedelta(hours=9)])
async def test_outcomes_after_the_end_do_not_hide_those_before_it(
    database: Database, monitoring: MonitoringService, org: str, later: timedelta
) -> None:
    integration_id = uuid4()
    end = YESTERDAY + timedelta(hours=12)
    moments = [end - n * timedelta(hours=2) for n in range(3)] + [end + later] * 20
    chance = random.Random(7)
    outcomes = [outcome(org, integration_id, n, at, chance) for n, at in enumerate(moments)]
    await store(database, [structs.replace(each, object_type="contact") for each in outcomes])
    await roll_up(database)

    query = OutcomeQuery(object_type="contact", to_date=end, limit=5)
    page = await monitoring.query_inbound(org, integration_id, query)

    assert [each.event_id for each in page.outcomes] == ["e00000", "e00001", "e00002"]
