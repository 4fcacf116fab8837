"""kill -9 in the middle of a mass replay: each dead letter is replayed, and only once."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import LiveServer, start_server, stop_server

pytestmark = [pytest.mark.chaos]

KILLS = min(int(os.environ.get("CHAOS_ROUNDS", "6")), 20)
LETTERS = 300
RATE = 50
ENVIRONMENT = {"TIELINE_SWEEP_SECONDS": "1", "TIELINE_JOB_HEARTBEAT_SECONDS": "2"}


def configuration(expression: str) -> dict[str, Any]:
    return {
        "entities": [
            {
                "entity_schema": "meter",
                "unique_ids": ["number"],
                "fields": [
                    {"attribute": "number", "field": "number"},
                    {"attribute": "seen", "jsonataExpression": expression},
                ],
            }
        ]
    }


class Installation:
    """A server that works as well, and what one asks it."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.server = self._started()
        self.key = self.server.key

    def _started(self) -> LiveServer:
        server, _ = start_server(self.data_dir, **ENVIRONMENT)
        return server

    def kill(self) -> None:
        self.server.process.kill()
        self.server.process.wait()
        self.server = self._started()

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        answer = httpx.request(
            method,
            f"{self.server.url}/erp-integration{path}",
            json=body,
            headers={"authorization": f"Bearer {self.key}"},
            timeout=30,
        )
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to be"


def send(erp: Installation, integration: str) -> list[str]:
    """Post the events; their ids."""
    ids: list[str] = []
    for start in range(0, LETTERS, 100):
        events = [
            {
                "use_case_slug": "meter",
                "timestamp": "2026-01-31T08:00:00Z",
                "format": "json",
                "payload": {"number": f"M-{number}"},
            }
            for number in range(start, start + 100)
        ]
        body = {"integration_id": integration, "events": events}
        answer = erp.call("POST", "/v3/erp/updates/events", body)
        ids += [result["event_id"] for result in answer["results"]]
    return ids


def replays(erp: Installation, place: str, correlation_id: str) -> Counter[str]:
    """How often each event was replayed."""
    found: Counter[str] = Counter()
    body: dict[str, Any] = {"correlation_id": correlation_id}
    while True:
        page = erp.call("POST", f"{place}/events", body)
        found.update(event["replay_of"] for event in page["data"])
        if not page["has_more"]:
            return found
        body["cursor"] = page["next_cursor"]


def test_a_redrive_survives_the_death_of_its_process(tmp_path: Path) -> None:
    erp = Installation(tmp_path / "data")
    integration = erp.call("POST", "/v1/integrations", {"name": "ERP"})["id"]
    place = f"/v1/integrations/{integration}"
    use_case = {
        "name": "Meters",
        "slug": "meter",
        "type": "inbound",
        "enabled": True,
        "configuration": configuration("$number(number)"),
    }
    made = erp.call("POST", f"{place}/use-cases", use_case)
    sent = send(erp, integration)

    def failed() -> int:
        page = erp.call("POST", f"{place}/dead-letters/groups", {})
        return sum(int(group["count"]) for group in page["data"])

    until(lambda: failed() == LETTERS)
    corrected = {**use_case, "configuration": configuration('{"_append_all": [number]}')}
    erp.call("PUT", f"{place}/use-cases/{made['id']}", corrected)
    body = {"filter": {}, "rate_per_second": RATE}
    redrive = erp.call("POST", f"{place}/dead-letters/replay", body)
    progress = f"{place}/redrives/{redrive['id']}"

    chance = random.Random(20260131)
    for _ in range(KILLS):
        pause = time.monotonic() + chance.uniform(0, 1.5)
        while time.monotonic() < pause:
            erp.call("GET", progress)
        erp.kill()
    until(lambda: erp.call("GET", progress)["status"] == "done")

    assert erp.call("GET", progress)["replayed"] == LETTERS
    assert replays(erp, place, redrive["correlation_id"]) == Counter(sent)
    until(lambda: outcomes(erp, place, redrive["correlation_id"]) == LETTERS)
    assert failed() == 0
    assert stop_server(erp.server) == 0


def outcomes(erp: Installation, place: str, correlation_id: str) -> int:
    """How many of the replays were applied."""
    body: dict[str, Any] = {"correlation_id": correlation_id, "status": "success", "limit": 100}
    count = 0
    while True:
        page = erp.call("POST", f"{place}/monitoring/inbound-events", body)
        count += len(page["data"])
        if not page["has_more"]:
            return count
        body["cursor"] = page["next_cursor"]
