"""`tieline export`, `plan` and `apply` as people and build servers use them."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from tests.conftest import LiveServer

from tieline.kit.ids import new_ulid

TIELINE = Path(sys.executable).parent / "tieline"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TIELINE_")}

FILE = """\
tieline: 1
environment_variables:
  - {key: erp.token, type: SecretString}
webhooks:
  - name: orders
    url: https://example.com/hook
integrations:
  - name: ERP
    use_cases:
      - name: Customers
        slug: customers
        type: inbound
        enabled: true
        configuration:
          entities:
            - entity_schema: contact
              unique_ids: [number]
              fields:
                - {attribute: number, field: id}
"""


class Place:
    """An organisation of the running server, and a directory for its files."""

    def __init__(self, server: LiveServer, directory: Path) -> None:
        self.server = server
        self.org = f"org-{new_ulid()}"
        self.directory = directory
        self.file = directory / "mine.yaml"
        self.file.write_text(FILE)

    def run(
        self, *arguments: str | Path, code: int = 0, text: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command about the organisation to its end, which must have this exit code."""
        done = subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            input=text or "",
            timeout=60,
            env=ENVIRONMENT,
            check=False,
        )
        assert done.returncode == code, (done.stdout, done.stderr)
        return done

    def command(self, *arguments: str | Path) -> list[str]:
        place = ("--org", self.org, "--data-dir", str(self.server.data_dir))
        return [str(TIELINE), *map(str, arguments), *place]

    def answer(self, answer: str, *arguments: str | Path) -> tuple[int, str]:
        """Run a command on a terminal where somebody types an answer; exit code and output."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            self.command(*arguments),
            stdin=theirs,
            stdout=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        )
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        output, _ = process.communicate(timeout=60)
        os.close(ours)
        return process.returncode, output


@pytest.fixture
def place(live_server: LiveServer, tmp_path: Path) -> Place:
    return Place(live_server, tmp_path)


def test_the_way_of_a_change_from_a_file_to_a_running_server(place: Place) -> None:
    assert "4 to create, 0 to change, 0 to delete." in place.run("plan", place.file, code=2).stdout

    applied = place.run("apply", place.file, "--yes")

    assert "+ integration 'ERP' / use case 'customers'\n" in applied.stdout
    assert "Applied.\n" in applied.stdout
    assert applied.stdout.endswith("  erp.token\n")
    assert "whsec_" not in applied.stdout + applied.stderr
    assert "rotate-secret" in applied.stderr
    assert place.run("plan", place.file).stdout == "Nothing to do.\n"
    key = place.run("keys", "create", "--scope", "erp:read").stdout.strip()
    listed = httpx.get(
        f"{place.server.url}/erp-integration/v2/integrations",
        headers={"authorization": f"Bearer {key}"},
    ).json()
    assert [one["name"] for one in listed["integrations"]] == ["ERP"]
    assert [one["slug"] for one in listed["integrations"][0]["use_cases"]] == ["customers"]


def test_an_export_is_the_same_each_time_and_makes_the_same_elsewhere(place: Place) -> None:
    place.run("apply", place.file, "--yes")
    files = place.directory / "export"

    shown = place.run("export", files).stdout
    one = place.run("export").stdout
    other = Place(place.server, place.directory)
    other.run("apply", files, "--yes")

    assert shown == f"5 files in {files}.\n"
    assert sorted(str(file.relative_to(files)) for file in files.rglob("*.yaml")) == [
        "applications.yaml",
        "connectors.yaml",
        "environment.yaml",
        "integrations/erp.yaml",
        "webhooks.yaml",
    ]
    assert one == place.run("export", "-").stdout == other.run("export").stdout
    assert other.run("plan", "-", "--prune", text=one).stdout == "Nothing to do.\n"
    again = place.directory / "again"
    place.run("export", again, "--kind", "webhooks")
    assert [file.name for file in again.iterdir()] == ["webhooks.yaml"]
    assert (again / "webhooks.yaml").read_bytes() == (files / "webhooks.yaml").read_bytes()


def test_a_plan_shows_what_changes_and_pruning_what_goes(place: Place) -> None:
    place.run("apply", place.file, "--yes")
    changed = FILE.replace("orders", "invoices").replace("field: id", "field: customerId")
    place.file.write_text(changed)

    plain = place.run("plan", place.file, code=2).stdout
    pruning = place.run("plan", place.file, "--prune", code=2).stdout
    document = json.loads(place.run("plan", place.file, "--json", code=2).stdout)

    path = "configuration.entities[0].fields[0].field"
    assert f'    ~ {path}: "id" -> "customerId"\n' in plain
    assert "left as they are:\n  webhook 'orders' (whk_" in plain
    assert "- webhook 'orders'\n" in pruning
    assert document["changes"][1]["differences"] == [
        {"path": path, "old": "id", "new": "customerId"}
    ]
    assert place.run("apply", place.file, "--prune", "--dry-run", code=2).stdout == pruning
    place.run("apply", place.file, "--yes", "--prune")
    assert place.run("plan", place.file, "--prune").stdout == "Nothing to do.\n"


def test_somebody_is_asked_on_a_terminal_and_nowhere_else(place: Place) -> None:
    refused = place.run("apply", place.file, code=2)
    assert "apply with --yes" in refused.stderr

    code, output = place.answer("no", "apply", place.file)
    assert (code, output.splitlines()[-1]) == (1, "Apply this? [y/N] Nothing was applied.")
    place.run("plan", place.file, code=2)

    code, output = place.answer("y", "apply", place.file)
    assert code == 0
    assert "Applied." in output
    assert place.answer("", "apply", place.file)[1].endswith("Nothing to do.\n")


def test_an_interrupt_is_an_answer_too(place: Place) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        place.command("apply", place.file),
        stdin=theirs,
        stdout=subprocess.PIPE,
        env=ENVIRONMENT,
    )
    assert process.stdout is not None
    seen = b""
    while b"[y/N]" not in seen:
        seen += os.read(process.stdout.fileno(), 1_000)

    process.send_signal(signal.SIGINT)

    assert process.wait(30) == 130
    process.stdout.close()
    os.close(ours)
    os.close(theirs)
    place.run("plan", place.file, code=2)


def test_what_the_system_refuses_is_named(place: Place) -> None:
    taken = place.directory / "taken"
    taken.write_text("")

    assert f"{taken}" in place.run("plan", taken / "x.yaml", code=1).stderr
    place.run("apply", place.file, "--yes")
    assert f"{taken}: File exists" in place.run("export", taken, code=2).stderr


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("tieline: 1", "tieline: 9", "mine.yaml:1: tieline: is 9"),
        ("webhooks:", "webhook:", "mine.yaml:4: webhook: is no kind of thing"),
        ("slug: customers", "slug: [1]", "integrations[0].use_cases[0].slug: must be a text"),
        ("enabled: true", "enabled: yes", "enabled: must be true or false"),
        ("enabled: true", "enabled: true\n        version: 3", "version: is not known here"),
        ("    url: https", "    headers: {X-Api-Key: hunter2}\n    url: https", "plain text"),
        ("  - name: ERP", "\t- name: ERP", "mine.yaml:8: found character"),
        ("{attribute: number, field: id}", "{attribute: x, field: id}", "mine.yaml:17:"),
    ],
)
def test_rubbish_is_refused_by_its_place_and_nothing_is_applied(
    place: Place, old: str, new: str, complaint: str
) -> None:
    place.file.write_text(FILE.replace(old, new))

    refused = place.run("plan", place.file, code=1)

    assert complaint in refused.stderr
    assert "hunter2" not in refused.stderr
    assert refused.stdout == ""
    assert place.run("apply", place.file, "--yes", code=2).stderr == refused.stderr


def test_a_plan_that_fails_is_not_mistaken_for_one_with_changes(place: Place) -> None:
    assert "no such file" in place.run("plan", place.directory / "none", code=1).stderr
    assert "--colour" in place.run("plan", place.file, "--colour", code=1).stderr
    assert "--colour" in place.run("apply", place.file, "--dry-run", "--colour", code=1).stderr
    assert "--colour" in place.run("apply", place.file, "--colour", code=2).stderr


def test_an_organisation_that_does_not_exist_has_nothing_to_export(place: Place) -> None:
    assert "no organisation" in place.run("export", code=2).stderr
