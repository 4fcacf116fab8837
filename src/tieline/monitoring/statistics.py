"""Works out figures and time series from counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tieline.database import Database
from tieline.kit.errors import InvalidInput
from tieline.monitoring import rollup_repository
from tieline.monitoring.figures import (
    MAX_BUCKETS,
    Breakdown,
    Bucket,
    BucketCount,
    Count,
    DeliveryStatus,
    Direction,
    Interval,
    SeriesQuery,
    Stats,
    StatsQuery,
    Tally,
    TooManyBuckets,
)
from tieline.monitoring.models import OutcomeStatus
from tieline.monitoring.outbound import Deliveries
from tieline.monitoring.rollups import Span, Stretch, bucket_start, cover

_WIDEST = {
    Interval.FIVE_MINUTES: Span.MINUTE,
    Interval.TEN_MINUTES: Span.TEN_MINUTES,
    Interval.HALF_HOUR: Span.TEN_MINUTES,
    Interval.HOUR: Span.HOUR,
    Interval.THREE_HOURS: Span.HOUR,
    Interval.DAY: Span.DAY,
}


async def stats(
    database: Database,
    deliveries: Deliveries,
    org_id: str,
    integration_id: UUID,
    time: Stretch,
    query: StatsQuery,
) -> Stats:
    """Figures of both sides about a stretch of time."""
    covered = cover(time)
    async with database.reading(org_id) as tx:
        totals, grouped = await rollup_repository.counts_by_status(
            tx, integration_id, covered, query.inbound_group_by
        )
        correlations = await rollup_repository.count_correlations(tx, integration_id, covered)
    sent = await deliveries.by_group(org_id, integration_id, time, ())
    groups = query.outbound_group_by
    by_group = await deliveries.by_group(org_id, integration_id, time, groups) if groups else []
    return Stats(
        inbound=_sum(totals, OutcomeStatus.ERROR),
        inbound_breakdown=_breakdown(grouped, OutcomeStatus.ERROR),
        correlations=correlations,
        outbound=_sum(sent, DeliveryStatus.FAILED),
        outbound_breakdown=_breakdown(by_group, DeliveryStatus.FAILED),
    )


async def time_series(
    database: Database,
    deliveries: Deliveries,
    org_id: str,
    integration_id: UUID,
    time: Stretch,
    query: SeriesQuery,
    starts: Sequence[datetime],
) -> list[Bucket]:
    """Counts by time for the buckets that begin at `starts`."""
    width = query.interval.width
    inbound = outbound = None
    if query.direction is not Direction.OUTBOUND:
        covered = cover(time, _WIDEST[query.interval])
        async with database.reading(org_id) as tx:
            inbound = _by_start(
                await rollup_repository.counts_by_bucket(tx, integration_id, covered, width)
            )
    if query.direction is not Direction.INBOUND:
        outbound = _by_start(await deliveries.by_bucket(org_id, integration_id, time, width))
    return [
        Bucket(
            start,
            None if inbound is None else Tally(inbound.get(start, {})),
            None if outbound is None else Tally(outbound.get(start, {})),
        )
        for start in starts
    ]


def check_order(from_date: datetime | None, to_date: datetime | None) -> None:
    """Raises `InvalidInput` when a stretch of time would end before it begins."""
    if from_date is not None and to_date is not None and from_date > to_date:
        raise InvalidInput("from_date: is after to_date. Exchange them.")


def bucket_starts(query: SeriesQuery) -> list[datetime]:
    """Where the buckets of a series begin. Raises `TooManyBuckets`."""
    count = _bucket_count(query, query.interval)
    if count > MAX_BUCKETS:
        enough = [i for i in Interval if _bucket_count(query, i) <= MAX_BUCKETS]
        remedy = (
            f"Use {enough[0]}, or a shorter time."
            if enough
            else f"Ask for at most {MAX_BUCKETS} days at once, with 1d."
        )
        raise TooManyBuckets(
            f"interval: {query.interval} makes {count:,} buckets, {MAX_BUCKETS} are the most. "
            f"{remedy}"
        )
    first = bucket_start(query.from_date, query.interval.width)
    return [first + n * query.interval.width for n in range(count)]


def _bucket_count(query: SeriesQuery, interval: Interval) -> int:
    first, last = (bucket_start(m, interval.width) for m in (query.from_date, query.to_date))
    return (last - first) // interval.width + 1


def _sum(counts: Iterable[Count], failed: str) -> Tally:
    tally = Tally()
    for count in counts:
        tally.add(count, failed=failed)
    return tally


def _breakdown(counts: Iterable[Count], failed: str) -> Breakdown:
    """A tally per group: the largest groups first, but days in their order."""
    groups: dict[tuple[Any, ...], tuple[Mapping[str, Any], Tally]] = {}
    for count in counts:
        key = tuple(count.group.values())
        if key not in groups:
            groups[key] = (count.group, Tally())
        groups[key][1].add(count, failed=failed)
    return sorted(
        groups.values(),
        key=lambda entry: (
            entry[0].get("date", ""),
            -entry[1].total,
            [str(value) for value in entry[0].values()],
        ),
    )


def _by_start(counts: Iterable[BucketCount]) -> dict[datetime, dict[str, int]]:
    found: dict[datetime, dict[str, int]] = {}
    for each in counts:
        found.setdefault(each.start, {})[each.status] = each.count
    return found
