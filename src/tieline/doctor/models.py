"""What an examination finds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Verdict(StrEnum):
    """How good a finding is; FAIL means that something promised is not kept."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: what it is like, and what to do unless it is fine."""

    check: str
    verdict: Verdict
    message: str
    next_step: str | None = None


def passed(check: str, message: str) -> Finding:
    """A finding that needs nothing."""
    return Finding(check, Verdict.PASS, message)


def warned(check: str, message: str, next_step: str) -> Finding:
    """A finding to look after."""
    return Finding(check, Verdict.WARN, message, next_step)


def failed(check: str, message: str, next_step: str) -> Finding:
    """A finding to act on now."""
    return Finding(check, Verdict.FAIL, message, next_step)


def describe_duration(duration: timedelta) -> str:
    """A duration in words, rounded down to its largest unit, such as `4 minutes`."""
    seconds = max(0, int(duration.total_seconds()))
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {name}" + ("s" if count > 1 else "")
    return f"{seconds} second" + ("" if seconds == 1 else "s")
