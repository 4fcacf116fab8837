"""What became of events, in single outcomes and in figures; who called the APIs."""

from fastapi import APIRouter

from tieline.http.erp_integration.monitoring import access_logs, events, stats, time_series

routers: list[APIRouter] = [
    events.router,
    stats.router,
    time_series.router,
    access_logs.router,
]

__all__ = ["routers"]
