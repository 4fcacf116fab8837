"""A re-map as JSON: the answer of the API, and what the command prints with `--json`."""

from __future__ import annotations

from typing import Any

from tieline.inbound.remap.models import EntityChange, Remap, RemappedEvent
from tieline.kit.time import to_wire


def remap_document(remap: Remap) -> dict[str, Any]:
    """The whole answer."""
    return {
        "data": [_event(event) for event in remap.events],
        "has_more": remap.has_more,
        "not_found": remap.not_found,
    }


def _event(event: RemappedEvent) -> dict[str, Any]:
    failure = event.failed_before
    return {
        "event_id": event.event_id,
        "event_name": event.event_name,
        "received_at": to_wire(event.accepted_at),
        "use_case_id": str(event.use_case_id) if event.use_case_id else None,
        "use_case_version": event.use_case_version,
        "accepted_version": event.accepted_version,
        "failed_before": failure
        and {"error_code": failure.error_code, "error_message": failure.error_message},
        "status": event.status,
        "error_code": event.error_code,
        "error_message": event.error_message,
        "entities": [_entity(change) for change in event.entities],
        "meter_readings": list(event.readings),
        "warnings": list(event.warnings),
    }


def _entity(change: EntityChange) -> dict[str, Any]:
    return {
        "id": str(change.id),
        "schema": change.schema,
        "change": change.kind,
        "added": dict(change.added),
        "updated": {
            name: {"old": replacement.old, "new": replacement.new}
            for name, replacement in change.updated.items()
        },
        "deleted": dict(change.deleted),
    }
