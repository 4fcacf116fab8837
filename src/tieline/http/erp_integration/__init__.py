"""The base path `/erp-integration`."""

from fastapi import APIRouter

from tieline.http.erp_integration import (
    events,
    integrations,
    monitoring,
    simulation,
    stored_events,
    use_cases,
)

routers: list[APIRouter] = [
    events.router,
    simulation.router,
    integrations.router,
    use_cases.router,
    monitoring.router,
    stored_events.router,
]

__all__ = ["routers"]
