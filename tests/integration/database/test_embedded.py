"""The embedded server: shared, supervised, and gone with the last who uses it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from tieline.database.embedded import EmbeddedServer
from tieline.database.errors import EmbeddedServerFailed


@pytest.fixture
def server(tmp_path):
    started = EmbeddedServer(tmp_path / "data")
    started.acquire()
    yield started
    started.release()


async def ask(server, query="SELECT 1"):
    connection = await asyncpg.connect(server.url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def postmaster(server):
    return int((server.cluster / "postmaster.pid").read_text().split()[0])


async def test_it_starts_on_an_empty_directory(server):
    assert await ask(server) == 1
    assert await ask(server, "SHOW synchronous_commit") == "on"
    assert await ask(server, "SHOW fsync") == "on"
    assert await ask(server, "SHOW listen_addresses") == ""


async def test_a_killed_server_comes_back_with_its_data(server):
    connection = await asyncpg.connect(server.url)
    await connection.execute("CREATE TABLE kept (n int)")
    await connection.execute("INSERT INTO kept VALUES (7)")
    os.kill(postmaster(server), signal.SIGKILL)
    server.ensure_running()
    assert await ask(server, "SELECT n FROM kept") == 7


async def test_several_processes_share_one_server_until_the_last_leaves(tmp_path):
    first, second = EmbeddedServer(tmp_path / "data"), EmbeddedServer(tmp_path / "data")
    first.acquire()
    second.acquire()
    pid = postmaster(first)
    first.release()
    assert await ask(second) == 1
    assert postmaster(second) == pid
    second.release()
    assert not (second.cluster / "postmaster.pid").exists()


async def test_it_outlives_the_process_that_started_it(tmp_path):
    data_dir = tmp_path / "data"
    code = (
        "import os, signal, sys; from pathlib import Path;"
        "from tieline.database.embedded import EmbeddedServer;"
        "EmbeddedServer(Path(sys.argv[1])).acquire(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(data_dir)], check=False)
    server = EmbeddedServer(data_dir)
    server.acquire()
    assert await ask(server) == 1
    server.release()
    assert not (server.cluster / "postmaster.pid").exists()


async def test_a_directory_left_by_an_interrupted_initdb_is_made_anew(tmp_path):
    data_dir = tmp_path / "data"
    (data_dir / "postgres" / "global").mkdir(parents=True)
    (data_dir / "postgres" / "PG_VERSION").write_text("18\n")
    server = EmbeddedServer(data_dir)
    server.acquire()
    assert await ask(server) == 1
    server.release()


async def test_a_long_path_still_gets_a_socket(tmp_path):
    data_dir = tmp_path / ("long-" * 20) / "data"
    server = EmbeddedServer(data_dir)
    server.acquire()
    assert await ask(server) == 1
    server.release()


def test_a_server_that_cannot_start_says_what_its_log_says(tmp_path, monkeypatch):
    server = EmbeddedServer(tmp_path / "data")
    monkeypatch.setattr("tieline.database.embedded._CONFIGURATION", "no_such_parameter = 1\n")
    monkeypatch.setattr("tieline.database.embedded._START_SECONDS", 1)
    with pytest.raises(EmbeddedServerFailed, match="no_such_parameter"):
        server.acquire()


def test_releasing_twice_is_harmless(tmp_path):
    server = EmbeddedServer(tmp_path / "data")
    server.acquire()
    server.release()
    server.release()
    assert isinstance(server.log_file, Path)


@pytest.mark.parametrize("name", ["it's", "a,b", "c\\d", "e+f&g#h%20", "sp ace", "Größe", 'q"q'])
async def test_any_directory_name_will_do(tmp_path, name):
    server = EmbeddedServer(tmp_path / name)
    server.acquire()
    assert await ask(server) == 1
    socket_dir = server.socket_dir
    server.release()
    assert socket_dir.parent == server.data_dir or not socket_dir.exists()


def test_a_socket_directory_of_somebody_else_is_refused(tmp_path, monkeypatch):
    server = EmbeddedServer(tmp_path / "it's")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    (tmp_path / "stranger").mkdir()
    server.data_dir.mkdir()
    server.socket_dir.symlink_to(tmp_path / "stranger")
    with pytest.raises(EmbeddedServerFailed, match="somebody else"):
        server.acquire()
