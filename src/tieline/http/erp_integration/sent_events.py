"""What all versions of the ingest have in common on the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from fastapi import Response
from pydantic import BaseModel

from tieline.http.responses import reply
from tieline.inbound.models import EventResult
from tieline.inbound.request import IngestLimits
from tieline.settings import Settings


class EventReceipt(BaseModel):
    """What became of one event."""

    event_id: str
    status: Literal["success", "skipped", "ignored", "error"]
    message: str | None = None


class EventReceipts(BaseModel):
    """One receipt per event, in the order of the request."""

    results: list[EventReceipt]


def ingest_limits(settings: Settings) -> IngestLimits:
    """What one request may hold."""
    return IngestLimits(
        settings.max_events_per_request, settings.max_payload_bytes, settings.max_json_depth
    )


def described_body(body: type[BaseModel]) -> dict[str, Any]:
    """The request body for the API's page: the route reads it by itself, without the model."""
    schema = body.model_json_schema()
    content = {"application/json": {"schema": _inlined(schema, schema.pop("$defs", {}))}}
    return {"requestBody": {"required": True, "content": content}}


def _inlined(node: Any, parts: Mapping[str, Any]) -> Any:
    """A schema with its parts in place: references would be looked for in the page as a whole."""
    match node:
        case {"$ref": str(reference), **beside}:
            part = parts[reference.rpartition("/")[2]]
            return {**_inlined(part, parts), **_inlined(beside, parts)}
        case dict():
            return {key: _inlined(value, parts) for key, value in node.items()}
        case list():
            return [_inlined(value, parts) for value in node]
        case _:
            return node


def receipts(results: Sequence[EventResult]) -> Response:
    """The answer to an ingest request."""
    return reply(
        {
            "results": [
                {"event_id": r.event_id, "status": r.status.value, "message": r.message}
                for r in results
            ]
        }
    )
