"""Counts by time, for charts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from tieline.http.erp_integration.monitoring.parts import (
    INBOUND_COUNTS,
    OUTBOUND_COUNTS,
    Watcher,
)
from tieline.http.erp_integration.parts import Body, IntegrationId, Moment, refusals
from tieline.http.responses import reply
from tieline.http.route import AskingRoute
from tieline.http.services import Use
from tieline.kit.time import to_wire
from tieline.monitoring.figures import Bucket, Direction, Interval, SeriesQuery, Tally

router = APIRouter(route_class=AskingRoute, tags=["monitoring"])


class TimeSeriesBody(Body):
    """Which time series is wanted."""

    model_config = ConfigDict(extra="forbid")

    from_date: Moment = Field(description="Completed at this moment or later.")
    to_date: Moment | None = Field(
        None, description="Completed at this moment or before. Left out: until now."
    )
    interval: Interval = Field(description="Width of a bucket; at most 200 buckets.")
    direction: Direction = Field(Direction.BOTH, description="Which side is counted.")


class InboundBucketReply(BaseModel):
    """Outcomes of inbound events in a bucket."""

    success_count: int
    error_count: int
    warning_count: int
    skipped_count: int
    total_count: int


class OutboundBucketReply(BaseModel):
    """Deliveries in a bucket."""

    success_count: int
    error_count: int
    pending_count: int
    total_count: int


class BucketReply(BaseModel):
    """One bucket; a side that was not asked for is null."""

    timestamp: datetime = Field(description="Its beginning, a multiple of the interval in UTC.")
    inbound: InboundBucketReply | None
    outbound: OutboundBucketReply | None


class TimeSeriesReply(BaseModel):
    """All buckets from the first to the last, empty ones included."""

    interval: Interval
    from_date: datetime
    to_date: datetime
    buckets: list[BucketReply]


@router.post(
    "/v1/integrations/{integrationId}/monitoring/timeseries",
    operation_id="getMonitoringTimeSeries",
    response_model=TimeSeriesReply,
    responses=refusals(404, 409),
)
async def get_monitoring_time_series(
    integration_id: IntegrationId, body: TimeSeriesBody, caller: Watcher, use: Use
) -> Response:
    """Count an integration's inbound outcomes and outbound deliveries by time."""
    query = SeriesQuery(
        body.from_date, body.to_date or use.monitoring.now(), body.interval, body.direction
    )
    await use.integrations.get_integration(caller.org_id, integration_id)
    buckets = await use.monitoring.time_series(caller.org_id, integration_id, query)
    return reply(
        {
            "interval": query.interval,
            "from_date": to_wire(query.from_date),
            "to_date": to_wire(query.to_date),
            "buckets": [_bucket_reply(bucket) for bucket in buckets],
        }
    )


def _bucket_reply(bucket: Bucket) -> dict[str, Any]:
    return {
        "timestamp": to_wire(bucket.start),
        "inbound": bucket.inbound and _counts(bucket.inbound, INBOUND_COUNTS),
        "outbound": bucket.outbound and _counts(bucket.outbound, OUTBOUND_COUNTS),
    }


def _counts(tally: Tally, statuses: Mapping[str, str]) -> dict[str, int]:
    counts = {name: tally.of(status) for name, status in statuses.items()}
    return {**counts, "total_count": tally.total}
