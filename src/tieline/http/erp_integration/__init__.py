"""The base path `/erp-integration`."""

from fastapi import APIRouter

from tieline.http.erp_integration import (
    app_mapping,
    dead_letters,
    earlier_events,
    events,
    integrations,
    monitoring,
    remap,
    samples,
    simulation,
    stored_events,
    use_cases,
)

routers: list[APIRouter] = [
    events.router,
    earlier_events.router,
    simulation.router,
    integrations.router,
    use_cases.router,
    samples.router,
    app_mapping.router,
    *monitoring.routers,
    stored_events.router,
    dead_letters.router,
    remap.router,
]

__all__ = ["routers"]
