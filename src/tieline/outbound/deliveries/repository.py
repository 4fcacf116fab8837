"""SQL about deliveries that are made, taken back or begun anew. What sends them has its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tieline.database import OrgTransaction, Transaction
from tieline.kit import json
from tieline.outbound.deliveries.models import DeliveryState, NewDelivery

CHANNEL = "tieline_deliveries"  # a notification names a webhook as `<organisation>/<id>`

DeliveryRow = tuple[Any, ...]

_COLUMNS = (
    *("id", "created_at", "webhook_id", "kind", "state", "event_id", "event_name", "message_id"),
    *("entity_id", "integration_id", "use_case_id", "mapping_id", "correlation_id", "ack_id"),
    *("replay_of", "url", "http_method", "content_type", "body", "metadata", "error_code"),
    *("reason", "ended_at", "updated_at"),
)


def delivery_row(
    delivery_id: UUID, created_at: datetime, message_id: str, new: NewDelivery, now: datetime
) -> DeliveryRow:
    """The row of a delivery in the log."""
    ending = new.ending
    return (
        *(delivery_id, created_at, new.webhook_id, new.kind.value),
        (ending.state if ending else DeliveryState.PENDING).value,
        *(new.event_id, new.event_name, message_id, new.entity_id, new.integration_id),
        *(new.use_case_id, new.mapping_id, new.correlation_id, new.ack_id, new.replay_of),
        *(new.url, new.http_method, new.content_type, new.body, json.dumps_str(new.metadata)),
        ending.code if ending else None,
        ending.reason if ending else None,
        now if ending else None,
        now,
    )


async def insert_deliveries(tx: OrgTransaction, rows: Sequence[DeliveryRow]) -> None:
    """Add deliveries to the log."""
    await tx.copy("deliveries", _COLUMNS, rows)


async def keeping_order(tx: OrgTransaction, webhook_ids: Sequence[UUID]) -> frozenset[UUID]:
    """Those of the webhooks that get the deliveries about one entity one after the other."""
    rows = await tx.fetch(
        "SELECT id FROM webhooks WHERE org_id = $1 AND id = ANY($2) "
        "AND (ordered OR transport = 'pull')",
        webhook_ids,
    )
    return frozenset(row["id"] for row in rows)


async def insert_waiting(
    tx: OrgTransaction, rows: Sequence[tuple[UUID, UUID, datetime | None, UUID | None, datetime]]
) -> None:
    """Have deliveries wait to be sent: webhook, id, when made, entity for the order, when due."""
    columns = ("webhook_id", "delivery_id", "created_at", "entity_id", "due_at")
    await tx.copy("delivery_queue", columns, rows)


async def announce(tx: OrgTransaction, webhook_ids: Sequence[UUID]) -> None:
    """Have those who send look at the webhooks when the transaction has committed.

    The rows of states are only made here, never changed: a lock on one, held until a long
    transaction ends, would keep everybody from sending to the webhook.
    """
    await tx.execute(
        "WITH made AS (INSERT INTO webhook_states (org_id, webhook_id) "
        "SELECT $1::text, unnest($2::uuid[]) ON CONFLICT DO NOTHING) "
        f"SELECT pg_notify('{CHANNEL}', $1::text || '/' || id) FROM unnest($2::uuid[]) AS id",
        sorted(webhook_ids),
    )


async def lock_state(tx: OrgTransaction, webhook_id: UUID) -> None:
    """Keep others from changing what waits for a webhook until the transaction ends."""
    await tx.execute(
        "SELECT FROM webhook_states WHERE org_id = $1 AND webhook_id = $2 FOR UPDATE", webhook_id
    )


async def cancel(
    tx: OrgTransaction, webhook_id: UUID, reason: str, now: datetime, most: int
) -> int:
    """End the oldest waiting deliveries of a webhook; how many."""
    return await tx.execute(
        "WITH gone AS (DELETE FROM delivery_queue WHERE org_id = $1 AND webhook_id = $2 "
        "AND seq IN (SELECT seq FROM delivery_queue WHERE org_id = $1 AND webhook_id = $2 "
        "ORDER BY seq LIMIT $5) RETURNING delivery_id, created_at, attempt) "
        "UPDATE deliveries d SET state = 'cancelled', error_code = 'WEBHOOK_DELETED', reason = $3, "
        "attempts = d.attempts + gone.attempt, ended_at = $4, updated_at = $4 FROM gone "
        "WHERE d.org_id = $1 AND d.created_at = gone.created_at AND d.id = gone.delivery_id",
        *(webhook_id, reason, now, most),
    )


async def forget_failures(tx: OrgTransaction, webhook_id: UUID) -> None:
    """Close the circuit of a webhook, and begin to count its failures anew."""
    await tx.execute(
        "UPDATE webhook_states SET circuit = 'closed', circuit_failures = 0, "
        "circuit_opened_at = NULL, circuit_until = NULL, circuit_rounds = 0, "
        "consecutive_failures = 0, failing_since = NULL WHERE org_id = $1 AND webhook_id = $2",
        webhook_id,
    )


async def make_due(tx: OrgTransaction, webhook_id: UUID, now: datetime) -> None:
    """Have what was or is to be tried again take its place among what is due, by its age."""
    await tx.execute(
        "UPDATE delivery_queue SET due_at = least(created_at, $3) WHERE org_id = $1 "
        "AND webhook_id = $2 AND (due_at > $3 OR attempt > 0) AND leased_until IS NULL",
        *(webhook_id, now),
    )


async def count_waiting(tx: OrgTransaction, webhook_id: UUID) -> int:
    """How many deliveries wait for a webhook or are under way to it."""
    found: int = await tx.fetchval(
        "SELECT count(*) FROM delivery_queue WHERE org_id = $1 AND webhook_id = $2", webhook_id
    )
    return found


async def oldest_due(tx: Transaction, now: datetime) -> datetime | None:
    """Since when the delivery is due that could have been sent for longest.

    None when none could: those wait for no process that are under way, or whose webhook is
    disabled, paused, pulled from, or left alone because it does not answer.
    """
    found: datetime | None = await tx.fetchval(
        "SELECT min(due.at) FROM webhook_states s JOIN webhooks w ON w.org_id = s.org_id "
        "AND w.id = s.webhook_id AND NOT w.is_deleted AND w.enabled AND w.paused_at IS NULL "
        "AND w.transport = 'push' CROSS JOIN LATERAL (SELECT q.due_at AS at "
        "FROM delivery_queue q WHERE q.org_id = s.org_id AND q.webhook_id = s.webhook_id "
        "AND q.leased_until IS NULL AND NOT q.behind ORDER BY q.due_at, q.seq LIMIT 1) AS due "
        "WHERE s.circuit = 'closed' AND due.at <= $1",
        now,
    )
    return found


async def oldest_waiting(tx: Transaction) -> datetime | None:
    """When the oldest delivery was made that is not at its end."""
    found: datetime | None = await tx.fetchval("SELECT min(created_at) FROM delivery_queue")
    return found


async def revive(
    tx: OrgTransaction, deliveries: Sequence[tuple[UUID, datetime]], now: datetime
) -> list[tuple[UUID, UUID]]:
    """Put failed deliveries back among those that wait, oldest first; their ids and webhooks."""
    rows = await tx.fetch(
        "WITH revived AS (UPDATE deliveries d SET state = 'pending', round = round + 1, "
        "status_code = NULL, error_code = NULL, reason = NULL, ended_at = NULL, updated_at = $4 "
        "FROM unnest($2::uuid[], $3::timestamptz[]) AS wanted (id, created_at), webhooks w "
        "WHERE d.org_id = $1 AND d.created_at = wanted.created_at AND d.id = wanted.id "
        "AND d.state = 'failed' AND d.body IS NOT NULL "
        "AND w.org_id = $1 AND w.id = d.webhook_id AND NOT w.is_deleted "
        "RETURNING d.id, d.created_at, d.webhook_id, d.round, "
        "CASE WHEN w.ordered OR w.transport = 'pull' THEN d.entity_id END AS entity_id) "
        "INSERT INTO delivery_queue "
        "(org_id, webhook_id, delivery_id, created_at, entity_id, due_at, round) "
        "SELECT $1, webhook_id, id, created_at, entity_id, $4, round FROM revived "
        "ORDER BY created_at, id RETURNING delivery_id, webhook_id",
        [each for each, _ in deliveries],
        [moment for _, moment in deliveries],
        now,
    )
    return [(row["delivery_id"], row["webhook_id"]) for row in rows]
