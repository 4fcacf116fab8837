"""What it costs to know who calls: beside the cost of accepting an event, in the same run."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from benchmarks.installation import EVENTS, Installation, start
from benchmarks.load import run_load
from tieline.app import Application
from tieline.settings import load_settings

ROUNDS = 4
CHECKS = 100_000
NEVER_REACHED = 100_000_000

Show = Callable[..., None]


async def measure(directory: Path, seconds: float, show: Show) -> None:
    """Accept events with a plain key and with a limited one in turn, then time the check alone."""
    installation = start(directory / "accepting", "--no-worker")
    try:
        plain, limited = await _accept_in_turn(installation, seconds)
    finally:
        installation.stop()
    for name, figures in (("a key", plain), ("a key with limit and expiry", limited)):
        rate = statistics.mean(rate for rate, _ in figures)
        cpu = statistics.mean(cpu for _, cpu in figures)
        show(f"accept with {name}", f"{rate:,.0f}/s", "2,500/s", f"{cpu:.0f} µs CPU per request")
    whole = statistics.mean(cpu for _, cpu in plain)
    for name, micros in (await _time_checks(directory / "checking")).items():
        show(f"check of {name}", f"{micros:.1f} µs", "5 %", f"{micros / whole:.1%} of a request")


async def _accept_in_turn(
    installation: Installation, seconds: float
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    await installation.create_integration("keys")
    answer = await installation.call(
        "/api/v1/integration/api-keys",
        msgspec.json.encode(
            {
                "name": "limited",
                "scopes": ["erp:events"],
                "rpm_limit": NEVER_REACHED,
                "expires_at": "2099-01-01T00:00:00Z",
            }
        ),
    )
    bodies = installation.requests(1)
    figures: dict[str, list[tuple[float, float]]] = {installation.key: [], answer["key"]: []}
    for _ in range(ROUNDS):
        for key, measured in figures.items():
            before = _cpu_seconds(installation.process.pid)
            load = await run_load(
                installation.url, key, EVENTS, bodies, connections=32, seconds=seconds
            )
            spent = _cpu_seconds(installation.process.pid) - before
            measured.append((load.rate, spent / load.requests * 1e6))
    return figures[installation.key], figures[answer["key"]]


def _cpu_seconds(pid: int) -> float:
    """Seconds of processor time that the server itself has used, without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _time_checks(data_dir: Path) -> dict[str, float]:
    """Microseconds to tell who calls and whether they may, for keys that were seen before."""
    settings = load_settings({}, data_dir=data_dir, log_level="error")
    application = await Application.start(settings, work=False, serve=True)
    try:
        keys = {}
        for name, more in (("a key", {}), ("a key with limit", {"rpm_limit": NEVER_REACHED})):
            _, text = await application.services.identity.create_key("default", name=name, **more)
            await _check(application, text, 1_000)
            begun = time.perf_counter()
            await _check(application, text, CHECKS)
            keys[name] = (time.perf_counter() - begun) / CHECKS * 1e6
        return keys
    finally:
        await application.stop()


async def _check(application: Application, text: str, times: int) -> None:
    identity, limiter = application.services.identity, application.services.limiter
    for turn in range(times):
        await limiter.admit(await identity.authenticate(text, "127.0.0.1"))
        if turn % 1_000 == 0:
            await asyncio.sleep(0)
