"""The `tieline` command as a person uses it: real processes on a data directory of their own."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tieline.database.embedded import EmbeddedServer

TIELINE = Path(sys.executable).parent / "tieline"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TIELINE_")}
COMMANDS = (
    "demo",
    "doctor",
    "events",
    "keys",
    "mappings",
    "migrate",
    "openapi",
    "secrets",
    "serve",
    "worker",
)
INTEGRATIONS = "/erp-integration/v1/integrations"


def run(
    *arguments: str | Path, code: int = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, which must have the given exit code."""
    done = subprocess.run(
        [TIELINE, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**ENVIRONMENT, **environment},
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


def complaint(*arguments: str | Path, code: int = 2, **environment: str) -> str:
    """What a command that fails says: one line, no traceback, nothing on standard output."""
    done = run(*arguments, code=code, **environment)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("tieline: ")
    return line


@dataclass
class Process:
    """A command that runs until it is stopped, and what it printed when it was ready."""

    popen: subprocess.Popen[str]
    lines: list[str]

    @property
    def url(self) -> str:
        """Where a server serves."""
        return self.lines[0].rpartition(" ")[2]

    @property
    def key(self) -> str | None:
        """The admin key that a first start prints."""
        found = re.findall(r"tl_\w+", "\n".join(self.lines))
        return found[0] if found else None

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; the exit code."""
        self.popen.send_signal(number)
        return self.popen.wait(30)


def start(*arguments: str | Path) -> Process:
    """Start a command and wait until it says that it is ready."""
    log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the process
    popen = subprocess.Popen(
        [TIELINE, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env=ENVIRONMENT,
    )
    assert popen.stdout is not None
    lines: list[str] = []
    while not lines or "Press Ctrl-C" not in lines[-1]:
        line = popen.stdout.readline()
        if not line:
            log.seek(0)
            pytest.fail(f"the process ended before it was ready: {log.read()}")
        lines.append(line.strip())
    return Process(popen, lines)


def serve(data_dir: Path, *arguments: str) -> Process:
    return start("serve", "--port", "0", "--data-dir", data_dir, *arguments)


def wait_until(look: Callable[[], Any], seconds: float = 30) -> Any:
    """The first result of `look` that is true; each look is a call that takes its time."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come true"
    return found


def answers_with(url: str, key: str) -> int:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.get(f"{url}{INTEGRATIONS}", headers=headers).status_code


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a migrated database that no server uses."""
    directory = tmp_path_factory.mktemp("cli") / "data"
    run("migrate", "--data-dir", directory)
    return directory


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, Path]]:
    """A server at its first start, and its data directory."""
    directory = tmp_path_factory.mktemp("served") / "data"
    process = serve(directory)
    yield process, directory
    process.stop()


# --- without a database


def test_help_names_every_command() -> None:
    shown = run("--help").stdout

    assert [name for name in COMMANDS if name not in shown] == []


def test_help_does_not_load_what_only_a_server_needs() -> None:
    code = (
        "import sys; from tieline.cli.run import run; run(['--help']); "
        "print(sorted({'fastapi', 'asyncpg', 'sqlalchemy', 'uvicorn', 'pydantic'} "
        "& sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENVIRONMENT
    )

    assert done.stderr.strip() == "[]"


def test_the_version_is_that_of_the_package() -> None:
    from tieline import __version__

    assert run("--version").stdout.strip() == f"tieline {__version__}"
    module = subprocess.run(
        [sys.executable, "-m", "tieline", "--version"], capture_output=True, text=True, check=True
    )
    assert module.stdout == run("--version").stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["sreve"], 'Did you mean "serve"?'),
        (["serve", "--prot", "1"], "Did you mean --port?"),
        (["serve", "--port", "many"], "`tieline serve --help`"),
        (["keys", "revoke"], "`tieline keys revoke --help`"),
        (["keys", "create", "--kind", "robot"], "`tieline keys create --help`"),
        (["serve", "--port", "70000"], "TIELINE_PORT (set on the command line)"),
        (["serve", "--config", "/nowhere.toml"], "Name an existing TOML file"),
        (["serve", "--host", "192.0.2.1", "--port", "0"], "--host"),
        (["serve", "--host", "no such host"], "--host"),
        (["keys", "create", "--expires-in", "soon"], "30d"),
    ],
)
def test_wrong_usage_is_one_line_with_the_next_step(arguments: list[str], expected: str) -> None:
    assert expected in complaint(*arguments)


def test_a_mistyped_setting_in_the_environment_is_named() -> None:
    assert "TIELINE_PROT (set in the environment)" in complaint("migrate", TIELINE_PROT="1")


def test_an_unreachable_database_is_said_without_its_password() -> None:
    line = complaint(
        "keys", "list", code=1, TIELINE_DATABASE_URL="postgresql://me:hunter2@127.0.0.1:1/none"
    )

    assert "TIELINE_DATABASE_URL" in line
    assert "hunter2" not in line


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    assert str(tmp_path / "file") in complaint(
        "migrate", "--data-dir", tmp_path / "file" / "data", code=1
    )


@pytest.mark.parametrize("surface", ["erp-integration", "/entity/"])
def test_openapi_prints_the_document_of_an_api(surface: str) -> None:
    document = json.loads(run("openapi", surface).stdout)

    assert document["openapi"].startswith("3.")
    assert document["paths"]


def test_a_wrong_api_lists_the_right_ones() -> None:
    assert "environments, erp-integration" in complaint("openapi", "erp")


# --- with a database, without a server


def test_migrating_again_changes_nothing(data_dir: Path) -> None:
    assert "is current" in run("migrate", "--data-dir", data_dir).stdout


def listed(data_dir: Path, org: str) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = json.loads(
        run("keys", "list", "--json", "--org", org, "--data-dir", data_dir).stdout
    )
    return keys


def test_a_key_is_created_listed_and_revoked(data_dir: Path) -> None:
    arguments = ("--org", "north", "--data-dir", data_dir)
    done = run(
        *("keys", "create", "--name", "sap", "--scope", "erp:read", "--scope", "erp:events"),
        *("--kind", "user", "--expires-in", "30d", *arguments),
    )
    (key,) = done.stdout.split()
    (found,) = listed(data_dir, "north")

    assert key.startswith(found["prefix"])
    assert (found["name"], found["kind"], found["state"]) == ("sap", "user", "valid")
    assert found["scopes"] == ["erp:read", "erp:events"]
    assert found["expires_at"] > found["created_at"]
    assert key not in run("keys", "list", *arguments).stdout

    run("keys", "revoke", found["id"], *arguments)

    assert listed(data_dir, "north")[0]["state"] == "revoked"


def test_a_created_key_as_json_carries_everything(data_dir: Path) -> None:
    done = run("keys", "create", "--json", "--org", "json", "--data-dir", data_dir)
    created = json.loads(done.stdout)

    assert created.pop("key").startswith("tl_service_")
    assert listed(data_dir, "json") == [created]
    assert created["scopes"] == ["*"]


def test_an_organisation_without_keys_is_told_how_to_get_one(data_dir: Path) -> None:
    shown = run("keys", "list", "--org", "nobody", "--data-dir", data_dir).stdout

    assert "tieline keys create" in shown


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["keys", "create", "--scope", "erp:everything"], "erp:monitoring"),
        (["keys", "create", "--org", "a b"], "letters, digits"),
        (["keys", "revoke", "api_none"], "tieline keys list"),
    ],
)
def test_what_does_not_exist_is_refused(
    data_dir: Path, arguments: list[str], expected: str
) -> None:
    assert expected in complaint(*arguments, "--data-dir", data_dir)


def test_the_doctor_finds_a_new_installation_healthy(data_dir: Path) -> None:
    report = json.loads(run("doctor", "--json", "--data-dir", data_dir).stdout)
    checks = {finding["check"]: finding["verdict"] for finding in report["findings"]}

    expected = {
        *("sandbox", "database", "schema", "partitions", "pending", "changes", "deliveries"),
        *("clock", "secrets"),
    }
    for check in expected:
        assert checks[check] == "PASS", check
    assert set(checks) - {"disk", "durability"} == expected


def test_the_doctor_makes_no_database(tmp_path: Path) -> None:
    shown = run("doctor", "--data-dir", tmp_path / "none").stdout

    assert "WARN  database" in shown
    assert "-> Run `tieline serve`" in shown
    assert not (tmp_path / "none").exists()


def test_the_doctor_fails_when_the_database_does_not_answer() -> None:
    done = run("doctor", code=1, TIELINE_DATABASE_URL="postgresql://me@127.0.0.1:1/none")

    assert "FAIL  database" in done.stdout


def test_the_last_command_leaves_no_database_running(data_dir: Path) -> None:
    run("keys", "list", "--data-dir", data_dir)

    assert not (data_dir / "postgres" / "postmaster.pid").exists()


# --- with a server


def test_the_first_start_prints_an_address_and_a_working_key(
    server: tuple[Process, Path],
) -> None:
    process, _ = server

    assert httpx.get(f"{process.url}/readyz").status_code == 200
    assert process.key is not None
    assert answers_with(process.url, process.key) == 200


def test_keys_can_be_managed_while_a_server_runs(server: tuple[Process, Path]) -> None:
    process, directory = server
    done = run("keys", "create", "--json", "--data-dir", directory)
    created = json.loads(done.stdout)
    assert answers_with(process.url, created["key"]) == 200

    run("keys", "revoke", created["id"], "--data-dir", directory)

    wait_until(lambda: answers_with(process.url, created["key"]) == 401)
    assert process.popen.poll() is None


def test_the_doctor_examines_a_running_server(server: tuple[Process, Path]) -> None:
    _, directory = server

    assert "PASS  database" in run("doctor", "--data-dir", directory).stdout


def test_the_doctor_fails_where_no_server_would_start(
    server: tuple[Process, Path], tmp_path: Path
) -> None:
    _, directory = server
    another = tmp_path / "another.key"
    another.write_text(base64.b64encode(bytes(32)).decode())
    another.chmod(0o600)

    for key_file in (another, tmp_path / "none.key"):
        where = {"TIELINE_MASTER_KEY_FILE": str(key_file)}
        assert "FAIL  secrets" in run("doctor", "--data-dir", directory, code=1, **where).stdout


def test_commands_work_on_an_external_database(server: tuple[Process, Path]) -> None:
    _, directory = server
    url = EmbeddedServer(directory).url  # to whoever connects by it, a server like any other

    found = run("doctor", "--json", "--data-dir", directory, TIELINE_DATABASE_URL=url)
    report = json.loads(found.stdout)
    findings = {finding["check"]: finding for finding in report["findings"]}

    assert findings["database"]["message"].endswith("external.")
    assert findings["durability"]["message"].startswith("A durable commit")
    assert "is current" in run("migrate", TIELINE_DATABASE_URL=url).stdout


def test_a_taken_port_is_one_line_with_the_next_step(
    server: tuple[Process, Path], tmp_path: Path
) -> None:
    process, _ = server
    port = process.url.rpartition(":")[2]

    line = complaint("serve", "--port", port, "--data-dir", tmp_path / "other")

    assert f"Port {port} of 127.0.0.1 is in use" in line
    assert not (tmp_path / "other").exists()


def test_a_worker_joins_a_server_and_leaves_it(server: tuple[Process, Path]) -> None:
    process, directory = server
    worker = start("worker", "--data-dir", directory)

    assert worker.stop() == 0
    assert httpx.get(f"{process.url}/readyz").status_code == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_a_server_and_its_database(data_dir: Path, number: int) -> None:
    process = serve(data_dir, "--no-worker")

    assert process.stop(number) == 0
    assert not (data_dir / "postgres" / "postmaster.pid").exists()


def test_a_later_start_prints_no_key(data_dir: Path) -> None:
    run("keys", "create", "--data-dir", data_dir)
    process = serve(data_dir)
    process.stop()

    assert process.key is None


def test_a_given_port_is_used(data_dir: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = start("serve", "--port", str(port), "--data-dir", data_dir)
    process.stop()

    assert process.url == f"http://127.0.0.1:{port}"


# --- the quickstart


def test_the_quickstart_leads_to_an_entity(server: tuple[Process, Path]) -> None:
    process, _ = server
    page = (Path(__file__).parents[2] / "docs" / "quickstart.md").read_text("utf-8")
    integration, events, _ = map(json.loads, re.findall(r"```json\n(.*?)```", page, re.S))
    headers = {"authorization": f"Bearer {process.key}"}
    with httpx.Client(base_url=process.url, headers=headers, timeout=30) as client:
        made = client.post("/erp-integration/v2/integrations", json=integration)
        assert made.is_success, made.text
        events["integration_id"] = made.json()["id"]

        receipts = [
            client.post("/erp-integration/v3/erp/updates/events", json=events).json()["results"]
            for _ in range(2)
        ]
        assert [receipt["status"] for (receipt,) in receipts] == ["success", "skipped"]

        query = {"q": "_schema:contract AND contract_number:4711"}
        (contract,) = wait_until(
            lambda: client.post("/entity/v1/entity:search", json=query).json()["results"]
        )
        assert contract["annual_consumption"] == 2950
        assert contract["_title"] == "Contract 4711"
        (relation,) = contract["customer"]["$relation"]
        contact = client.get(f"/entity/v1/entity/contact/{relation['entity_id']}").json()
        assert contact["entity"]["customer_number"] == "1000042"

        outcomes = client.post(
            f"{INTEGRATIONS}/{events['integration_id']}/monitoring/inbound-events", json={}
        ).json()
        assert sorted(outcome["status"] for outcome in outcomes["data"]) == ["skipped", "success"]
