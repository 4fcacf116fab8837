from __future__ import annotations

import contextlib
import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.inbound.deprecation import Deprecated, deprecation_outcome
from tieline.inbound.errors import InvalidEventRequest, TooManyEvents
from tieline.inbound.models import InvalidEvent, SentEvent
from tieline.inbound.request import IngestLimits
from tieline.inbound.versions import read_version_1, read_version_2
from tieline.kit.ids import new_ulid, ulid_time
from tieline.kit.time import from_wire, utc_now
from tieline.mapping.models import PayloadFormat
from tieline.monitoring.models import EventType, OutcomeStatus, SyncType

LIMITS = IngestLimits(events=3, payload_bytes=1000, depth=10)
APP = "123e4567-e89b-12d3-a456-426614174000"
COMPONENT = "123e4567-e89b-12d3-a456-426614174001"
EVENT = {
    "event_type": "DELETE",
    "object_type": "partner",
    "timestamp": "2026-01-31T09:00:00+01:00",
    "payload": {"id": 1.10},
    "deduplication_id": "d-1",
}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just(APP),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
FIELDS = ("app_id", "component_id", "integration_id", "correlation_id", "meta", "events")
BODIES = st.binary(max_size=50) | st.dictionaries(
    st.sampled_from(FIELDS), ANYTHING | st.just(APP), max_size=6
).map(lambda body: json.dumps(body).encode())


def encoded(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def test_version_1_is_read() -> None:
    body = encoded(
        app_id=APP, component_id=COMPONENT, meta={"correlation_id": "c", "x": 1}, events=[EVENT]
    )

    request = read_version_1(body, LIMITS)

    assert (str(request.app_id), str(request.component_id)) == (APP, COMPONENT)
    ingest = request.to(UUID(int=7))
    assert (ingest.integration_id, ingest.correlation_id) == (UUID(int=7), "c")
    assert ingest.deprecated is Deprecated.VERSION_1
    [event] = ingest.events
    assert isinstance(event, SentEvent)
    assert (event.name, event.slug, event.event_type) == ("partner", None, EventType.DELETE)
    assert event.time == from_wire("2026-01-31T08:00:00Z")
    assert (event.format, event.payload) == (PayloadFormat.JSON, b'{"id": 1.1}')
    assert event.deduplication_id == "d-1"


def test_version_2_is_read() -> None:
    body = encoded(integration_id=APP, events=[EVENT, {**EVENT, "event_type": "TRIGGER"}])

    request = read_version_2(body, LIMITS)

    assert (str(request.integration_id), request.correlation_id) == (APP, None)
    assert request.deprecated is Deprecated.VERSION_2
    good, bad = request.events
    assert isinstance(good, SentEvent)
    assert bad == InvalidEvent("event_type: must be CREATE, UPDATE or DELETE.")


@pytest.mark.parametrize("meta", [None, {}, {"correlation_id": None}])
def test_version_1_needs_no_correlation_id(meta: Any) -> None:
    body = encoded(app_id=APP, component_id=COMPONENT, meta=meta, events=[])

    assert read_version_1(body, LIMITS).correlation_id is None


@given(BODIES)
def test_whatever_is_sent_is_read_or_refused(body: bytes) -> None:
    for read in (read_version_1, read_version_2):
        with contextlib.suppress(InvalidEventRequest, TooManyEvents):
            request = read(body, LIMITS)
            assert len(request.events) <= LIMITS.events


@given(st.dictionaries(st.sampled_from(sorted(EVENT)), ANYTHING))
def test_one_bad_event_is_one_invalid_event(changes: dict[str, Any]) -> None:
    body = encoded(integration_id=APP, events=[{**EVENT, **changes}, EVENT])

    first, second = read_version_2(body, LIMITS).events

    assert isinstance(second, SentEvent)
    if isinstance(first, InvalidEvent):
        assert first.reason.split(":")[0] in EVENT


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (SentEvent("partner", None, utc_now(), PayloadFormat.JSON, b"{}", None), "partner"),
        (InvalidEvent("payload: is missing."), ""),
    ],
)
def test_a_deprecated_request_leaves_a_warning_under_its_first_event(
    event: SentEvent | InvalidEvent, name: str
) -> None:
    event_id, now = new_ulid(), utc_now()

    outcome = deprecation_outcome(
        Deprecated.VERSION_2,
        "org",
        UUID(int=1),
        event_id=event_id,
        event=event,
        correlation_id="c",
        now=now,
    )

    assert (outcome.sync_type, outcome.status) == (
        SyncType.API_DEPRECATION,
        OutcomeStatus.WARNING,
    )
    assert (outcome.event_id, outcome.object_type, outcome.completed_at) == (event_id, name, now)
    assert outcome.received_at == ulid_time(event_id)
    assert "v3" in (outcome.error_message or "")
