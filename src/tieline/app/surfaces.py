"""The APIs, each under a base path of its own."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from tieline.http import (
    access_token,
    entity,
    environments,
    erp_integration,
    event_catalog,
    integration_domain,
    metering,
    webhooks,
)
from tieline.http.errors import code_and_message, status_and_error
from tieline.http.surface import new_surface


def surfaces() -> dict[str, FastAPI]:
    """The APIs by name. The name is the base path without its slash."""
    return {
        "erp-integration": new_surface(
            title="Tieline ERP integration",
            description="Integrations, use cases, inbound events, mapping simulation, monitoring.",
            error_body=code_and_message,
            routers=erp_integration.routers,
        ),
        "entity": new_surface(
            title="Tieline entities",
            description="Entities, their relations, their history and the search over them.",
            error_body=status_and_error,
            routers=entity.routers,
        ),
        "metering": new_surface(
            title="Tieline metering",
            description="Meter readings, and the meters and counters that they belong to.",
            error_body=code_and_message,
            routers=metering.routers,
        ),
        "api/v1/integration": new_surface(
            title="Tieline integration domain",
            description="Applications, connectors, API keys, webhooks; who may do what.",
            error_body=code_and_message,
            routers=integration_domain.routers,
        ),
        "access-token": new_surface(
            title="Tieline access tokens",
            description="API keys by the name of access tokens.",
            error_body=status_and_error,
            routers=access_token.routers,
        ),
        "environments": new_surface(
            title="Tieline environments",
            description="Environment variables: readable ones, and secrets that are never shown.",
            error_body=status_and_error,
            routers=environments.routers,
        ),
        "event-catalog": new_surface(
            title="Tieline event catalogue",
            description="Which changes are events, what they carry, their history.",
            error_body=code_and_message,
            routers=event_catalog.routers,
        ),
        "webhooks": new_surface(
            title="Tieline webhooks",
            description="Webhook configurations, their deliveries, messages to be pulled.",
            error_body=code_and_message,
            routers=webhooks.routers,
        ),
    }


def openapi_pages() -> dict[str, dict[str, Any]]:
    """The OpenAPI document of each surface, with its base path as the server."""
    pages = {}
    for name, app in surfaces().items():
        pages[name] = {**app.openapi(), "servers": [{"url": f"/{name}"}]}
    return pages
