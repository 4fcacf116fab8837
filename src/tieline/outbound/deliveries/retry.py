"""When a delivery that failed is tried again. Nothing here reads a clock or throws dice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

SCHEDULE = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
LONGEST_RETRY_AFTER = timedelta(hours=24)
# How much longer a wait may be: what failed together shall not come back together.
_JITTER = 0.1


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a delivery is tried, how long to wait in between, and how long one try may take.

    Beyond the last of `delays` that one repeats.
    """

    max_attempts: int = 10
    timeout: timedelta = timedelta(seconds=30)
    delays: tuple[timedelta, ...] = SCHEDULE

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> RetryPolicy:
        """The policy as a webhook has it; what it leaves out has its default."""
        delays = document.get("delaysSeconds")
        return cls(
            max_attempts=int(document.get("maxAttempts", 10)),
            timeout=timedelta(milliseconds=float(document.get("timeoutMs", 30_000))),
            delays=tuple(timedelta(seconds=float(each)) for each in delays) if delays else SCHEDULE,
        )


def next_attempt(
    policy: RetryPolicy,
    attempt: int,
    now: datetime,
    *,
    chance: float,
    retry_after: timedelta | None = None,
) -> datetime | None:
    """When to try again after attempt number `attempt` (the first is 1) failed; None for never.

    `chance` is between 0 and 1. The wait is that of the policy, or the one that the receiver asked
    for if that is longer, up to a day; and up to a tenth more by chance.
    """
    if attempt >= policy.max_attempts:
        return None
    wait = policy.delays[min(attempt, len(policy.delays)) - 1]
    if retry_after is not None:
        wait = max(wait, min(retry_after, LONGEST_RETRY_AFTER))
    return now + wait * (1 + _JITTER * chance)


def parse_retry_after(value: str | None, now: datetime) -> timedelta | None:
    """How long the header Retry-After asks to wait, in seconds or up to a date.

    None without the header or when it cannot be read.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:12]), 10**9))
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter for a date of thirty digits
        return None
    wait = (until if until.tzinfo else until.replace(tzinfo=UTC)) - now
    return max(wait, timedelta())
