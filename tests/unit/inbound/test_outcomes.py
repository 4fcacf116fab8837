"""What is recorded of an event, without a database."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from tieline.inbound.application.errors import MeterNotFound, StateNotLoaded
from tieline.inbound.application.work import Applied
from tieline.inbound.batch import Applying
from tieline.inbound.models import PendingEvent
from tieline.inbound.outcomes import MOST_NOTES, outcomes_of
from tieline.mapping.errors import MalformedPayload, MappingError, MissingUniqueIdentifiers
from tieline.mapping.models import PayloadFormat
from tieline.monitoring.models import Outcome, OutcomeStatus, SyncType

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)
EVENT = PendingEvent(
    1, "01EVENT", NOW, "contract", None, PayloadFormat.JSON, b"{}", "c", UUID(int=1), 3
)


def recorded(result: Applied | Exception) -> list[Outcome]:
    return outcomes_of("acme", UUID(int=2), EVENT, Applying(result, 1.5), NOW)


def note(number: int) -> dict[str, str]:
    return {"id": str(number), "schema": "contract", "operation": "created"}


def warning(schema: str, code: str) -> dict[str, str]:
    return {"entity_schema": schema, "field": "f", "code": code, "message": "m"}


def test_an_event_that_changed_entities_and_readings_has_an_outcome_for_each() -> None:
    applied = Applied(entities=[note(1)], readings=[{"count": 1}])
    assert {o.sync_type: o.status for o in recorded(applied)} == {
        SyncType.ENTITY: OutcomeStatus.SUCCESS,
        SyncType.METER_READING: OutcomeStatus.SUCCESS,
    }


def test_an_event_that_changed_nothing_has_an_outcome_too() -> None:
    [outcome] = recorded(Applied())
    assert (outcome.sync_type, outcome.status) == (SyncType.ENTITY, OutcomeStatus.SUCCESS)
    assert (outcome.use_case_version, outcome.duration_ms) == (3, 2)


def test_an_event_about_readings_only_has_no_outcome_for_entities() -> None:
    warned = Applied(warnings=[warning("meter_reading", "PRUNE_SCOPE_COMPLETED")])
    assert [o.sync_type for o in recorded(warned)] == [SyncType.METER_READING]
    assert [o.sync_type for o in recorded(Applied(readings=[{}]))] == [SyncType.METER_READING]


@pytest.mark.parametrize(
    ("code", "status"),
    [("MAPPING_WARNING", OutcomeStatus.WARNING), ("ENTITY_NO_OP", OutcomeStatus.SUCCESS)],
)
def test_only_what_has_to_be_looked_at_makes_a_warning(code: str, status: OutcomeStatus) -> None:
    [outcome] = recorded(Applied(entities=[note(1)], warnings=[warning("contract", code)]))
    assert outcome.status is status
    assert outcome.error_code == (code if status is OutcomeStatus.WARNING else None)


@pytest.mark.parametrize(
    ("error", "sync_type", "code"),
    [
        (MalformedPayload(), SyncType.ENTITY, "MALFORMED_PAYLOAD"),
        (
            MissingUniqueIdentifiers("m", "meter_readings[0].meter"),
            SyncType.METER_READING,
            "MISSING_UNIQUE_IDENTIFIERS",
        ),
        (MappingError("m", "entities[0]"), SyncType.ENTITY, "MAPPING_FAILED"),
        (MeterNotFound(), SyncType.METER_READING, "METER_NOT_FOUND"),
        (StateNotLoaded(), SyncType.ENTITY, "EVENT_NOT_APPLICABLE"),
        (TimeoutError(), SyncType.ENTITY, "TIMEOUT"),
        (ZeroDivisionError(), SyncType.ENTITY, "UNKNOWN_ERROR"),
    ],
)
def test_a_failure_has_one_outcome_that_says_where_and_why(
    error: Exception, sync_type: SyncType, code: str
) -> None:
    [outcome] = recorded(error)
    assert (outcome.status, outcome.sync_type) == (OutcomeStatus.ERROR, sync_type)
    assert outcome.error_code == code
    assert outcome.error_message
    assert outcome.error_category


def test_an_event_with_very_many_entities_is_told_in_part() -> None:
    [outcome] = recorded(Applied(entities=[note(n) for n in range(MOST_NOTES + 5)]))
    assert outcome.entities is not None
    assert len(outcome.entities) == MOST_NOTES + 1
    assert outcome.entities[-1] == {"omitted": 5}
