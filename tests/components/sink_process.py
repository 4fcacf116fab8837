"""A sink in a process of its own, as a test holds it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class SinkProcess:
    """`python -m tests.components`, running."""

    url: str
    pid: int

    def requests(self) -> list[dict[str, Any]]:
        """What it was sent, without the bodies."""
        found: list[dict[str, Any]] = self._ask("GET", "requests").json()
        return found

    def counts(self) -> dict[str, int]:
        """How many requests there were for each `webhook-id`."""
        found: dict[str, int] = self._ask("GET", "counts").json()
        return found

    def clear(self) -> None:
        """Have it forget what it was sent."""
        self._ask("POST", "clear")

    def _ask(self, method: str, what: str) -> httpx.Response:
        return httpx.request(method, f"{self.url}/_sink/{what}", timeout=60).raise_for_status()


@contextlib.contextmanager
def sink_process(*options: str) -> Iterator[SinkProcess]:
    """Start one with these options; it ends with the block, and with this process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.components", *options],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield SinkProcess(process.stdout.readline().strip(), process.pid)
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
