"""Figures and time series over HTTP: what they say and what they refuse."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from msgspec.structs import replace

from tieline.database import Database
from tieline.monitoring.models import ErrorCategory, Outcome, OutcomeStatus, SyncType
from tieline.monitoring.repository import insert_outcomes

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
YESTERDAY = TODAY - timedelta(days=1)
USE_CASE = uuid4()
Store = Callable[..., Awaitable[None]]


@pytest.fixture
def place(integration: Any) -> str:
    return f"/v1/integrations/{integration['id']}/monitoring"


@pytest.fixture
def outcome(org: str, integration: Any) -> Outcome:
    return Outcome(
        org_id=org,
        integration_id=UUID(integration["id"]),
        event_id="e1",
        sync_type=SyncType.ENTITY,
        received_at=YESTERDAY,
        completed_at=YESTERDAY,
        object_type="contact",
        status=OutcomeStatus.SUCCESS,
        duration_ms=12,
        correlation_id="run-1",
    )


@pytest.fixture
def store(database: Database) -> Store:
    async def store_outcomes(*outcomes: Outcome) -> None:
        async with database.system() as tx:
            await insert_outcomes(
                tx, [replace(each, event_id=f"e{n}") for n, each in enumerate(outcomes)]
            )

    return store_outcomes


async def stats(erp: httpx.AsyncClient, place: str, **query: Any) -> Any:
    answer = await erp.post(f"{place}/stats", json=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def series(erp: httpx.AsyncClient, place: str, **query: Any) -> Any:
    answer = await erp.post(f"{place}/timeseries", json=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def failed(outcome: Outcome, **different: Any) -> Outcome:
    usual = {"status": OutcomeStatus.ERROR, "error_category": ErrorCategory.VALIDATION}
    return replace(outcome, **(usual | different))


async def test_nothing_happened_yet(erp: httpx.AsyncClient, place: str) -> None:
    assert await stats(erp, place) == {
        "inbound": {
            "total_events": 0,
            "total_correlations": 0,
            "success_count": 0,
            "error_count": 0,
            "skipped_count": 0,
            "warning_count": 0,
            "success_rate": 0,
            "last_error_at": None,
            "breakdown": [],
        },
        "outbound": {
            "total_events": 0,
            "success_count": 0,
            "error_count": 0,
            "pending_count": 0,
            "success_rate": 0,
            "last_error_at": None,
            "breakdown": [],
        },
    }


async def test_skipped_events_are_no_part_of_the_success_rate(
    erp: httpx.AsyncClient, place: str, store: Store, outcome: Outcome
) -> None:
    late = YESTERDAY + timedelta(hours=5)
    await store(
        outcome,
        replace(outcome, status=OutcomeStatus.WARNING, correlation_id="run-2"),
        replace(outcome, status=OutcomeStatus.SKIPPED),
        failed(outcome, completed_at=late),
    )

    found = (await stats(erp, place))["inbound"]

    assert found["total_events"] == 4
    assert found["total_correlations"] == 2
    counts = [found[f"{name}_count"] for name in ("success", "error", "skipped", "warning")]
    assert counts == [1, 1, 1, 1]
    assert found["success_rate"] == 66.66
    assert datetime.fromisoformat(found["last_error_at"]) == late


async def test_groups_carry_their_fields_and_their_counts(
    erp: httpx.AsyncClient, place: str, store: Store, outcome: Outcome
) -> None:
    await store(
        outcome,
        replace(outcome, use_case_id=USE_CASE),
        failed(outcome, use_case_id=USE_CASE),
    )

    grouped = ["use_case_id", "object_type", "event_name", "date", "date"]
    found = (await stats(erp, place, inbound_group_by=grouped))["inbound"]["breakdown"]

    first, second = found
    assert first["use_case_id"] == str(USE_CASE)
    assert (first["object_type"], first["event_name"]) == ("contact", "contact")
    assert first["date"] == f"{YESTERDAY:%Y-%m-%d}"
    assert (first["total_events"], first["error_count"], first["success_rate"]) == (2, 1, 50)
    assert (second["use_case_id"], second["total_events"]) == (None, 1)


async def test_days_stand_in_their_order_and_the_largest_group_first(
    erp: httpx.AsyncClient, place: str, store: Store, outcome: Outcome
) -> None:
    today = replace(outcome, completed_at=TODAY)
    await store(outcome, failed(outcome), failed(outcome), today, today, today, today)

    by_day = (await stats(erp, place, inbound_group_by=["date"]))["inbound"]["breakdown"]
    by_status = (await stats(erp, place, inbound_group_by=["status"]))["inbound"]["breakdown"]

    assert [group["total_events"] for group in by_day] == [3, 4]
    assert [(group["status"], group["total_events"]) for group in by_status] == [
        ("success", 5),
        ("error", 2),
    ]


async def test_notes_about_endpoints_count_only_by_sync_type(
    erp: httpx.AsyncClient, place: str, store: Store, outcome: Outcome
) -> None:
    note = replace(outcome, sync_type=SyncType.API_DEPRECATION, status=OutcomeStatus.WARNING)
    await store(outcome, replace(note, correlation_id="of nobody else"))

    found = (await stats(erp, place, inbound_group_by=["sync_type"]))["inbound"]
    assert (found["total_events"], found["warning_count"]) == (1, 0)
    assert found["total_correlations"] == 1
    by_type = {group["sync_type"]: group["total_events"] for group in found["breakdown"]}
    assert by_type == {"entity": 1, "api_deprecation": 1}
    by_status = (await stats(erp, place, inbound_group_by=["status"]))["inbound"]["breakdown"]
    assert [group["status"] for group in by_status] == ["success"]
    days = await series(erp, place, from_date=YESTERDAY.isoformat(), interval="1d")
    assert days["buckets"][0]["inbound"]["total_count"] == 1


async def test_a_series_has_every_bucket_and_clips_the_outer_ones(
    erp: httpx.AsyncClient, place: str, store: Store, outcome: Outcome
) -> None:
    start = YESTERDAY + timedelta(hours=1, minutes=20)
    await store(
        replace(outcome, completed_at=start - timedelta(seconds=1)),
        replace(outcome, completed_at=start),
        failed(outcome, completed_at=start + timedelta(hours=2)),
    )

    found = await series(
        erp,
        place,
        from_date=start.isoformat(),
        to_date=(start + timedelta(hours=2)).isoformat(),
        interval="1h",
    )

    assert found["interval"] == "1h"
    assert [bucket["timestamp"][11:16] for bucket in found["buckets"]] == [
        "01:00",
        "02:00",
        "03:00",
    ]
    counts = [bucket["inbound"]["total_count"] for bucket in found["buckets"]]
    assert counts == [1, 0, 1]
    assert found["buckets"][2]["inbound"] == {
        "success_count": 0,
        "error_count": 1,
        "warning_count": 0,
        "skipped_count": 0,
        "total_count": 1,
    }
    assert found["buckets"][2]["outbound"] == {
        "success_count": 0,
        "error_count": 0,
        "pending_count": 0,
        "total_count": 0,
    }


@pytest.mark.parametrize(
    ("direction", "absent"), [("inbound", "outbound"), ("outbound", "inbound")]
)
async def test_the_side_that_was_not_asked_for_is_null(
    erp: httpx.AsyncClient, place: str, direction: str, absent: str
) -> None:
    query = {"from_date": YESTERDAY.isoformat(), "interval": "1d", "direction": direction}
    for bucket in (await series(erp, place, **query))["buckets"]:
        assert bucket[absent] is None
        assert bucket[direction]["total_count"] == 0


async def test_a_series_may_begin_before_anything_is_kept(
    erp: httpx.AsyncClient, place: str
) -> None:
    query = {"from_date": "0001-01-01T00:00:00Z", "to_date": "0001-01-01", "interval": "5m"}
    assert len((await series(erp, place, **query))["buckets"]) == 1


@pytest.mark.parametrize(
    ("operation", "body", "named"),
    [
        ("stats", {"from_date": "2026-02-01", "to_date": "2026-01-01"}, "from_date"),
        ("stats", {"from_date": 1}, "from_date"),
        ("stats", {"inbound_group_by": ["colour"]}, "inbound_group_by"),
        ("stats", {"inbound_group_by": "status"}, "inbound_group_by"),
        ("stats", {"inbound_group_by": ["date"] * 21}, "inbound_group_by"),
        ("stats", {"inbound_group_by": None}, "inbound_group_by"),
        ("stats", {"outbound_group_by": ["sync_type"]}, "outbound_group_by"),
        ("stats", [], ""),
        ("stats", {"x": "\x00"}, "x"),
        ("timeseries", {}, "from_date"),
        ("timeseries", {"from_date": "2026-01-01"}, "interval"),
        ("timeseries", {"from_date": "2026-01-01", "interval": "7m"}, "interval"),
        ("timeseries", {"from_date": "2026-01-01", "interval": 5}, "interval"),
        ("timeseries", {"from_date": "x", "interval": "1d"}, "from_date"),
        (
            "timeseries",
            {
                "from_date": "2026-01-01",
                "to_date": "2026-01-02",
                "interval": "1d",
                "direction": "up",
            },
            "direction",
        ),
        (
            "timeseries",
            {"from_date": "2026-01-02", "to_date": "2026-01-01", "interval": "1d"},
            "from_date",
        ),
        (
            "timeseries",
            {"from_date": "2026-01-01", "to_date": "2026-01-02", "interval": "5m"},
            "Use 10m",
        ),
        (
            "timeseries",
            {"from_date": "0001-01-01", "to_date": "9999-12-31T23:59:59Z", "interval": "1d"},
            "200 days",
        ),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    erp: httpx.AsyncClient, place: str, operation: str, body: Any, named: str
) -> None:
    answer = await erp.post(f"{place}/{operation}", json=body)

    assert answer.status_code == 400, answer.text
    assert named in answer.json()["message"]


@pytest.mark.parametrize("operation", ["stats", "timeseries", "access-logs"])
async def test_figures_of_others_are_not_shown(
    erp: httpx.AsyncClient, stranger: httpx.AsyncClient, place: str, operation: str
) -> None:
    body = {"from_date": YESTERDAY.isoformat()}
    if operation == "timeseries":
        body["interval"] = "1d"
    assert (await erp.post(f"{place}/{operation}", json=body)).status_code == 200
    assert (await stranger.post(f"{place}/{operation}", json=body)).status_code == 404
