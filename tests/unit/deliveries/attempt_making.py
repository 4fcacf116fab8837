"""Leases, attempts and standings for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tieline.kit.ids import new_uuid
from tieline.outbound.deliveries.circuit import CLOSED
from tieline.outbound.deliveries.engine.models import Attempt, Exchange, Key, Lease, Standing
from tieline.outbound.deliveries.rates import Bucket
from tieline.outbound.deliveries.streaks import UNBROKEN
from tieline.outbound.deliveries.verdicts import SUCCESS, Verdict, of_status

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)
KEY = Key("org-1", UUID("01a00000-0000-7000-8000-000000000001"))
HOLDER = UUID("01a00000-0000-7000-8000-00000000000f")


def lease(key: Key = KEY, **fields: Any) -> Lease:
    whole: dict[str, Any] = {
        "key": key,
        "seq": 1,
        "delivery_id": new_uuid(),
        "created_at": NOW,
        "round": 1,
        "attempt": 1,
        "holder": HOLDER,
        "leased_at": NOW,
        **fields,
    }
    return Lease(**whole)


def ended(verdict: Verdict | int = SUCCESS, key: Key = KEY, **fields: Any) -> Attempt:
    """An attempt that ended like this; a number stands for an answer with that status."""
    status = verdict if isinstance(verdict, int) else None
    more = {name: fields.pop(name) for name in ("retry_after", "ended_at") if name in fields}
    return Attempt(
        lease=lease(key, **fields),
        verdict=of_status(verdict) if isinstance(verdict, int) else verdict,
        started_at=NOW,
        exchange=Exchange(status_code=status),
        **{"ended_at": NOW + timedelta(seconds=1), **more},
    )


def standing(key: Key = KEY, **fields: Any) -> Standing:
    whole: dict[str, Any] = {
        "key": key,
        "circuit": CLOSED,
        "streak": UNBROKEN,
        "bucket": Bucket(),
        "max_concurrency": 10,
        **fields,
    }
    return Standing(**whole)
