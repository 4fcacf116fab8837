"""`tieline audit` beside a running server: who changed what, as a list and as JSON lines."""

from __future__ import annotations

import getpass
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import LiveServer

TIELINE = Path(sys.executable).parent / "tieline"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TIELINE_")}


def tieline(server: LiveServer, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TIELINE, *arguments, "--data-dir", str(server.data_dir)],
        capture_output=True,
        text=True,
        timeout=60,
        env=ENVIRONMENT,
        check=False,
    )


@pytest.fixture(scope="module")
def integration(live_server: LiveServer) -> dict[str, Any]:
    """An integration that was renamed."""
    place = f"{live_server.url}/erp-integration/v1/integrations"
    headers = {"authorization": f"Bearer {live_server.key}"}
    made: dict[str, Any] = httpx.post(place, json={"name": "Audited"}, headers=headers).json()
    renamed = {"name": "Renamed"}
    assert httpx.put(f"{place}/{made['id']}", json=renamed, headers=headers).is_success
    return made


def test_the_list_shows_who_changed_what(
    live_server: LiveServer, integration: dict[str, Any]
) -> None:
    done = tieline(live_server, "audit", "list", "--target-id", integration["id"])

    assert done.returncode == 0, done.stderr
    updated, change, created, *_ = done.stdout.splitlines()
    assert f"integration.updated  integration {integration['id']}  by " in updated
    assert "from 127.0.0.1" in updated
    assert change.strip() == '/name: "Audited" -> "Renamed"'
    assert "integration.created" in created


def test_an_export_is_json_lines_oldest_first(
    live_server: LiveServer, integration: dict[str, Any]
) -> None:
    chosen = ("--target-id", integration["id"], "--from", "2026-01-01")
    done = tieline(live_server, "audit", "export", *chosen)

    assert done.returncode == 0, done.stderr
    entries = [json.loads(line) for line in done.stdout.splitlines()]
    assert [entry["action"] for entry in entries] == ["integration.created", "integration.updated"]
    listed = tieline(live_server, "audit", "list", "--json", *chosen)
    assert json.loads(listed.stdout) == entries[::-1]


def test_whoever_types_a_command_is_named_by_the_name_of_the_systems_user(
    live_server: LiveServer,
) -> None:
    made = tieline(live_server, "keys", "create", "--name", "from the command line", "--json")
    assert made.returncode == 0, made.stderr
    tieline(live_server, "audit", "export", "--action", "nothing.of.that.name")

    for action in ("key.created", "audit_log.exported"):
        done = tieline(live_server, "audit", "list", "--json", "--action", action, "--limit", "1")
        [entry] = json.loads(done.stdout)
        assert entry["actor"] == {
            "kind": "command",
            "id": getpass.getuser(),
            "name": "command line",
        }


def test_more_entries_than_asked_for_are_mentioned(
    live_server: LiveServer, integration: dict[str, Any]
) -> None:
    done = tieline(live_server, "audit", "list", "--limit", "1")

    assert "There are more" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(("--limit", "0"), "--limit"), (("--from", "yesterday"), "--from"), (("--to", "x"), "--to")],
)
def test_what_makes_no_sense_is_refused(
    live_server: LiveServer, arguments: tuple[str, ...], named: str
) -> None:
    done = tieline(live_server, "audit", "list", *arguments)

    assert done.returncode == 2
    assert named in done.stderr


def test_where_nothing_was_done_nothing_is_shown(live_server: LiveServer) -> None:
    done = tieline(live_server, "audit", "list", "--target-id", "nothing")

    assert (done.returncode, done.stdout) == (0, "No entry fits.\n")


@pytest.mark.parametrize("command", ["list", "export"])
def test_an_organisation_that_does_not_exist_is_told(live_server: LiveServer, command: str) -> None:
    done = tieline(live_server, "audit", command, "--org", "nobody")

    assert (done.returncode, done.stdout) == (2, "")
    assert "There is no organisation 'nobody'." in done.stderr


def test_what_is_done_to_the_installation_has_a_log_of_its_own(live_server: LiveServer) -> None:
    assert tieline(live_server, "keys", "rotate-signing-key").returncode == 0

    done = tieline(live_server, "audit", "list", "--org", "~tieline")

    assert done.returncode == 0, done.stderr
    assert "signing_key.created" in done.stdout
