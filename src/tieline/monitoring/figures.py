"""Figures about a stretch of time: what can be asked, and what the answers are made of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from tieline.kit.errors import InvalidInput

MAX_BUCKETS = 200
MAX_GROUPS = 10_000


class InboundGroup(StrEnum):
    """What inbound outcomes can be grouped by; `event_name` is another word for `object_type`."""

    USE_CASE_ID = "use_case_id"
    SYNC_TYPE = "sync_type"
    STATUS = "status"
    ERROR_CATEGORY = "error_category"
    OBJECT_TYPE = "object_type"
    EVENT_NAME = "event_name"
    DATE = "date"


class OutboundGroup(StrEnum):
    """What deliveries can be grouped by."""

    EVENT_NAME = "event_name"
    STATUS = "status"
    WEBHOOK_CONFIG_ID = "webhook_config_id"
    DATE = "date"


class DeliveryStatus(StrEnum):
    """How far the delivery of an outbound event has come."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    PENDING = "pending"


class Direction(StrEnum):
    """Which side of the hub is asked about."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    BOTH = "both"


class Interval(StrEnum):
    """How wide the buckets of a time series are."""

    FIVE_MINUTES = "5m"
    TEN_MINUTES = "10m"
    HALF_HOUR = "30m"
    HOUR = "1h"
    THREE_HOURS = "3h"
    DAY = "1d"

    @property
    def width(self) -> timedelta:
        """The width of a bucket."""
        return _WIDTHS[self]


_WIDTHS = {
    Interval.FIVE_MINUTES: timedelta(minutes=5),
    Interval.TEN_MINUTES: timedelta(minutes=10),
    Interval.HALF_HOUR: timedelta(minutes=30),
    Interval.HOUR: timedelta(hours=1),
    Interval.THREE_HOURS: timedelta(hours=3),
    Interval.DAY: timedelta(days=1),
}


class TooManyBuckets(InvalidInput):
    """The time series has more than 200 buckets. Choose a larger interval or a shorter time."""


@dataclass(frozen=True, slots=True)
class Count:
    """So many outcomes or deliveries of one status in one group, the last of them at `last_at`.

    `group` has the value of each field that was grouped by; that of a date is its text.
    """

    status: str
    count: int
    last_at: datetime
    group: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BucketCount:
    """So many outcomes or deliveries of one status in the bucket that begins at `start`."""

    start: datetime
    status: str
    count: int


@dataclass(slots=True)
class Tally:
    """Counts of one group by status."""

    by_status: dict[str, int] = field(default_factory=dict)
    last_error_at: datetime | None = None

    def add(self, count: Count, *, failed: str) -> None:
        """Take in a count; `failed` is the status of those that went wrong."""
        self.by_status[count.status] = self.by_status.get(count.status, 0) + count.count
        if count.status == failed and (
            self.last_error_at is None or count.last_at > self.last_error_at
        ):
            self.last_error_at = count.last_at

    def of(self, status: str) -> int:
        """How many have the status."""
        return self.by_status.get(status, 0)

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(self.by_status.values())

    def success_rate(self, good: Sequence[str], failed: str) -> float:
        """Per cent of those that ended well, of all that were tried; 0 if none was.

        Rounded down to two decimals, so that 100 means all.
        """
        well = sum(map(self.of, good))
        tried = well + self.of(failed)
        return math.floor(well * 10_000 / tried) / 100 if tried else 0.0


Breakdown = list[tuple[Mapping[str, Any], Tally]]


@dataclass(frozen=True, slots=True)
class StatsQuery:
    """Which figures are wanted. Both dates are inclusive; None is as far as anything is kept."""

    from_date: datetime | None = None
    to_date: datetime | None = None
    inbound_group_by: tuple[InboundGroup, ...] = ()
    outbound_group_by: tuple[OutboundGroup, ...] = ()


@dataclass(frozen=True, slots=True)
class Stats:
    """Figures of both sides. `correlations` is an estimate above some two thousand."""

    inbound: Tally
    inbound_breakdown: Breakdown
    correlations: int
    outbound: Tally
    outbound_breakdown: Breakdown


@dataclass(frozen=True, slots=True)
class SeriesQuery:
    """Which time series is wanted. Both dates are inclusive."""

    from_date: datetime
    to_date: datetime
    interval: Interval
    direction: Direction = Direction.BOTH


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket of a series; a side that was not asked for is None."""

    start: datetime
    inbound: Tally | None
    outbound: Tally | None
