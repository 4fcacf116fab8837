"""Figures about a stretch of time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from tieline.http.erp_integration.monitoring.parts import (
    Watcher,
    inbound_figures,
    outbound_figures,
)
from tieline.http.erp_integration.parts import Body, IntegrationId, Moment, refusals
from tieline.http.responses import reply
from tieline.http.route import AskingRoute
from tieline.http.services import Use
from tieline.monitoring.figures import InboundGroup, OutboundGroup, Stats, StatsQuery

router = APIRouter(route_class=AskingRoute, tags=["monitoring"])


class StatsBody(Body):
    """Which figures are wanted."""

    model_config = ConfigDict(extra="forbid")

    from_date: Moment | None = Field(
        None, description="Completed at this moment or later. Left out: as long as they are kept."
    )
    to_date: Moment | None = Field(
        None, description="Completed at this moment or before. Left out: until now."
    )
    inbound_group_by: list[InboundGroup] = Field(
        [], max_length=20, description="What inbound outcomes are grouped by; dates are in UTC."
    )
    outbound_group_by: list[OutboundGroup] = Field(
        [], max_length=20, description="What deliveries are grouped by; dates are in UTC."
    )

    def query(self) -> StatsQuery:
        """What is asked for; a field that is named twice counts once."""
        return StatsQuery(
            self.from_date,
            self.to_date,
            tuple(dict.fromkeys(self.inbound_group_by)),
            tuple(dict.fromkeys(self.outbound_group_by)),
        )


class FiguresReply(BaseModel):
    """Counts by status."""

    total_events: int
    success_count: int
    error_count: int
    success_rate: float = Field(
        description="Per cent of those that ended well (inbound: with success or a warning), of "
        "these and the errors. Rounded down; 0 when there are none."
    )
    last_error_at: datetime | None
    breakdown: list[dict[str, Any]] = Field(
        description="An object per group with the grouped fields and the same counts: the largest "
        "first, days in their order, 10,000 counts at most. Empty without grouping."
    )


class InboundFiguresReply(FiguresReply):
    """Outcomes of inbound events, without notes about outdated endpoints."""

    total_correlations: int = Field(
        description="Different correlation ids: exact up to 2,047, beyond that an estimate with a "
        "standard error of 2.2 %."
    )
    skipped_count: int
    warning_count: int


class OutboundFiguresReply(FiguresReply):
    """Deliveries of outbound events."""

    pending_count: int


class StatsReply(BaseModel):
    """Figures of both sides."""

    inbound: InboundFiguresReply
    outbound: OutboundFiguresReply


@router.post(
    "/v1/integrations/{integrationId}/monitoring/stats",
    operation_id="getMonitoringStats",
    response_model=StatsReply,
    responses=refusals(404, 409),
)
async def get_monitoring_stats(
    integration_id: IntegrationId, body: StatsBody, caller: Watcher, use: Use
) -> Response:
    """Count an integration's inbound outcomes and outbound deliveries, by groups if wanted."""
    query = body.query()
    await use.integrations.get_integration(caller.org_id, integration_id)
    return reply(_stats_reply(await use.monitoring.stats(caller.org_id, integration_id, query)))


def _stats_reply(stats: Stats) -> dict[str, Any]:
    return {
        "inbound": {
            **inbound_figures(stats.inbound),
            "total_correlations": stats.correlations,
            "breakdown": [
                {**group, **inbound_figures(tally)} for group, tally in stats.inbound_breakdown
            ],
        },
        "outbound": {
            **outbound_figures(stats.outbound),
            "breakdown": [
                {**group, **outbound_figures(tally)} for group, tally in stats.outbound_breakdown
            ],
        },
    }
