"""Configurations and waiting that several contract tests need."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from contract_sdk import Sdk

_MOST_SECONDS = 30.0


def inbound(schema: str = "contact", **more: Any) -> dict[str, Any]:
    """An inbound use case that maps `number`, `name` and an account to relate to."""
    account = {
        "entity_schema": f"{schema}_account",
        "_tags": ["PAYER"],
        "unique_ids": [{"attribute": "external_id", "field": "account"}],
    }
    entity = {
        "entity_schema": schema,
        "unique_ids": ["number"],
        "fields": [
            {"attribute": "number", "field": "number"},
            {"attribute": "name", "field": "name"},
            {"attribute": "source", "constant": "ERP"},
            {
                "attribute": "account",
                "enabled": "$exists(account)",
                "relations": {"operation": "_set", "items": [account]},
            },
        ],
    }
    return {
        "type": "inbound",
        "name": "Customers",
        "slug": "customer",
        "enabled": True,
        "configuration": {"entities": [entity]},
        **more,
    }


def outbound(**more: Any) -> dict[str, Any]:
    """An outbound use case with one mapping to a webhook."""
    mapping = {
        "id": str(uuid4()),
        "name": "To the ERP",
        "jsonata_expression": '{"id": entity._id, "name": entity.name}',
        "enabled": True,
        "delivery": {"type": "webhook", "webhook_id": "erp-webhook"},
    }
    return {
        "type": "outbound",
        "name": "Changed contracts",
        "slug": "contract-changed",
        "enabled": False,
        "configuration": {"event_catalog_event": "contract.updated", "mappings": [mapping]},
        **more,
    }


def file_proxy(**more: Any) -> dict[str, Any]:
    """A file proxy use case with a token, a parameter and two steps."""
    return {
        "type": "file_proxy",
        "name": "Invoices",
        "slug": "invoice-file",
        "enabled": True,
        "configuration": {
            "auth": {
                "type": "oauth2_client_credentials",
                "token_url": "https://dms.example.org/token",
                "client_id": "tieline",
                "client_secret": "\\{{env.dms_secret}}",
            },
            "params": [{"name": "invoice", "required": True}],
            "steps": [
                {
                    "url": "https://dms.example.org/find?number={{params.invoice}}",
                    "method": "GET",
                    "response_type": "json",
                },
                {
                    "url": "https://dms.example.org/file/{{steps.0.body.id}}",
                    "method": "GET",
                    "response_type": "binary",
                },
            ],
            "response": {"body": "steps[1].body", "encoding": "binary", "filename": '"a.pdf"'},
        },
        **more,
    }


def event(payload: Any, **more: Any) -> dict[str, Any]:
    """An event for the use case of `inbound`."""
    return {
        "use_case_slug": "customer",
        "timestamp": "2026-01-31T08:30:00Z",
        "format": "json",
        "payload": payload,
        **more,
    }


def outcome_of(sdk: Sdk, integration_id: str, event_id: str, **query: str) -> dict[str, Any]:
    """The outcome of an event, as soon as there is one that the query lets pass."""
    deadline = time.monotonic() + _MOST_SECONDS
    while time.monotonic() < deadline:
        page = sdk.erp(
            "queryInboundMonitoringEvents",
            {"integrationId": integration_id},
            {"event_id": event_id, **query},
        ).data
        if page["data"]:
            found: dict[str, Any] = page["data"][0]
            return found
    raise AssertionError(f"event {event_id} has no outcome after {_MOST_SECONDS} seconds")
