from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from msgspec.structs import replace

from tieline.database import Database
from tieline.monitoring.models import (
    ErrorCategory,
    EventType,
    Outcome,
    OutcomeStatus,
    SyncType,
)
from tieline.monitoring.repository import insert_outcomes

NOW = datetime.now(UTC)

Store = Callable[..., Awaitable[None]]


@pytest.fixture
def place(integration: Any) -> str:
    return f"/v1/integrations/{integration['id']}/monitoring/inbound-events"


@pytest.fixture
def outcome(org: str, integration: Any) -> Outcome:
    return Outcome(
        org_id=org,
        integration_id=UUID(integration["id"]),
        event_id="e1",
        sync_type=SyncType.ENTITY,
        received_at=NOW - timedelta(seconds=1),
        completed_at=NOW,
        object_type="contact",
        status=OutcomeStatus.SUCCESS,
        duration_ms=12,
    )


@pytest.fixture
def store(database: Database) -> Store:
    async def store_outcomes(*outcomes: Outcome) -> None:
        async with database.system() as tx:
            await insert_outcomes(tx, outcomes)

    return store_outcomes


async def ids(erp: httpx.AsyncClient, place: str, **query: Any) -> list[str]:
    answer = await erp.post(place, json=query)
    assert answer.status_code == 200, answer.text
    return [event["event_id"] for event in answer.json()["data"]]


async def test_an_outcome_tells_all_that_is_known(
    erp: httpx.AsyncClient, place: str, store: Store, outcome: Outcome, org: str
) -> None:
    use_case_id = uuid4()
    await store(
        replace(
            outcome,
            correlation_id="c",
            use_case_id=use_case_id,
            use_case_version=2,
            event_type=EventType.UPDATE,
            status=OutcomeStatus.ERROR,
            error_code="MALFORMED_PAYLOAD",
            error_category=ErrorCategory.VALIDATION,
            error_message="line 1",
            entities=[{"entity_id": "x", "big": 12345678901234567890}],
            warnings=[{"message": "w"}],
        )
    )

    answer = (await erp.post(place, json={})).json()

    [event] = answer["data"]
    completed_at = event.pop("completed_at")
    received_at = event.pop("received_at")
    assert datetime.fromisoformat(completed_at) == NOW
    assert received_at.endswith("Z")
    assert event == {
        "org_id": org,
        "event_id": "e1",
        "correlation_id": "c",
        "integration_id": str(outcome.integration_id),
        "use_case_id": str(use_case_id),
        "use_case_version": 2,
        "event_type": "UPDATE",
        "object_type": "contact",
        "sync_type": "entity",
        "status": "error",
        "error_code": "MALFORMED_PAYLOAD",
        "error_message": "line 1",
        "error_category": "validation",
        "processing_duration_ms": 12,
        "entities": [{"entity_id": "x", "big": 12345678901234567890}],
        "warnings": [{"message": "w"}],
    }
    assert (answer["next_cursor"], answer["has_more"]) == (None, False)


async def test_the_newest_come_first(
    erp: httpx.AsyncClient, place: str, store: Store, outcome: Outcome
) -> None:
    older = replace(outcome, event_id="z", completed_at=NOW - timedelta(microseconds=1))
    await store(older, outcome, replace(outcome, event_id="e0"))

    assert await ids(erp, place) == ["e1", "e0", "z"]


@pytest.mark.parametrize(
    ("field", "value", "wire"),
    [
        ("use_case_id", UUID(int=7), "use_case_id"),
        ("event_type", EventType.DELETE, "event_type"),
        ("sync_type", SyncType.METER_READING, "sync_type"),
        ("status", OutcomeStatus.WARNING, "status"),
        ("error_category", ErrorCategory.TIMEOUT, "error_category"),
        ("correlation_id", "c", "correlation_id"),
        ("object_type", "meter", "object_type"),
        ("object_type", "meter", "event_name"),
        ("event_id", "wanted", "event_id"),
    ],
)
async def test_every_filter_filters(
    erp: httpx.AsyncClient,
    place: str,
    store: Store,
    outcome: Outcome,
    field: str,
    value: Any,
    wire: str,
) -> None:
    wanted: Outcome = replace(outcome, **{"event_id": "wanted", field: value})
    await store(outcome, wanted)

    assert await ids(erp, place, **{wire: str(value)}) == ["wanted"]


async def test_object_type_and_event_name_must_both_fit(
    erp: httpx.AsyncClient, place: str, store: Store, outcome: Outcome
) -> None:
    await store(outcome)

    assert await ids(erp, place, object_type="contact", event_name="contact") == ["e1"]
    assert await ids(erp, place, object_type="contact", event_name="meter") == []


