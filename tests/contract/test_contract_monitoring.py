from __future__ import annotations

import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from contract_examples import event, inbound, outcome_of
from contract_sdk import Sdk

_MOST_SECONDS = 30.0


@pytest.fixture
def place(sdk: Sdk, name: str, slug: str) -> dict[str, str]:
    body = {"name": name, "use_cases": [inbound(slug)]}
    created = sdk.erp("createIntegrationV2", None, body, expect=201).data
    return {"integrationId": created["id"]}


@pytest.fixture
def since() -> str:
    return (datetime.now(UTC) - timedelta(hours=1)).isoformat()


@pytest.fixture(scope="session")
def own_key(live_server: Any) -> str:
    """The id of the key that the SDK uses: the first one of the installation."""
    command = [sys.executable, "-m", "tieline", "keys", "list"]
    listed = subprocess.run(
        [*command, "--data-dir", str(live_server.data_dir)],
        capture_output=True,
        text=True,
        check=True,
    )
    return re.findall(r"api_\w+", listed.stdout)[0]


def send(sdk: Sdk, place: dict[str, str]) -> None:
    """A good event, one without its number, and one that no use case takes; all of them done."""
    events = [event({"number": "1"}), event({"name": "N"}), event({"name": "N"}, use_case_slug="x")]
    body = {"integration_id": place["integrationId"], "correlation_id": "run-1", "events": events}
    results = sdk.erp("processErpUpdatesEventsV3", None, body).data["results"]
    for result in results:
        outcome_of(sdk, place["integrationId"], result["event_id"])


def test_figures_tell_what_became_of_the_events(
    sdk: Sdk, place: dict[str, str], since: str
) -> None:
    send(sdk, place)

    query = {"from_date": since, "inbound_group_by": ["status", "date"]}
    stats = sdk.erp("getMonitoringStats", place, query).data

    inbound_figures = stats["inbound"]
    assert (inbound_figures["total_events"], inbound_figures["total_correlations"]) == (3, 1)
    counts = [inbound_figures[f"{name}_count"] for name in ("success", "error", "skipped")]
    assert counts == [1, 1, 1]
    assert inbound_figures["success_rate"] == 50
    assert inbound_figures["last_error_at"] > since[:10]
    statuses = sorted(group["status"] for group in inbound_figures["breakdown"])
    assert statuses == ["error", "skipped", "success"]
    assert stats["outbound"]["total_events"] == 0


def test_an_integration_that_heard_nothing_has_figures_too(sdk: Sdk, place: dict[str, str]) -> None:
    stats = sdk.erp("getMonitoringStats", place, {}).data
    assert stats["inbound"]["total_events"] == 0
    assert stats["inbound"]["last_error_at"] is None


@pytest.mark.parametrize("interval", ["5m", "10m", "30m", "1h", "3h", "1d"])
def test_a_series_adds_up_to_the_figures(
    sdk: Sdk, place: dict[str, str], since: str, interval: str
) -> None:
    send(sdk, place)

    query: dict[str, Any] = {"from_date": since, "interval": interval}
    both = sdk.erp("getMonitoringTimeSeries", place, query).data
    one = sdk.erp("getMonitoringTimeSeries", place, {**query, "direction": "inbound"}).data

    assert both["interval"] == interval
    assert sum(bucket["inbound"]["total_count"] for bucket in both["buckets"]) == 3
    assert sum(bucket["outbound"]["total_count"] for bucket in both["buckets"]) == 0
    assert {bucket["outbound"] for bucket in one["buckets"]} == {None}


def test_the_access_log_tells_who_called(
    sdk: Sdk, place: dict[str, str], since: str, own_key: str
) -> None:
    assert sdk.erp("queryAccessLogs", place, {}).data == {
        "data": [],
        "next_cursor": None,
        "has_more": False,
    }
    sdk.erp("updateIntegration", place, {"access_token_ids": [own_key]})

    query = {"token_id": own_key, "method": "POST", "path": place["integrationId"], "limit": 1}
    query |= {"service": "erp-integration", "status": 200, "from_date": since}
    page = until_there(sdk, place, query)

    [call] = page["data"]
    assert call["path"].endswith("/monitoring/access-logs")
    assert (call["token_id"], call["source_ip"]) == (own_key, "127.0.0.1")
    assert page["has_more"] is True
    older = sdk.erp("queryAccessLogs", place, {**query, "cursor": page["next_cursor"]}).data
    assert older["data"][0]["timestamp"] <= call["timestamp"]
    assert older["data"][0]["request_id"] != call["request_id"]


def until_there(sdk: Sdk, place: dict[str, str], query: dict[str, Any]) -> Any:
    """The page, once there are two calls to see; they are written down a moment later."""
    until = time.monotonic() + _MOST_SECONDS
    while True:
        page = sdk.erp("queryAccessLogs", place, query).data
        if page["has_more"]:
            return page
        assert time.monotonic() < until, "no call was written down"


def test_what_cannot_be_asked_is_refused(sdk: Sdk, place: dict[str, str], since: str) -> None:
    series = {"from_date": since, "interval": "5m"}
    far = {**series, "from_date": "2026-01-01T00:00:00Z", "to_date": "2026-02-01T00:00:00Z"}
    sdk.erp("getMonitoringTimeSeries", place, far, expect=400)
    sdk.erp("getMonitoringTimeSeries", place, {"from_date": since}, expect=400)
    sdk.erp("getMonitoringTimeSeries", place, {**series, "interval": "2m"}, expect=400)
    sdk.erp("getMonitoringStats", place, {"inbound_group_by": ["colour"]}, expect=400)
    backwards = {"from_date": since, "to_date": "2026-01-01T00:00:00Z"}
    sdk.erp("getMonitoringStats", place, backwards, expect=400)
    sdk.erp("queryAccessLogs", place, {"token_id": "api_unknown"}, expect=400)
    unknown = {"integrationId": str(uuid4())}
    time = {"from_date": since}
    for operation, body in (
        ("getMonitoringStats", time),
        ("getMonitoringTimeSeries", series),
        ("queryAccessLogs", time),
    ):
        sdk.erp(operation, unknown, body, expect=404)
        sdk.erp(operation, place, body, token=None, expect=401)
