"""The job queue: PgQueuer in the same database, so that a job commits with the row it is about.

A job carries ids only. The row is the truth: a lost job is found by a sweeper, a job that runs
twice finds its work done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

from tieline.database import Transaction
from tieline.kit import json


@dataclass(frozen=True)
class Job:
    """What is to be done: an entry point and the ids that it needs."""

    name: str
    ids: Mapping[str, str]
    delay: timedelta | None = None
    # Of several jobs with one key only one waits or runs; the others are dropped.
    once: str | None = None

    @property
    def payload(self) -> bytes:
        """The ids as they stand in the queue."""
        return json.dumps(self.ids)


async def enqueue(tx: Transaction, jobs: Sequence[Job]) -> None:
    """Add jobs in the caller's transaction: they exist if and only if it commits."""
    if not jobs:
        return
    await Queries(AsyncpgDriver(tx.connection)).enqueue(
        [job.name for job in jobs],
        [job.payload for job in jobs],
        [0] * len(jobs),
        [job.delay for job in jobs],
        dedupe_key=[job.once for job in jobs],
        on_conflict="skip",
    )


def job_ids(payload: bytes | None) -> Mapping[str, Any]:
    """The ids that a job carries."""
    ids: Mapping[str, Any] = json.loads(payload or b"{}")
    return ids
