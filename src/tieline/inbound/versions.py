"""Reads requests of the two earlier ingest versions, which say what happened to the object.

Both send `event_type` and `object_type` with each event; the object type is what version 3 calls
the event name. Version 1 names the integration by an application and its component.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from tieline.inbound.deprecation import Deprecated
from tieline.inbound.errors import InvalidEventRequest
from tieline.inbound.models import InvalidEvent, SentEvent
from tieline.inbound.request import (
    LONGEST_NAME,
    IngestLimits,
    IngestRequest,
    correlation_id_of,
    decode_request,
    deduplication_id_of,
    format_of,
    is_text,
    payload_of,
    read_events,
    timestamp_of,
    uuid_of,
)
from tieline.monitoring.models import EventType

_EVENT_TYPES = (EventType.CREATE, EventType.UPDATE, EventType.DELETE)


class _Event(msgspec.Struct):
    timestamp: Any = None
    format: Any = "json"
    payload: msgspec.Raw = msgspec.Raw()
    event_type: Any = None
    object_type: Any = None
    deduplication_id: Any = None


class _Version1(msgspec.Struct):
    app_id: Any = None
    component_id: Any = None
    meta: Any = None
    events: list[msgspec.Raw] | None = None


class _Version2(msgspec.Struct):
    integration_id: Any = None
    correlation_id: Any = None
    events: list[msgspec.Raw] | None = None


@dataclass(frozen=True, slots=True)
class AppRequest:
    """A request of version 1, whose integration is found by application and component."""

    app_id: UUID
    component_id: UUID
    correlation_id: str | None
    events: list[SentEvent | InvalidEvent]

    def to(self, integration_id: UUID) -> IngestRequest:
        """The same request to the integration that was found."""
        return IngestRequest(
            integration_id, self.correlation_id, self.events, deprecated=Deprecated.VERSION_1
        )


_version_1 = msgspec.json.Decoder(_Version1)
_version_2 = msgspec.json.Decoder(_Version2)
_events = msgspec.json.Decoder(_Event)


def read_version_1(body: bytes, limits: IngestLimits) -> AppRequest:
    """The request in a body of version 1. Raises `InvalidEventRequest` and `TooManyEvents`."""
    request = decode_request(body, _version_1, "app_id")
    meta = {} if request.meta is None else request.meta
    if not isinstance(meta, dict):
        raise InvalidEventRequest("meta: must be an object. Send one, or leave it out.")
    return AppRequest(
        uuid_of(request.app_id, "app_id", "an application"),
        uuid_of(request.component_id, "component_id", "a component of the application"),
        correlation_id_of(meta.get("correlation_id"), "meta.correlation_id"),
        read_events(request.events, limits, _events, _sent),
    )


def read_version_2(body: bytes, limits: IngestLimits) -> IngestRequest:
    """The request in a body of version 2. Raises `InvalidEventRequest` and `TooManyEvents`."""
    request = decode_request(body, _version_2, "integration_id")
    return IngestRequest(
        uuid_of(request.integration_id, "integration_id", "an integration"),
        correlation_id_of(request.correlation_id, "correlation_id"),
        read_events(request.events, limits, _events, _sent),
        deprecated=Deprecated.VERSION_2,
    )


def _sent(event: _Event, limits: IngestLimits) -> SentEvent:
    return SentEvent(
        name=_object_type(event.object_type),
        slug=None,
        time=timestamp_of(event.timestamp),
        format=format_of(event.format),
        payload=payload_of(bytes(event.payload), limits, event.format),
        deduplication_id=deduplication_id_of(event.deduplication_id),
        event_type=_event_type(event.event_type),
    )


def _event_type(value: Any) -> EventType:
    if value not in _EVENT_TYPES:
        raise ValueError("event_type: must be CREATE, UPDATE or DELETE.")
    return EventType(value)


def _object_type(value: Any) -> str:
    if value is None:
        raise ValueError("object_type: is missing. Send the name of the event.")
    if not is_text(value, 1, LONGEST_NAME):
        raise ValueError("object_type: must be a text of 1 to 255 characters.")
    found: str = value
    return found
