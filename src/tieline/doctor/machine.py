"""The machine: room on the disk, and how long it takes to make bytes durable."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from tieline.doctor.models import Finding, failed, passed, warned

_ROUNDS = 25
_PAGE = b"\0" * 8192
_SLOW_SECONDS = 0.010
# No disk answers in this time: either the directory is in memory, or flushes are not real.
_IMPLAUSIBLE_SECONDS = 0.000_01
_LITTLE_BYTES = 2 << 30
_FULL_BYTES = 256 << 20


def check_disk(data_dir: Path) -> Finding:
    """Whether the file system of the data directory has room."""
    return judge_free_space(shutil.disk_usage(data_dir).free, data_dir)


def judge_free_space(free: int, data_dir: Path) -> Finding:
    """The finding for a number of free bytes."""
    message = f"{free / (1 << 30):.1f} GiB free in {data_dir}."
    next_step = "Make room, or shorten the TIELINE_*_RETENTION_DAYS settings."
    if free < _FULL_BYTES:
        return failed("disk", message, next_step)
    if free < _LITTLE_BYTES:
        return warned("disk", message, next_step)
    return passed("disk", message)


def check_flush(data_dir: Path) -> Finding:
    """How long it takes to make bytes durable in the data directory, if that is possible."""
    try:
        seconds = measure_fsync(data_dir)
    except OSError as error:
        return failed(
            "durability",
            f"Nothing can be written in {data_dir} ({error.strerror}).",
            "Let the account that runs Tieline write there, or name another --data-dir.",
        )
    return judge_flush(seconds, "A flush to the disk of the data directory")


def measure_fsync(directory: Path) -> float:
    """The median seconds that it takes to write 8 kB and make them durable."""
    durations = []
    with tempfile.NamedTemporaryFile(dir=directory, prefix="doctor-") as file:
        for _ in range(_ROUNDS):
            started = time.perf_counter()
            os.pwrite(file.fileno(), _PAGE, 0)
            os.fsync(file.fileno())
            durations.append(time.perf_counter() - started)
    return statistics.median(durations)


def judge_flush(seconds: float, subject: str) -> Finding:
    """The finding for the time of one durable write; `subject` says what was measured."""
    message = f"{subject} takes {seconds * 1000:.2f} ms."
    if seconds < _IMPLAUSIBLE_SECONDS:
        return warned(
            "durability",
            f"{message} No disk is that fast.",
            "Put the data directory on a disk: what is in memory does not survive a power cut.",
        )
    if seconds > _SLOW_SECONDS:
        return warned(
            "durability",
            f"{message} Each accepted request waits for one.",
            "Use a faster disk, or send more events per request.",
        )
    return passed("durability", message)
