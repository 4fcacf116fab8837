"""SQL about the deliveries of an integration."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from tieline.database import OrgTransaction
from tieline.kit import json
from tieline.outbound.deliveries.models import DeliveryState
from tieline.outbound.monitoring.models import MonitoredDelivery, MonitoringQuery
from tieline.outbound.monitoring.rollups import Selection, places_with_deliveries

SHOWN_BYTES = 100_000  # of one body; a page has up to a hundred

_DERIVED = ("body", "body_bytes")
_COLUMNS = ", ".join(
    f"d.{name}" for name in MonitoredDelivery.__struct_fields__ if name not in _DERIVED
)
# A row of `deliveries` is not touched until the delivery ends: what came of its attempts so far
# stands with them.
_FOUND = f"""
SELECT {_COLUMNS}, d.round, octet_length(d.body) AS body_bytes,
    CASE WHEN octet_length(d.body) <= {SHOWN_BYTES} THEN d.body END AS body, a.*
FROM ({{page}}) AS page
JOIN deliveries d ON d.org_id = $1 AND d.created_at = page.created_at AND d.id = page.id
LEFT JOIN LATERAL (
    SELECT l.number AS last_number, l.round AS last_round, l.status_code AS last_status,
        l.error_code AS last_code, l.error AS last_error
    FROM delivery_attempts l
    WHERE l.org_id = $1 AND l.created_at = d.created_at AND l.delivery_id = d.id
        AND d.state = 'pending'
    ORDER BY l.round DESC, l.number DESC LIMIT 1
) a ON true
ORDER BY d.created_at DESC, d.id DESC
"""


async def newest_deliveries(
    tx: OrgTransaction,
    integration_id: UUID,
    event_names: Sequence[str],
    query: MonitoringQuery,
    *,
    oldest: datetime,
    newest: datetime,
    count: int,
) -> list[MonitoredDelivery]:
    """Up to `count` deliveries of an integration between two moments, newest first.

    `event_names` are the events that its use cases take.
    """
    wanted, seen = count, -1
    while True:
        selection = Selection(integration_id, event_names)
        places = await places_with_deliveries(
            tx,
            selection,
            _conditions(query, selection),
            oldest=oldest,
            newest=newest,
            wanted=wanted,
        )
        selection = Selection(integration_id, event_names)
        page = _page(query, selection, places, oldest=oldest, newest=newest, count=count)
        rows = await tx.fetch(_FOUND.format(page=page), *selection.values)
        # Some may have changed since they were counted. Then there are fewer: one has to look on.
        if len(rows) == count or len(places) == seen:
            return [_delivery(row) for row in rows]
        wanted, seen = wanted * 4, len(places)


def _conditions(query: MonitoringQuery, selection: Selection) -> list[str]:
    """What figures and deliveries are restricted to alike."""
    conditions = [f"state = ANY ({selection.bind(query.states)}::text[])"]
    if query.event_name is not None:
        conditions.append(f"event_name = {selection.bind(query.event_name)}")
    if query.webhook_id is not None:
        conditions.append(f"webhook_id = {selection.bind(query.webhook_id)}")
    return conditions


def _page(
    query: MonitoringQuery,
    selection: Selection,
    places: Sequence[tuple[datetime, str]],
    *,
    oldest: datetime,
    newest: datetime,
    count: int,
) -> str:
    """A query for the moments and ids of the deliveries that are wanted, place by place."""
    minutes = selection.bind([minute for minute, _ in places])
    names = selection.bind([name for _, name in places])
    conditions = [
        selection.STORED,
        "event_name = named AND created_at >= minute AND created_at < minute + interval '1 minute'",
        f"created_at BETWEEN {selection.bind(oldest)} AND {selection.bind(newest)}",
        *_conditions(query, selection),
    ]
    if query.cursor is not None:
        at, last = selection.bind(query.cursor.created_at), selection.bind(query.cursor.id)
        conditions.append(f"(created_at, id) < ({at}, {last})")
    order = f"ORDER BY created_at DESC, id DESC LIMIT {count:d}"
    return (
        f"SELECT found.* FROM unnest({minutes}::timestamptz[], {names}::text[]) "
        "AS place (minute, named), LATERAL (SELECT created_at, id FROM deliveries "
        f"WHERE {' AND '.join(conditions)} {order}) AS found {order}"
    )


def _delivery(row: asyncpg.Record) -> MonitoredDelivery:
    values = dict(row)
    values["metadata"] = json.loads(values["metadata"])
    if values["state"] == DeliveryState.PENDING and values["last_round"] == values["round"]:
        values["attempts"] += values["last_number"]
        values["status_code"] = values["last_status"]
        values["error_code"] = values["last_code"]
        values["reason"] = values["last_error"]
    return msgspec.convert(values, MonitoredDelivery)
