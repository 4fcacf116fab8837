"""What became of events, in single outcomes and in figures; who called the APIs."""

from fastapi import APIRouter

from tieline.http.erp_integration.monitoring import (
    access_logs,
    events,
    file_downloads,
    outbound_events,
    stats,
    time_series,
)

routers: list[APIRouter] = [
    events.router,
    outbound_events.router,
    stats.router,
    time_series.router,
    access_logs.router,
    file_downloads.router,
]

__all__ = ["routers"]
