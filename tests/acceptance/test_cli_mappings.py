"""`tieline mappings test` as a person and a build server use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.conftest import LiveServer

TIELINE = Path(sys.executable).parent / "tieline"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TIELINE_")}

FILE = """
# What a customer of the ERP becomes.
configuration:
  entities:
    - entity_schema: contact
      unique_ids: [number]
      fields:
        - {attribute: number, field: id}
        - attribute: name
          jsonataExpression: |
            first & ' ' & last
samples:
  - name: a person
    payload: {id: 7, first: Anna, last: Schmidt}
    expected:
      entity_updates:
        - entity_slug: contact
          unique_identifiers: {number: 7}
          attributes: {name: Anna Schmidt, number: 7}
  - name: nobody
    payload: {first: Anna}
    expected: {error: MISSING_UNIQUE_IDENTIFIERS}
"""


def run(*arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run `tieline mappings test` to its end, which must have the given exit code."""
    done = subprocess.run(
        [TIELINE, "mappings", "test", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env=ENVIRONMENT,
        check=False,
    )
    assert done.returncode == code, (done.stdout, done.stderr)
    return done


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "customers.yaml"
    path.write_text(FILE, "utf-8")
    return path


def test_the_samples_of_a_file_need_no_database(file: Path, tmp_path: Path) -> None:
    done = run("--file", file, "--data-dir", tmp_path / "data")

    assert done.stdout.splitlines() == [
        str(file),
        "  PASSED   a person",
        "  PASSED   nobody",
        "2 samples: 2 passed, 0 did not.",
    ]
    assert not (tmp_path / "data").exists()


def test_what_differs_is_shown_and_is_a_failure(file: Path) -> None:
    file.write_text(FILE.replace("& ' ' &", "& '-' &"), "utf-8")

    shown = run("--file", file, code=1).stdout

    assert "  FAILED   a person" in shown
    place = "entity_updates[0].attributes.name"
    assert f'           {place}: expected "Anna Schmidt", got "Anna-Schmidt"' in shown
    assert shown.endswith("2 samples: 1 passed, 1 did not.\n")


def test_the_reason_of_an_error_is_shown(file: Path) -> None:
    file.write_text(FILE.replace("{id: 7, first", "{first"), "utf-8")

    shown = run("--file", file, code=1).stdout

    assert 'error: expected nothing, got "MISSING_UNIQUE_IDENTIFIERS"' in shown
    assert "number" in shown


def test_several_files_are_told_apart_and_answered_as_json(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "empty.json"
    other.write_text('{"configuration": {}, "samples": []}')

    shown = json.loads(run("--file", file, "--file", other, "--json").stdout)

    assert [(one["title"], one["passed"]) for one in shown["tested"]] == [
        (str(file), 2),
        (str(other), 0),
    ]
    assert [r["name"] for r in shown["tested"][0]["results"]] == ["a person", "nobody"]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("samples:", "sample:", "samples"),
        ("- name: nobody\n    ", "- ", "samples.1.name"),
        ("payload: {first: Anna}", "payload: 7", "samples.1.payload"),
        ("entity_schema: contact", "entity_schema: ''", "entities[0].entity_schema"),
        ("first & ' ' & last", "first &", "jsonataExpression"),
        ("{error: MISSING", "{error: [MISSING", "YAML"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_place(
    file: Path, old: str, new: str, reason: str
) -> None:
    assert old in FILE
    file.write_text(FILE.replace(old, new), "utf-8")

    done = run("--file", file, code=2)

    assert done.stdout == ""
    assert done.stderr.startswith(f"tieline: {file}: ")
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "missing.yaml" in run("--file", tmp_path / "missing.yaml", code=2).stderr


@pytest.fixture
def erp(live_server: LiveServer) -> httpx.Client:
    return httpx.Client(
        base_url=f"{live_server.url}/erp-integration",
        headers={"authorization": f"Bearer {live_server.key}"},
        timeout=30,
    )


@pytest.fixture
def stored(erp: httpx.Client) -> dict[str, Any]:
    """An integration of a name of its own with a use case that has a sample."""
    fields = [{"attribute": "number", "field": "id"}]
    entity = {"entity_schema": "contact", "unique_ids": ["number"], "fields": fields}
    use_case = {
        "name": "Customers",
        "slug": "customers",
        "type": "inbound",
        "enabled": True,
        "configuration": {"entities": [entity]},
    }
    body = {"name": f"ERP {uuid4().hex[:8]}", "use_cases": [use_case]}
    created: dict[str, Any] = erp.post("/v2/integrations", json=body).raise_for_status().json()
    sample = {"name": "golden", "payload": {"id": 7}}
    place = f"/v1/integrations/{created['id']}/use-cases/{created['use_cases'][0]['id']}"
    erp.post(f"{place}/samples", json=sample).raise_for_status()
    return {**created, "place": place}


def test_stored_samples_are_run_beside_the_server(
    live_server: LiveServer, erp: httpx.Client, stored: dict[str, Any]
) -> None:
    here = ("--data-dir", live_server.data_dir)
    chosen = ("--integration", stored["name"], "--use-case", "customers")

    assert f"{stored['name']} / customers\n  PASSED   golden\n" in run(*here, *chosen).stdout
    assert "golden" in run(*here).stdout
    [use_case] = stored["use_cases"]
    use_case["configuration"]["entities"][0]["unique_ids"] = ["customer"]
    use_case["configuration"]["entities"][0]["fields"] = [{"attribute": "customer", "field": "id"}]
    change = {"configuration": use_case["configuration"]}
    erp.put(stored["place"], json=change).raise_for_status()
    shown = run(*here, "--integration", stored["id"], "--use-case", use_case["id"], code=1).stdout
    assert "unique_identifiers.customer: expected nothing, got 7" in shown


def test_what_is_not_there_is_named(live_server: LiveServer, stored: dict[str, Any]) -> None:
    here = ("--data-dir", live_server.data_dir)

    assert "'nobody'" in run(*here, "--integration", "nobody", code=2).stderr
    chosen = ("--integration", stored["name"], "--use-case", "nothing")
    assert "'nothing'" in run(*here, *chosen, code=2).stderr
    assert run(*here, "--org", "nobodys-org").stdout == "0 samples: 0 passed, 0 did not.\n"
