"""Pulled messages as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tieline.kit.time import to_wire
from tieline.outbound.pulling.models import Message, Pulled, Settled


def pulled_document(pulled: Pulled) -> dict[str, Any]:
    """What a consumer gets, in its wire form."""
    return {
        "messages": [_message(message) for message in pulled.messages],
        "paused_at": pulled.paused_at and to_wire(pulled.paused_at),
    }


def _message(message: Message) -> dict[str, Any]:
    return {
        "id": str(message.id),
        "event_id": str(message.id.delivery_id),
        "message_id": message.message_id,
        "catalog_event_id": message.event_id,
        "event_name": message.event_name,
        "entity_id": str(message.entity_id) if message.entity_id else None,
        "content_type": message.content_type,
        "body": message.body.decode("utf-8", "replace"),
        "headers": message.headers,
        "attempt": message.attempt,
        "created_at": to_wire(message.created_at),
        "lease_until": to_wire(message.lease_until),
    }


def settled_document(settled: Sequence[Settled]) -> dict[str, Any]:
    """What became of the messages that a consumer named, in its wire form."""
    return {"results": [{"id": each.id, "status": each.status} for each in settled]}
