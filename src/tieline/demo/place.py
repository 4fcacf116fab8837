"""Where the demo lives: a data directory of its own, recreated each time, never anybody else's."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import socket
from pathlib import Path

from tieline.kit.errors import TielineError
from tieline.settings import Settings

DEFAULT_DIRECTORY = Path(".tieline") / "demo"
MARKER = "tieline-demo"
_MARKER_TEXT = "This directory belongs to `tieline demo`, which deletes and recreates it.\n"


class DemoPlaceTaken(TielineError):
    """The demo needs an empty directory and a free port. Name others with --data-dir and --port."""

    code = "DEMO_PLACE_TAKEN"
    http_status = 409


def demo_settings(settings: Settings) -> Settings:
    """The settings with a directory and a port for the demo, on an embedded database always.

    A directory or a port that was asked for is kept. Without, the directory is `.tieline/demo`
    below the current one, and a port that is in use gives way to a free one. Raises
    `DemoPlaceTaken` when the port that was asked for is in use.
    """
    chosen = settings.model_fields_set
    directory = settings.data_dir if "data_dir" in chosen else DEFAULT_DIRECTORY
    port = settings.port
    if port and not _is_free(settings.host, port):
        if "port" in chosen:
            raise DemoPlaceTaken(
                f"Port {port} on {settings.host} is in use. Name another with --port, or --port 0."
            )
        port = 0
    # Its secrets go with its directory: no other place may hold them or their key.
    secrets = {"secret_backend": "table", "master_key": None, "master_key_file": None}
    changes = {"data_dir": directory.absolute(), "port": port, "database_url": None, **secrets}
    return settings.model_copy(update=changes)


def prepare(directory: Path) -> None:
    """An empty directory marked as the demo's; an older demo in it is deleted.

    Raises `DemoPlaceTaken` when it holds anything but an older demo, or a demo that still runs.
    """
    if directory.exists():
        if not directory.is_dir():
            raise DemoPlaceTaken(f"{directory} is no directory. Name another with --data-dir.")
        if any(directory.iterdir()):
            _require_an_older_demo(directory)
            shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / MARKER).write_text(_MARKER_TEXT)


def _require_an_older_demo(directory: Path) -> None:
    if not (directory / MARKER).is_file():
        raise DemoPlaceTaken(
            f"{directory} holds something that is no demo, and the demo starts with an empty "
            "directory. Name another with --data-dir; nothing was changed."
        )
    lock_file = directory / "clients.lock"
    with contextlib.suppress(FileNotFoundError), lock_file.open() as lock:
        try:
            # Every process that uses the directory's database holds this lock while it lives.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoPlaceTaken(
                f"A demo is still running in {directory}. Stop it, or name another directory "
                "with --data-dir."
            ) from None


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
