"""`tieline secrets`, and starts with and without the right master key, as an operator sees them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest
from tests.conftest import LiveServer, start_server, stop_server

from tieline.database.embedded import EmbeddedServer

TIELINE = Path(sys.executable).parent / "tieline"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TIELINE_")}
VARIABLES = "/environments/v1/environments"
SECRETS = 60


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
    assert done.returncode == code, done.stderr + done.stdout
    return done


def put(server: LiveServer, key: str, value: str) -> None:
    answer = httpx.put(
        f"{server.url}{VARIABLES}/{key}",
        headers={"authorization": f"Bearer {server.key}"},
        json={"type": "SecretString", "value": value},
    )
    assert answer.status_code in (200, 201), answer.text


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    """A server on an empty data directory."""
    started, _ = start_server(tmp_path / "data")
    yield started
    if started.process.poll() is None:
        stop_server(started)


@asynccontextmanager
async def connected(data_dir: Path) -> AsyncIterator[asyncpg.Connection]:
    """The server's database, as its administrator sees it."""
    connection = await asyncpg.connect(EmbeddedServer(data_dir).url)
    try:
        yield connection
    finally:
        await connection.close()


def test_a_first_start_makes_a_master_key_for_its_owner_only(server: LiveServer) -> None:
    file = server.data_dir / "master.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    shown = run("secrets", "status", "--data-dir", server.data_dir).stdout

    assert f"The master key in {file} opens the data keys." in shown
    assert file.read_text().strip() not in shown


def test_a_start_without_the_right_master_key_says_what_to_do(
    server: LiveServer, tmp_path: Path
) -> None:
    put(server, "token", "hush")
    stop_server(server)
    key = server.data_dir / "master.key"
    kept = key.read_text()
    other = tmp_path / "other.key"
    other.write_text("A" * 43 + "=\n")
    where = ("--data-dir", server.data_dir)

    for command in (("serve", "--port", "0"), ("worker",), ("secrets", "rotate")):
        wrong = run(*command, *where, code=2, TIELINE_MASTER_KEY_FILE=str(other))
        assert wrong.stdout == ""
        (line,) = [x for x in wrong.stderr.splitlines() if x.startswith("tieline: ")]
        assert f"The master key in {other} is not the one" in line
        assert "Nothing was changed." in line
        assert "Traceback" not in wrong.stderr

    key.unlink()
    missing = run("serve", "--port", "0", *where, code=2).stderr
    assert "there is no master key" in missing
    assert "Restore that file from a backup" in missing
    assert not key.exists()
    shown = json.loads(run("secrets", "status", "--json", *where, code=1).stdout)
    assert (shown["master_key"], shown["master_key_fits"]) == (None, False)

    key.write_text(kept)
    again, _ = start_server(server.data_dir)
    assert stop_server(again) == 0


def test_keys_are_rotated_while_the_server_runs(server: LiveServer) -> None:
    where = ("--data-dir", server.data_dir)
    put(server, "token", "hush")

    assert "Sealed " in run("secrets", "rotate", *where).stdout
    put(server, "other", "hush")

    (key,) = json.loads(run("secrets", "status", "--json", *where).stdout)["data_keys"]
    assert key["version"] == 2
    assert key["secrets"] >= 2


def test_a_new_master_key_is_made_and_named_for_the_next_start(
    server: LiveServer, tmp_path: Path
) -> None:
    where = ("--data-dir", server.data_dir)
    put(server, "token", "hush")
    new = tmp_path / "new.key"

    first = run("secrets", "rotate", "--new-master-key-file", new, *where).stdout
    put(server, "while-running", "hush")
    # Whoever was interrupted before reading that runs it again.
    second = run("secrets", "rotate", "--new-master-key-file", new, *where).stdout

    assert first == second
    assert f"Set TIELINE_MASTER_KEY_FILE={new} before the next start" in first
    assert stat.S_IMODE(new.stat().st_mode) == 0o600
    stop_server(server)
    assert "is not the one" in run("serve", "--port", "0", *where, code=2).stderr
    restarted, _ = start_server(server.data_dir, TIELINE_MASTER_KEY_FILE=str(new))
    stop_server(restarted)


async def test_a_rotation_that_is_killed_in_the_middle_is_done_by_the_next(
    server: LiveServer,
) -> None:
    where = ("--data-dir", server.data_dir)
    for number in range(SECRETS):
        put(server, f"key-{number}", f"hush {number}")
    moved = "SELECT count(*) FROM secrets WHERE key_version = 2 AND path LIKE 'environments/key-%'"
    async with connected(server.data_dir) as connection:
        # One secret is being changed for as long as this lasts, so the rotation cannot finish.
        async with connection.transaction():
            await connection.execute(
                "SELECT 1 FROM secrets WHERE path = 'environments/key-7' FOR UPDATE"
            )
            process = subprocess.Popen([TIELINE, "secrets", "rotate", *where], env=ENVIRONMENT)
            while await connection.fetchval(moved) < SECRETS - 1:
                assert process.poll() is None
                await asyncio.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            assert process.wait(20) == -signal.SIGKILL
        assert await connection.fetchval(moved) == SECRETS - 1
        put(server, "key-8", "changed meanwhile")

        told = run("secrets", "rotate", *where).stdout

        versions = await connection.fetch("SELECT DISTINCT key_version FROM secrets")
        keys = await connection.fetch("SELECT version FROM secret_keys")
    assert "with data key 3. Older data keys deleted: 1, 2." in told
    assert [row["key_version"] for row in versions] == [3]
    assert [row["version"] for row in keys] == [3]


def test_a_vault_has_nothing_to_rotate(tmp_path: Path) -> None:
    complaint = run(
        "secrets",
        "rotate",
        "--data-dir",
        tmp_path,
        code=2,
        TIELINE_SECRET_BACKEND="vault",
    ).stderr

    assert "TIELINE_SECRET_BACKEND" in complaint


def test_a_vault_without_an_address_stops_the_start(tmp_path: Path) -> None:
    complaint = run(
        "serve", "--port", "0", "--data-dir", tmp_path, code=2, TIELINE_SECRET_BACKEND="vault"
    ).stderr

    assert "TIELINE_VAULT_URL: name the address of the vault." in complaint
