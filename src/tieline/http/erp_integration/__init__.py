"""The base path `/erp-integration`."""

from fastapi import APIRouter

from tieline.http.erp_integration import (
    acknowledgement,
    app_mapping,
    dead_letters,
    download,
    earlier_events,
    events,
    file_links,
    integrations,
    monitoring,
    outbound_status,
    remap,
    samples,
    simulation,
    stored_events,
    trigger,
    use_cases,
)

routers: list[APIRouter] = [
    events.router,
    acknowledgement.router,
    trigger.router,
    earlier_events.router,
    simulation.router,
    integrations.router,
    use_cases.router,
    outbound_status.router,
    samples.router,
    app_mapping.router,
    *monitoring.routers,
    stored_events.router,
    dead_letters.router,
    remap.router,
    file_links.links,
    file_links.keys,
    download.router,
]

__all__ = ["routers"]
