"""Roll-ups: outcomes counted ahead, so that figures need not look at every outcome. Pure.

Each outcome is counted once in every `Span`. A stretch of time is covered by the widest buckets
that fit into it, by narrower ones towards its ends, and by the outcomes themselves in the two
minutes in which it begins and ends. What was not moved into buckets yet waits as deltas.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any
from uuid import UUID

from tieline.monitoring.models import Outcome, SyncType
from tieline.monitoring.text import storable

SKETCH_SIZE = 2048
NOBODY = UUID(int=0)  # stands for no use case where a key cannot hold nothing
TICK = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Span(IntEnum):
    """The width of a roll-up's buckets, in minutes."""

    MINUTE = 1
    TEN_MINUTES = 10
    HOUR = 60
    DAY = 1440

    @property
    def width(self) -> timedelta:
        """The width."""
        return timedelta(minutes=self)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Time from `start` up to, but without, `end`."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Cover:
    """Where to look for what happened in a stretch of time.

    `buckets` are disjoint; `whole` is all of them together, and None when there is none. `edges`
    is the rest, shorter than a minute at either end.
    """

    buckets: tuple[tuple[Span, Stretch], ...]
    whole: Stretch | None
    edges: tuple[Stretch, ...]


def bucket_start(moment: datetime, width: timedelta) -> datetime:
    """The beginning of the bucket that a moment falls into; days begin at midnight UTC."""
    return moment - (moment - _EPOCH) % width


def cover(stretch: Stretch, widest: Span = Span.DAY) -> Cover:
    """The fewest buckets that make up a stretch of time, none wider than `widest`."""
    whole = _inside(stretch, Span.MINUTE)
    if whole is None:
        return Cover((), None, (stretch,) if stretch.start < stretch.end else ())
    buckets: list[tuple[Span, Stretch]] = []
    outer, narrower = whole, Span.MINUTE
    for span in list(Span)[1:]:
        inner = _inside(outer, span) if span <= widest else None
        if inner is None:
            break
        buckets += [(narrower, edge) for edge in _around(inner, outer)]
        outer, narrower = inner, span
    buckets.append((narrower, outer))
    return Cover(tuple(buckets), whole, tuple(_around(whole, stretch)))


def _inside(stretch: Stretch, span: Span) -> Stretch | None:
    """The whole buckets inside a stretch, or None."""
    start = bucket_start(stretch.start + span.width - TICK, span.width)
    end = bucket_start(stretch.end, span.width)
    return Stretch(start, end) if start < end else None


def _around(inner: Stretch, outer: Stretch) -> Iterable[Stretch]:
    if outer.start < inner.start:
        yield Stretch(outer.start, inner.start)
    if inner.end < outer.end:
        yield Stretch(inner.end, outer.end)


def correlation_hash(correlation_id: str) -> int:
    """Eight bytes of the SHA-256 of a correlation id, as the signed integer of the database."""
    digest = hashlib.sha256(correlation_id.encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def estimated_count(smallest: int, largest_hash: int) -> int:
    """How many different ids there are, by the `SKETCH_SIZE` smallest hashes of all of them.

    Exact when there are fewer; otherwise the density of the smallest hashes tells, with a standard
    error of 2.2 % (Bar-Yossef et al., Counting distinct elements in a data stream, 2002).
    """
    if smallest < SKETCH_SIZE:
        return smallest
    return round((SKETCH_SIZE - 1) * 2**64 / (largest_hash + 2**63 + 1))


DeltaRow = tuple[Any, ...]
DELTA_COLUMNS = (
    "org_id",
    "integration_id",
    "minute",
    "use_case_id",
    "sync_type",
    "status",
    "error_category",
    "object_type",
    "count",
    "last_at",
    "correlations",
)


def delta_rows(outcomes: Sequence[Outcome]) -> list[DeltaRow]:
    """What these outcomes add to the figures: a row for each combination that occurs."""
    groups: dict[tuple[Any, ...], _Group] = {}
    minute = following = _EPOCH
    for outcome in outcomes:
        completed_at = outcome.completed_at
        if not minute <= completed_at < following:
            minute = completed_at.replace(second=0, microsecond=0)
            following = minute + Span.MINUTE.width
        # Plain values: hashing a UUID or an enumeration's member takes several times as long.
        key = (
            outcome.integration_id.int,
            minute,
            outcome.use_case_id.int if outcome.use_case_id else 0,
            outcome.sync_type._value_,
            outcome.status._value_,
            outcome.error_category._value_ if outcome.error_category else "",
            outcome.object_type,
            outcome.org_id,
        )
        group = groups.get(key)
        if group is None:
            groups[key] = group = _Group(completed_at)
        group.count += 1
        if completed_at > group.last_at:  # noqa: PLR1730 - a call would cost more than all of this
            group.last_at = completed_at
        if outcome.correlation_id is not None:
            group.correlations.add(outcome.correlation_id)
    return [_delta_row(key, group) for key, group in groups.items()]


class _Group:
    __slots__ = ("correlations", "count", "last_at")

    def __init__(self, last_at: datetime) -> None:
        self.count = 0
        self.last_at = last_at
        self.correlations: set[str] = set()


def _delta_row(key: tuple[Any, ...], group: _Group) -> DeltaRow:
    integration, minute, use_case, sync_type, status, category, object_type, org_id = key
    # A note about an outdated endpoint belongs to a request whose events have their own outcomes.
    told = sync_type != SyncType.API_DEPRECATION
    return (
        org_id,
        UUID(int=integration),
        minute,
        UUID(int=use_case),
        sync_type,
        status,
        category,
        storable(object_type),
        group.count,
        group.last_at,
        [correlation_hash(storable(each)) for each in group.correlations] if told else [],
    )
