"""SQL that shows in the record of a webhook how it fares.

Records that somebody else is changing are left alone: he may be waiting for what we hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from tieline.database import Transaction
from tieline.outbound.deliveries.engine.models import Key

_SHOWN = """
UPDATE webhooks w SET last_delivery_at = n.at, last_delivery_status = n.status,
    consecutive_failures = n.failures
FROM (
    SELECT h.* FROM unnest($1::text[], $2::uuid[], $3::timestamptz[], $4::text[], $5::bigint[])
        AS h (org_id, webhook_id, at, status, failures)
    JOIN webhooks l ON l.org_id = h.org_id AND l.id = h.webhook_id
    FOR UPDATE OF l SKIP LOCKED
) n
WHERE w.org_id = n.org_id AND w.id = n.webhook_id
RETURNING w.org_id, w.id
"""


class Health(NamedTuple):
    """How a webhook fares: the last attempt, and how many have failed since the last success."""

    at: datetime
    status: str
    failures: int


async def show_health(tx: Transaction, health: Sequence[tuple[Key, Health]]) -> set[Key]:
    """Put it into the records; those for which that could be done."""
    if not health:
        return set()
    rows = await tx.fetch(_SHOWN, *zip(*[(*key, *each) for key, each in health], strict=True))
    return {Key(row["org_id"], row["id"]) for row in rows}
