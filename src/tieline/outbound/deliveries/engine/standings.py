"""SQL about how webhooks stand. A standing is locked before anything else about its webhook."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from uuid import UUID

import asyncpg

from tieline.database import OrgTransaction, Transaction
from tieline.kit import json
from tieline.outbound.deliveries.circuit import Circuit, Position
from tieline.outbound.deliveries.engine.models import Key, Standing
from tieline.outbound.deliveries.rates import Bucket
from tieline.outbound.deliveries.retry import RetryPolicy
from tieline.outbound.deliveries.streaks import UNBROKEN, Streak

_STANDINGS = """
SELECT s.*, w.id IS NOT NULL AS exists, w.ordered, w.max_concurrency, w.rate_limit_per_second,
    w.retry_policy::text AS retry_policy,
    coalesce(w.enabled AND w.paused_at IS NULL AND w.transport = 'push'
        AND w.direction = 'outbound', false) AS sends
FROM unnest($1::text[], $2::uuid[]) AS k (org_id, webhook_id)
JOIN webhook_states s ON s.org_id = k.org_id AND s.webhook_id = k.webhook_id
LEFT JOIN webhooks w ON w.org_id = s.org_id AND w.id = s.webhook_id AND NOT w.is_deleted
ORDER BY s.org_id, s.webhook_id
FOR UPDATE OF s
"""
_SAVED = """
UPDATE webhook_states s SET circuit = n.circuit, circuit_failures = n.circuit_failures,
    circuit_opened_at = n.opened_at, circuit_until = n.until, circuit_rounds = n.rounds,
    consecutive_failures = n.failures, failing_since = n.since, tokens = n.tokens,
    tokens_at = n.tokens_at
FROM unnest($1::text[], $2::uuid[], $3::text[], $4::int[], $5::timestamptz[], $6::timestamptz[],
    $7::int[], $8::int[], $9::timestamptz[], $10::float8[], $11::timestamptz[])
    AS n (org_id, webhook_id, circuit, circuit_failures, opened_at, until, rounds, failures, since,
        tokens, tokens_at)
WHERE s.org_id = n.org_id AND s.webhook_id = n.webhook_id
"""


async def by_indexes(tx: Transaction) -> None:
    """Have the statements of this transaction go by indexes, whatever the planner expects.

    The queue is empty at one moment and has a million rows at the next. A plan that was made when
    it was empty reads all of it, and stays in use until somebody gathers statistics.
    """
    await tx.execute(
        "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; "
        "SET LOCAL enable_mergejoin = off"
    )


async def lock_standings(
    tx: Transaction, keys: Collection[Key], *, wait: bool = False
) -> dict[Key, Standing]:
    """How the webhooks stand, each locked until the transaction ends.

    Left out is whom somebody else has locked, unless one wants to wait for that; but whoever holds
    a lock already must never wait for another.
    """
    sql = _STANDINGS if wait else f"{_STANDINGS} SKIP LOCKED"
    rows = await tx.fetch(sql, [key.org_id for key in keys], [key.webhook_id for key in keys])
    found = map(_standing, rows)
    return {standing.key: standing for standing in found}


async def find_streak(tx: OrgTransaction, webhook_id: UUID) -> Streak:
    """How long a webhook has been failing."""
    row = await tx.fetchrow(
        "SELECT consecutive_failures, failing_since FROM webhook_states "
        "WHERE org_id = $1 AND webhook_id = $2",
        webhook_id,
    )
    return Streak(*row) if row else UNBROKEN


async def save_standings(tx: Transaction, standings: Sequence[Standing]) -> None:
    """Store circuits, streaks and buckets of webhooks that are locked."""
    if standings:
        await tx.execute(_SAVED, *zip(*map(_row, standings), strict=True))


def _row(standing: Standing) -> tuple[object, ...]:
    circuit, streak, bucket = standing.circuit, standing.streak, standing.bucket
    return (
        *(*standing.key, circuit.position.value, circuit.failures, circuit.opened_at),
        *(circuit.until, circuit.rounds, streak.failures, streak.since, bucket.tokens, bucket.at),
    )


def _standing(row: asyncpg.Record) -> Standing:
    standing = Standing(
        key=Key(row["org_id"], row["webhook_id"]),
        circuit=Circuit(
            Position(row["circuit"]),
            row["circuit_failures"],
            row["circuit_opened_at"],
            row["circuit_until"],
            row["circuit_rounds"],
        ),
        streak=Streak(row["consecutive_failures"], row["failing_since"]),
        bucket=Bucket(row["tokens"], row["tokens_at"]),
        exists=row["exists"],
        sends=row["sends"],
    )
    if standing.exists:
        standing.ordered = row["ordered"]
        standing.max_concurrency = row["max_concurrency"]
        standing.rate = row["rate_limit_per_second"]
        standing.policy = _policy(row["retry_policy"])
    return standing


@lru_cache(maxsize=1_000)
def _policy(document: str) -> RetryPolicy:
    return RetryPolicy.of(json.loads(document))
