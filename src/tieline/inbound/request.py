"""Reads an ingest request. The payloads stay the very bytes that were sent.

The body is decoded by hand-typed structures rather than by a web framework's models: a payload that
is a JSON object must reach the mapping with every digit, and this is the hottest path there is.
One bad event becomes an `InvalidEvent`; only a request that is no list of events at all is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from tieline.inbound.deprecation import Deprecated
from tieline.inbound.errors import InvalidEventRequest, TooManyEvents
from tieline.inbound.models import InvalidEvent, SentEvent
from tieline.kit import json
from tieline.kit.ids import parse_uuid
from tieline.kit.time import from_wire
from tieline.mapping.models import PayloadFormat

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,254}")
DEDUPLICATION_ID = re.compile(r"[a-zA-Z0-9_-]{1,255}")
LONGEST_NAME = 255
_LONGEST_GROUP = 128
_SHORTEST_PAYLOAD = 2


class _Event(msgspec.Struct):
    timestamp: Any = None
    format: Any = "json"
    payload: msgspec.Raw = msgspec.Raw()
    event_name: Any = None
    use_case_slug: Any = None
    deduplication_id: Any = None
    correlation_id: Any = None
    group_id: Any = None


class _Request(msgspec.Struct):
    integration_id: Any = None
    correlation_id: Any = None
    group_id: Any = None
    events: list[msgspec.Raw] | None = None


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """What one request may hold: events, bytes per payload, levels of nesting in a payload."""

    events: int
    payload_bytes: int
    depth: int = 100


@dataclass(frozen=True, slots=True)
class IngestRequest:
    """A request that names an integration and holds events, some of which may be invalid.

    `deprecated` is the operation that was called, if it should not be used any more.
    """

    integration_id: UUID
    correlation_id: str | None
    events: Sequence[SentEvent | InvalidEvent]
    deprecated: Deprecated | None = None


_R = TypeVar("_R")
_E = TypeVar("_E")

_requests = msgspec.json.Decoder(_Request)
_events = msgspec.json.Decoder(_Event)
_strings = msgspec.json.Decoder(str)


def read_request(body: bytes, limits: IngestLimits) -> IngestRequest:
    """The request in a body. Raises `InvalidEventRequest` and `TooManyEvents`."""
    request = decode_request(body, _requests, "integration_id")
    integration_id = uuid_of(request.integration_id, "integration_id", "an integration")
    correlation_id = correlation_id_of(request.correlation_id, "correlation_id")
    group_id = _group_id_of_request(request.group_id)
    events = read_events(request.events, limits, _events, partial(_sent, group_id=group_id))
    return IngestRequest(integration_id, correlation_id, events)


def decode_request(body: bytes, decoder: msgspec.json.Decoder[_R], named_by: str) -> _R:
    """The parts of a body, not yet looked at. Raises `InvalidEventRequest`."""
    if not body.strip():
        raise InvalidEventRequest(f"The body is empty. Send `{named_by}` and `events`.")
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = json.explain(body, error)
        raise InvalidEventRequest(f"The body is no valid request: {reason}") from None


def read_events(
    raws: list[msgspec.Raw] | None,
    limits: IngestLimits,
    decoder: msgspec.json.Decoder[_E],
    sent: Callable[[_E, IngestLimits], SentEvent],
) -> list[SentEvent | InvalidEvent]:
    """The events of a request; one that `sent` refuses with a `ValueError` costs only itself.

    Raises `InvalidEventRequest` and `TooManyEvents`.
    """
    if raws is None:
        raise InvalidEventRequest("events: is missing. Send a list of events.")
    if len(raws) > limits.events:
        raise TooManyEvents(
            f"events: {len(raws)} events in one request; at most {limits.events} are "
            "allowed. Split them into several requests."
        )
    events: list[SentEvent | InvalidEvent] = []
    for raw in raws:
        try:
            events.append(sent(decoder.decode(raw), limits))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            events.append(InvalidEvent(f"The event is no valid object: {error}"))
        except ValueError as error:
            events.append(InvalidEvent(str(error)))
    return events


def _sent(event: _Event, limits: IngestLimits, *, group_id: str | None) -> SentEvent:
    return SentEvent(
        name=_name(event),
        slug=_slug(event.use_case_slug),
        time=timestamp_of(event.timestamp),
        format=format_of(event.format),
        payload=payload_of(bytes(event.payload), limits, event.format),
        deduplication_id=deduplication_id_of(event.deduplication_id),
        correlation_id=_text_of(event.correlation_id, "correlation_id", LONGEST_NAME),
        group_id=_text_of(event.group_id, "group_id", _LONGEST_GROUP) or group_id,
    )


def _group_id_of_request(value: Any) -> str | None:
    try:
        return _text_of(value, "group_id", _LONGEST_GROUP)
    except ValueError as error:
        raise InvalidEventRequest(str(error)) from None


def _text_of(value: Any, field: str, longest: int) -> str | None:
    if value is not None and not is_text(value, 1, longest):
        raise ValueError(f"{field}: must be a text of 1 to {longest} characters.")
    found: str | None = value
    return found


def uuid_of(value: Any, field: str, owner: str) -> UUID:
    """The UUID that a field of the request must hold. Raises `InvalidEventRequest`."""
    found = parse_uuid(value) if isinstance(value, str) else None
    if found is None:
        raise InvalidEventRequest(f"{field}: must be the UUID of {owner}.")
    return found


def correlation_id_of(value: Any, field: str) -> str | None:
    """The correlation id of a request, if it has one. Raises `InvalidEventRequest`."""
    if value is not None and not is_text(value, 1, LONGEST_NAME):
        raise InvalidEventRequest(f"{field}: must be a text of 1 to 255 characters.")
    found: str | None = value
    return found


def _name(event: _Event) -> str | None:
    if event.event_name is None:
        if event.use_case_slug is None:
            raise ValueError("use_case_slug: is missing. Send use_case_slug or event_name.")
        return None
    if not is_text(event.event_name, 1, LONGEST_NAME):
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


def timestamp_of(value: Any) -> datetime:
    """When an event happened in the ERP, in UTC. Raises `ValueError`."""
    if value is None:
        raise ValueError("timestamp: is missing. Send an ISO 8601 date and time.")
    try:
        # In UTC at once: the first and the last moments of the calendar have none.
        return from_wire(value).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            "timestamp: must be an ISO 8601 date and time, such as 2026-01-31T08:30:00Z."
        ) from None


def format_of(value: Any) -> PayloadFormat:
    """How a textual payload is written. Raises `ValueError`."""
    try:
        return PayloadFormat(value)
    except ValueError:
        raise ValueError("format: must be json or xml.") from None


def payload_of(raw: bytes, limits: IngestLimits, payload_format: Any) -> bytes:
    """The very bytes of a payload, within the limits. Raises `ValueError`."""
    if not raw:
        raise ValueError("payload: is missing. Send an object, or its text.")
    if raw.startswith(b'"'):
        try:
            payload = _strings.decode(raw).encode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise ValueError(f"payload: is no UTF-8 ({error}). Send it in UTF-8.") from None
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


def deduplication_id_of(value: Any) -> str | None:
    """The deduplication id, if there is one. Raises `ValueError`."""
    if value is None:
        return None
    if not isinstance(value, str) or not DEDUPLICATION_ID.fullmatch(value):
        raise ValueError("deduplication_id: must be 1 to 255 letters, digits, '-' and '_'.")
    return value


def is_text(value: Any, shortest: int, longest: int) -> bool:
    """Whether it is a text of such a length that the database can store."""
    return isinstance(value, str) and shortest <= len(value) <= longest and "\0" not in value
