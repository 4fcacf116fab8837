"""`tieline events` beside a running server: find what failed, try it out, replay or discard it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import LiveServer

TIELINE = Path(sys.executable).parent / "tieline"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TIELINE_")}


def configuration(expression: str) -> dict[str, Any]:
    return {
        "entities": [
            {
                "entity_schema": "cli_contact",
                "unique_ids": ["number"],
                "fields": [
                    {"attribute": "number", "field": "id"},
                    {"attribute": "amount", "jsonataExpression": expression},
                ],
            }
        ]
    }


class Installation:
    """A running server with one integration, and the commands about it."""

    def __init__(self, server: LiveServer) -> None:
        self._place = ("--data-dir", str(server.data_dir))
        self.client = httpx.Client(
            base_url=f"{server.url}/erp-integration",
            headers={"authorization": f"Bearer {server.key}"},
            timeout=30,
        )
        self.id = str(self.call("/v1/integrations", {"name": "ERP"})["id"])
        self.use_case = self.call(
            f"/v1/integrations/{self.id}/use-cases",
            {
                "name": "Contacts",
                "slug": "contact",
                "type": "inbound",
                "enabled": True,
                "configuration": configuration("$number(name)"),
            },
        )

    def call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.client.post(path, json=body)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def correct(self, expression: str) -> None:
        """Change the use case."""
        answer = self.client.put(
            f"/v1/integrations/{self.id}/use-cases/{self.use_case['id']}",
            json={"type": "inbound", "configuration": configuration(expression)},
        )
        assert answer.is_success, answer.text

    def fail(self, *names: str) -> list[str]:
        """Send events that fail; their ids."""
        events = [
            {
                "use_case_slug": "contact",
                "timestamp": "2026-01-31T08:30:00Z",
                "format": "json",
                "payload": {"id": name, "name": name},
            }
            for name in names
        ]
        sent = self.call("/v3/erp/updates/events", {"integration_id": self.id, "events": events})
        ids = [result["event_id"] for result in sent["results"]]
        self.until(lambda found: set(ids) <= found)
        return ids

    def until(self, fits: Any) -> None:
        """Wait for a set of open dead letters."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            page = self.call(f"/v1/integrations/{self.id}/dead-letters", {})
            if fits({letter["event_id"] for letter in page["data"]}):
                return
        raise AssertionError("the dead letters did not come to be as expected")

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [TIELINE, "events", *arguments, "--integration", self.id, *self._place],
            capture_output=True,
            text=True,
            timeout=60,
            env=ENVIRONMENT,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert code == 2 or done.stderr == ""
        return done

    def document(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", code=code).stdout)


@pytest.fixture
def erp(live_server: LiveServer) -> Installation:
    return Installation(live_server)


def test_an_operator_finds_tries_out_and_replays_what_failed(erp: Installation) -> None:
    first, second = erp.fail("Ann", "Bob")

    listed = erp.run("failed").stdout
    assert first in listed
    assert '"Ann"' in listed
    groups = erp.run("failed", "--groups", "--use-case", "contact").stdout
    assert "2 x  contact  MAPPING_EXPRESSION_FAILED" in groups
    [group] = erp.document("failed", "--groups", "--since", "1h")["data"]
    page = erp.document("failed", "--reason", group["reason"], "--limit", "1")
    assert ([one["event_id"] for one in page["data"]], page["has_more"]) == ([second], True)

    failing = erp.run("remap", "--dry-run", "--failed", code=1).stdout
    assert "2 events mapped, 2 would fail" in failing
    erp.correct("$length(name)")
    shown = erp.run("remap", "--dry-run", "--event", first).stdout
    assert "version 1 -> 2" in shown
    assert "failed (MAPPING_EXPRESSION_FAILED), now success" in shown
    assert "    + amount: 3" in shown
    document = erp.document("remap", "--dry-run", "--failed", "--use-case", erp.use_case["id"])
    assert [one["event_id"] for one in document["data"]] == [first, second]

    answer = erp.run("replay", "--code", "MAPPING_EXPRESSION_FAILED", "--rate", "1000").stdout
    assert "replays 2 events" in answer
    erp.until(lambda found: not found)
    assert "done       2 of 2 replayed, 0 ignored" in erp.run("redrives").stdout
    assert [one["status"] for one in erp.document("redrives")] == ["done"]
    assert erp.run("failed").stdout == "No open dead letter fits.\n"
    assert erp.document("replay", "--all")["total"] == 0


def test_without_dry_run_the_events_are_replayed(erp: Installation) -> None:
    [failed] = erp.fail("Ann")
    erp.correct("$length(name)")

    answer = erp.document("remap", "--failed")

    [result] = answer["results"]
    assert (result["event_id"], result["status"]) == (failed, "queued")
    erp.until(lambda found: not found)
    assert "Replayed 0 of 0 events" in erp.run("remap", "--failed").stdout


def test_a_dead_letter_is_discarded_with_a_note(erp: Installation) -> None:
    first, second = erp.fail("Ann", "Bob")

    done = erp.run("discard", "--event", first, "--note", "Sent again by hand.")

    assert done.stdout == "Discarded 1 dead letter.\n"
    page = erp.call(f"/v1/integrations/{erp.id}/dead-letters", {"status": "discarded"})
    [letter] = page["data"]
    assert (letter["note"], letter["resolved_by"]) == ("Sent again by hand.", "command line")
    assert second in erp.run("failed").stdout


def test_what_does_not_exist_is_refused_in_one_line(erp: Installation) -> None:
    for option, named in (("--use-case", "contact"), ("--org", "integration")):
        done = erp.run("failed", option, "nobody", code=2)

        (line,) = done.stderr.splitlines()
        assert line.startswith("tieline: ")
        assert named in line


def test_the_integration_must_be_named_when_there_are_several(
    live_server: LiveServer, erp: Installation
) -> None:
    erp.call("/v1/integrations", {"name": "Another"})

    done = subprocess.run(
        [TIELINE, "events", "failed", "--data-dir", str(live_server.data_dir)],
        capture_output=True,
        text=True,
        timeout=60,
        env=ENVIRONMENT,
        check=False,
    )

    assert done.returncode == 2
    assert erp.id in done.stderr
