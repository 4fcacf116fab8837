"""Webhooks, events and sinks that several contract tests need."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from contract_sdk import Sdk
from tests.components.http_protocol import Received

from tieline.receiving.keys import Keys
from tieline.receiving.models import Verification
from tieline.receiving.verification import verify

ORGANISATION = "default"  # of the server's first key
EVENT = "OnDemandSyncCustomerRequested"  # built-in, and nothing but a call triggers it


def webhook(url: str, **more: Any) -> dict[str, Any]:
    """A webhook configuration."""
    return {"name": "To the ERP", "eventName": EVENT, "url": url, **more}


def metadata() -> dict[str, Any]:
    """A payload with which a webhook is called by hand."""
    return {"metadata": {"organization_id": ORGANISATION, "action": "by hand"}, "n": 1}


def a_contact(sdk: Sdk, **attributes: Any) -> dict[str, Any]:
    """A contact that was just created."""
    created: dict[str, Any] = sdk.entity(
        "createEntity", {"slug": "contact"}, {"first_name": "Zoë", **attributes}, expect=201
    ).data
    return created


def happen(sdk: Sdk, entity: dict[str, Any]) -> str:
    """Let `EVENT` happen about a contact; the event's id."""
    seed = {"entity_id": entity["_id"], "node_id": "contact"}
    done = sdk.event_catalog("triggerEvent", {"event_name": EVENT}, {"seed": seed}).data
    assert done["success"] is True
    return str(done["event_id"])


def checked(sdk: Sdk, secret: str, request: Received) -> Verification:
    """What the signatures of a delivery say, with the key that the API publishes."""
    published = sdk.webhooks("getPublicKey", {"orgId": ORGANISATION}, token=None).data
    keys = Keys.of([secret], [published["public_key"]])
    now = datetime.fromtimestamp(request.at, UTC)
    return verify(dict(request.headers), request.body, keys, now)
