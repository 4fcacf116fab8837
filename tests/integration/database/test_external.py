"""An external PostgreSQL over TCP with a password instead of the embedded one."""

from __future__ import annotations

import socket
import subprocess
import sys

import httpx
import pytest
from tests.conftest import start_server, stop_server

from tieline.database.embedded import EmbeddedServer

PASSWORD = "pass word/with:odd@characters"
QUOTED = "pass%20word%2Fwith%3Aodd%40characters"


class ExternalServer(EmbeddedServer):
    """The same binaries as a server of its own: on TCP, and it wants a password."""

    def _prepare(self) -> None:
        super()._prepare()
        (self.cluster / "pg_hba.conf").write_text(
            "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        )
        settings = self.cluster / "postgresql.conf"
        settings.write_text(
            settings.read_text() + f"listen_addresses = '127.0.0.1'\nport = {self.port}\n"
        )


@pytest.fixture(scope="module")
def database_url(tmp_path_factory):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    server = ExternalServer(tmp_path_factory.mktemp("external") / "data", port)
    server.acquire()
    psql = ("psql", "-XAtq", "-d", "postgres", *server._connection_arguments(), "-c")
    server._run(*psql, f"CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'")
    server._run(*psql, "CREATE DATABASE app OWNER app")
    yield f"postgresql://app:{QUOTED}@127.0.0.1:{port}/app"
    server.release()


def test_a_server_on_an_external_database_applies_events(database_url, tmp_path):
    server, _ = start_server(tmp_path / "data", TIELINE_DATABASE_URL=database_url)
    try:
        with httpx.Client(
            base_url=server.url, headers={"authorization": f"Bearer {server.key}"}
        ) as client:
            assert client.get("/readyz").json() == {"status": "ok"}
            entity = client.post("/entity/v1/entity/contact", json={"name": "Müller"})
            assert entity.status_code == 201
        assert not (tmp_path / "data" / "postgres").exists()
    finally:
        assert stop_server(server) == 0


def test_a_wrong_password_is_one_clear_line_without_the_password(database_url, tmp_path):
    wrong = database_url.replace(QUOTED, "guessed-secret")
    done = subprocess.run(
        [sys.executable, "-m", "tieline", "migrate", "--data-dir", str(tmp_path)],
        env={"TIELINE_DATABASE_URL": wrong, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "TIELINE_DATABASE_URL" in done.stderr
    assert "guessed-secret" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_is_not_there_is_one_clear_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tieline", "migrate", "--data-dir", str(tmp_path)],
        env={"TIELINE_DATABASE_URL": "postgresql://x@127.0.0.1:1/x", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "TIELINE_DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr
