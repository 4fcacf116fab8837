"""Reads an ingest request. The payloads stay the very bytes that were sent.

The body is decoded by hand-typed structures rather than by a web framework's models: a payload that
is a JSON object must reach the mapping with every digit, and this is the hottest path there is.
One bad event becomes an `InvalidEvent`; only a request that is no list of events at all is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from tieline.inbound.errors import InvalidEventRequest, TooManyEvents
from tieline.inbound.models import InvalidEvent, SentEvent
from tieline.kit import json
from tieline.kit.ids import parse_uuid
from tieline.kit.time import from_wire
from tieline.mapping.models import PayloadFormat

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,254}")
DEDUPLICATION_ID = re.compile(r"[a-zA-Z0-9_-]{1,255}")
_LONGEST_NAME = 255
_SHORTEST_PAYLOAD = 2


class _Event(msgspec.Struct):
    timestamp: Any = None
    format: Any = "json"
    payload: msgspec.Raw = msgspec.Raw()
    event_name: Any = None
    use_case_slug: Any = None
    deduplication_id: Any = None


class _Request(msgspec.Struct):
    integration_id: Any = None
    correlation_id: Any = None
    events: list[msgspec.Raw] | None = None


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """What one request may hold: events, bytes per payload, levels of nesting in a payload."""

    events: int
    payload_bytes: int
    depth: int = 100


@dataclass(frozen=True, slots=True)
class IngestRequest:
    """A request that names an integration and holds events, some of which may be invalid."""

    integration_id: UUID
    correlation_id: str | None
    events: Sequence[SentEvent | InvalidEvent]


_requests = msgspec.json.Decoder(_Request)
_events = msgspec.json.Decoder(_Event)
_strings = msgspec.json.Decoder(str)


def read_request(body: bytes, limits: IngestLimits) -> IngestRequest:
    """The request in a body. Raises `InvalidEventRequest` and `TooManyEvents`."""
    if not body.strip():
        raise InvalidEventRequest("The body is empty. Send `integration_id` and `events`.")
    try:
        request = _requests.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidEventRequest(f"The body is no valid request: {error}") from None
    integration_id = (
        parse_uuid(request.integration_id) if isinstance(request.integration_id, str) else None
    )
    if integration_id is None:
        raise InvalidEventRequest("integration_id: must be the UUID of an integration.")
    correlation_id = request.correlation_id
    if correlation_id is not None and not _is_text(correlation_id, 1, _LONGEST_NAME):
        raise InvalidEventRequest("correlation_id: must be a text of 1 to 255 characters.")
    if request.events is None:
        raise InvalidEventRequest("events: is missing. Send a list of events.")
    if len(request.events) > limits.events:
        raise TooManyEvents(
            f"events: {len(request.events)} events in one request; at most {limits.events} are "
            "allowed. Split them into several requests."
        )
    events = [_read_event(raw, limits) for raw in request.events]
    return IngestRequest(integration_id, correlation_id, events)


def _read_event(raw: msgspec.Raw, limits: IngestLimits) -> SentEvent | InvalidEvent:
    try:
        event = _events.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        return InvalidEvent(f"The event is no valid object: {error}")
    try:
        return SentEvent(
            name=_name(event),
            slug=_slug(event.use_case_slug),
            time=_timestamp(event.timestamp),
            format=_format(event.format),
            payload=_payload(bytes(event.payload), limits, event.format),
            deduplication_id=_deduplication_id(event.deduplication_id),
        )
    except ValueError as error:
        return InvalidEvent(str(error))


def _name(event: _Event) -> str | None:
    if event.event_name is None:
        if event.use_case_slug is None:
            raise ValueError("use_case_slug: is missing. Send use_case_slug or event_name.")
        return None
    if not _is_text(event.event_name, 1, _LONGEST_NAME):
        raise ValueError("event_name: must be a text of 1 to 255 characters.")
    name: str = event.event_name
    return name


def _slug(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not SLUG.fullmatch(value):
        raise ValueError(
            "use_case_slug: must begin with a lower-case letter or digit and hold only those, "
            "'-' and '_' (at most 255)."
        )
    return value


def _timestamp(value: Any) -> datetime:
    if value is None:
        raise ValueError("timestamp: is missing. Send an ISO 8601 date and time.")
    try:
        # In UTC at once: the first and the last moments of the calendar have none.
        return from_wire(value).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            "timestamp: must be an ISO 8601 date and time, such as 2026-01-31T08:30:00Z."
        ) from None


def _format(value: Any) -> PayloadFormat:
    try:
        return PayloadFormat(value)
    except ValueError:
        raise ValueError("format: must be json or xml.") from None


def _payload(raw: bytes, limits: IngestLimits, payload_format: Any) -> bytes:
    if not raw:
        raise ValueError("payload: is missing. Send an object, or its text.")
    if raw.startswith(b'"'):
        payload = _strings.decode(raw).encode("utf-8", "surrogatepass")
        if len(payload) < _SHORTEST_PAYLOAD:
            raise ValueError("payload: is empty. Send the object's text.")
    elif raw.startswith(b"{"):
        payload = raw
        if not raw[1:-1].strip():
            raise ValueError("payload: is an empty object. Send at least one property.")
    else:
        raise ValueError("payload: must be an object or a text.")
    if len(payload) > limits.payload_bytes:
        raise ValueError(
            f"payload: has {len(payload)} bytes; at most {limits.payload_bytes} are allowed."
        )
    if payload_format == PayloadFormat.JSON and json.deeper_than(payload, limits.depth):
        raise ValueError(f"payload: is nested deeper than {limits.depth} levels.")
    return payload


def _deduplication_id(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not DEDUPLICATION_ID.fullmatch(value):
        raise ValueError("deduplication_id: must be 1 to 255 letters, digits, '-' and '_'.")
    return value


def _is_text(value: Any, shortest: int, longest: int) -> bool:
    return isinstance(value, str) and shortest <= len(value) <= longest and "\0" not in value
