"""The base path `/api/v1/integration`."""

from fastapi import APIRouter

from tieline.http.integration_domain import (
    access,
    access_log,
    api_key_usage,
    api_keys,
    applications,
    audit,
    connectors,
    users,
    webhooks,
)

routers: list[APIRouter] = [
    applications.router,
    api_keys.router,
    api_key_usage.asking_router,
    api_key_usage.router,
    connectors.router,
    webhooks.router,
    users.router,
    access.router,
    access_log.router,
    audit.router,
]

__all__ = ["routers"]