async def test_both_dates_are_inclusive(
    erp: httpx.AsyncClient, place: str, store: Store, outcome: Outcome
) -> None:
    tick = timedelta(microseconds=1)
    await store(outcome)

    assert await ids(erp, place, from_date=NOW.isoformat(), to_date=NOW.isoformat()) == ["e1"]
    assert await ids(erp, place, from_date=(NOW + tick).isoformat()) == []
    assert await ids(erp, place, to_date=(NOW - tick).isoformat()) == []
    assert await ids(erp, place, from_date="0001-01-01T00:00:00Z", to_date="9999-12-31") == ["e1"]


@pytest.mark.parametrize("made_by", ["server", "client"])
async def test_every_outcome_is_on_exactly_one_page(
    erp: httpx.AsyncClient, place: str, store: Store, outcome: Outcome, made_by: str
) -> None:
    # Five moments, each with three events: pages end in the middle of a moment.
    await store(
        *(
            replace(
                outcome,
                event_id=f"e{number:02d}",
                completed_at=NOW - timedelta(microseconds=number // 3),
            )
            for number in range(15)
        )
    )
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 4}
    while True:
        page = (await erp.post(place, json=query)).json()
        seen += [event["event_id"] for event in page["data"]]
        if not page["has_more"]:
            break
        last = page["data"][-1]
        from_last = {key: last[key] for key in ("completed_at", "event_id")}
        query["cursor"] = page["next_cursor"] if made_by == "server" else from_last

    assert page["next_cursor"] is None
    assert len(seen) == 15
    assert len(set(seen)) == 15


async def test_a_page_may_end_between_two_outcomes_of_one_event(
    erp: httpx.AsyncClient, place: str, store: Store, outcome: Outcome
) -> None:
    await store(outcome, replace(outcome, sync_type=SyncType.METER_READING))

    first = (await erp.post(place, json={"limit": 1})).json()
    second = (await erp.post(place, json={"limit": 1, "cursor": first["next_cursor"]})).json()

    kinds = [first["data"][0]["sync_type"], second["data"][0]["sync_type"]]
    assert sorted(kinds) == ["entity", "meter_reading"]
    assert second["has_more"] is False


async def test_fifty_are_the_default(
    erp: httpx.AsyncClient, place: str, store: Store, outcome: Outcome
) -> None:
    await store(*(replace(outcome, event_id=f"e{number}") for number in range(51)))

    answer = (await erp.post(place, json={"cursor": {}})).json()

    assert (len(answer["data"]), answer["has_more"]) == (50, True)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"limit": 0}, "limit"),
        ({"statuss": "error"}, "statuss"),
        ({"limit": 101}, "limit"),
        ({"limit": 1.5}, "limit"),
        ({"status": "fine"}, "status"),
        ({"use_case_id": "x"}, "use_case_id"),
        ({"from_date": 1767225600}, "from_date"),
        ({"from_date": "yesterday"}, "from_date"),
        ({"from_date": "2026-02-01T00:00:00Z", "to_date": "2026-01-01T00:00:00Z"}, "from_date"),
        ({"to_date": "9999-12-31T23:59:59-12:00"}, "to_date"),
        ({"event_id": "\x00"}, "event_id"),
        ({"cursor": {"event_id": "e"}}, "cursor.completed_at"),
        ({"cursor": {"completed_at": "x"}}, "cursor.completed_at"),
        ([], ""),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    erp: httpx.AsyncClient, place: str, query: Any, named: str
) -> None:
    answer = await erp.post(place, json=query)

    assert answer.status_code == 400
    assert named in answer.json()["message"]


async def test_outcomes_of_others_are_not_shown(
    erp: httpx.AsyncClient,
    stranger: httpx.AsyncClient,
    place: str,
    store: Store,
    outcome: Outcome,
) -> None:
    other = (await erp.post("/v1/integrations", json={"name": "Other"})).json()
    await store(
        outcome,
        replace(outcome, event_id="e2", integration_id=UUID(other["id"])),
        replace(outcome, event_id="e3", org_id="somebody-else"),
    )

    assert await ids(erp, place) == ["e1"]
    assert (await stranger.post(place, json={})).status_code == 404


async def test_an_outcome_is_stored_whatever_characters_it_holds(
    erp: httpx.AsyncClient, place: str, store: Store, outcome: Outcome
) -> None:
    await store(
        replace(
            outcome,
            object_type="a\x00b",
            error_message="\x00",
            entities=[{"\x00": "\x00", "slash": "\\u0000", "both": "\\\x00"}],
        )
    )

    [event] = (await erp.post(place, json={})).json()["data"]

    assert event["object_type"] == "a\ufffdb"
    assert event["error_message"] == "\ufffd"
    assert event["entities"] == [{"\ufffd": "\ufffd", "slash": "\\u0000", "both": "\\\ufffd"}]


async def test_storing_no_outcome_is_allowed(store: Store) -> None:
    await store()
