"""SQL about the figures of deliveries: moving deltas into buckets, and finding what they say.

Deliveries of an integration are those that its use cases have made, and those of events that its
outbound use cases take and that went to a webhook without any use case.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from tieline.database import OrgTransaction, Transaction
from tieline.database.conditions import Parameters
from tieline.monitoring.figures import MAX_GROUPS, BucketCount, Count, OutboundGroup
from tieline.monitoring.rollups import NOBODY, Cover, Span

# Of how many deltas a single statement disposes: bounds what a pass holds in memory.
COMPACTED_AT_ONCE = 20_000

_KEYS = "event_name, webhook_id, state"

_COMPACT = f"""
WITH taken AS MATERIALIZED (
    DELETE FROM delivery_deltas
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM delivery_deltas LIMIT {COMPACTED_AT_ONCE}))
    RETURNING *
), spread AS (
    SELECT taken.*, span, date_bin(make_interval(mins => span), minute, 'epoch') AS bucket
    FROM taken, unnest('{{{", ".join(f"{span:d}" for span in Span)}}}'::integer[]) AS span
    WHERE minute >= $1
), counted AS (
    INSERT INTO delivery_rollups AS kept (
        org_id, integration_id, span, bucket, {_KEYS}, count, last_at
    )
    SELECT org_id, integration_id, span, bucket, {_KEYS}, sum(count), max(last_at)
    FROM spread GROUP BY org_id, integration_id, span, bucket, {_KEYS} HAVING sum(count) <> 0
    ON CONFLICT (org_id, integration_id, span, bucket, {_KEYS}) DO UPDATE
    SET count = kept.count + excluded.count, last_at = greatest(kept.last_at, excluded.last_at)
)
SELECT count(*) FROM taken
"""


async def compact(tx: Transaction, kept_since: datetime) -> int:
    """Move up to `COMPACTED_AT_ONCE` deltas into the buckets that they fall into; how many.

    Deltas from before `kept_since` are dropped. Only one transaction may do this at a time.
    """
    moved: int = await tx.fetchval(_COMPACT, kept_since)
    return moved


class Selection(Parameters):
    """A statement about the deliveries of an integration, `$2`, and of the events `$3`."""

    COUNTED = (
        f"org_id = $1 AND integration_id = ANY (ARRAY[$2::uuid, '{NOBODY}'::uuid]) "
        "AND (integration_id = $2 OR event_name = ANY ($3::text[]))"
    )
    STORED = (
        "org_id = $1 "
        "AND (integration_id = $2 OR integration_id IS NULL AND event_name = ANY ($3::text[]))"
    )

    def __init__(self, integration_id: UUID, event_names: Sequence[str]) -> None:
        super().__init__(integration_id, list(event_names))

    def between(self, moment: str, start: datetime, end: datetime) -> str:
        """The condition that a moment lies in a stretch of time."""
        return f"{moment} >= {self.bind(start)} AND {moment} < {self.bind(end)}"

    def counts(self, covered: Cover, condition: str) -> str:
        """A query for all that a cover holds, counted or still to be counted."""
        columns = f"{_KEYS}, count, last_at"
        parts = [
            f"SELECT bucket AS at, {columns} FROM delivery_rollups WHERE {self.COUNTED} "
            # A literal: each width has a plan of its own.
            f"AND span = {span:d} AND {self.between('bucket', part.start, part.end)}"
            for span, part in covered.buckets
        ]
        if covered.whole is not None:
            within = self.between("minute", covered.whole.start, covered.whole.end)
            parts.append(
                f"SELECT minute, {columns} FROM delivery_deltas WHERE {self.COUNTED} AND {within}"
            )
        for edge in covered.edges:
            parts.append(
                f"SELECT created_at, {_KEYS}, 1::bigint, coalesce(ended_at, created_at) "
                f"FROM deliveries WHERE {self.STORED} "
                f"AND {self.between('created_at', edge.start, edge.end)}"
            )
        found = f" AND {condition} UNION ALL ".join(parts)
        return f"WITH found (at, {columns}) AS ({found} AND {condition})"


_STATUS = "CASE state WHEN 'cancelled' THEN 'failed' ELSE state END"
_GROUP_COLUMNS = {
    OutboundGroup.EVENT_NAME: "event_name",
    OutboundGroup.STATUS: _STATUS,
    OutboundGroup.WEBHOOK_CONFIG_ID: "webhook_id::text",
    OutboundGroup.DATE: "to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
}
_COUNTS = "state <> 'skipped'"


async def counts_by_group(
    tx: OrgTransaction,
    selection: Selection,
    covered: Cover,
    group_by: Sequence[OutboundGroup],
) -> list[Count]:
    """Counts by status and group, the largest `MAX_GROUPS` of them."""
    if not covered.buckets and not covered.edges:
        return []
    columns = "".join(f", {_GROUP_COLUMNS[field]} AS g{n}" for n, field in enumerate(group_by))
    groups = "".join(f", g{n}" for n in range(len(group_by)))
    rows = await tx.fetch(
        f"{selection.counts(covered, _COUNTS)}, named AS (SELECT {_STATUS} AS status, count, "
        f"last_at{columns} FROM found) SELECT status{groups}, sum(count)::bigint AS count, "
        f"max(last_at) AS last_at FROM named GROUP BY status{groups} HAVING sum(count) > 0 "
        f"ORDER BY count DESC LIMIT {MAX_GROUPS:d}",
        *selection.values,
    )
    return [
        Count(
            row["status"],
            row["count"],
            row["last_at"],
            {field.value: row[f"g{n}"] for n, field in enumerate(group_by)},
        )
        for row in rows
    ]


async def counts_by_bucket(
    tx: OrgTransaction, selection: Selection, covered: Cover, width: timedelta
) -> list[BucketCount]:
    """Counts by status in buckets of that width."""
    if not covered.buckets and not covered.edges:
        return []
    rows = await tx.fetch(
        f"{selection.counts(covered, _COUNTS)} "
        f"SELECT date_bin({selection.bind(width)}, at, 'epoch') AS start, {_STATUS} AS status, "
        "sum(count)::bigint AS count FROM found GROUP BY 1, 2 HAVING sum(count) > 0",
        *selection.values,
    )
    return [BucketCount(row["start"], row["status"], row["count"]) for row in rows]


async def places_with_deliveries(
    tx: OrgTransaction,
    selection: Selection,
    conditions: Sequence[str],
    *,
    oldest: datetime,
    newest: datetime,
    wanted: int,
) -> list[tuple[datetime, str]]:
    """Minutes, and events in them, of which there are matching deliveries: enough of them for the
    `wanted` newest ones between two moments.

    It looks at days first, then at the hours of those days, then at the minutes of those hours.
    """
    matching = " AND ".join([selection.COUNTED, *conditions])
    since, until = selection.bind(oldest), selection.bind(newest)
    levels = []
    for span, wider in ((Span.DAY, None), (Span.HOUR, Span.DAY), (Span.MINUTE, Span.HOUR)):
        width = f"interval '{span:d} minutes'"
        within = f"bucket > {since}::timestamptz - {width} AND bucket <= {until}"
        if wider is not None:
            within += f" AND bucket >= start AND bucket < start + interval '{wider:d} minutes'"
        # Of the bucket that the newest moment falls into only a part counts, maybe nothing.
        inside = (
            f"SELECT bucket, sum(CASE WHEN bucket + {width} <= {until} THEN count ELSE 0 END) "
            f"AS certain FROM ({_in_buckets(span, matching)}) AS counted WHERE {within} "
            "GROUP BY bucket HAVING sum(count) > 0"
        )
        # Grouped bucket by bucket: of a join the database might read the inner side as a whole.
        source = f"({inside})" if wider is None else f"{wider.name}, LATERAL ({inside})"
        levels.append(
            f"{span.name} (start) AS (SELECT bucket FROM (SELECT bucket, sum(certain) OVER ("
            "ORDER BY bucket DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS newer "
            f"FROM {source} AS inside) AS counted WHERE coalesce(newer, 0) < {wanted:d})"
        )
    rows = await tx.fetch(
        f"WITH {', '.join(levels)} SELECT start AS minute, event_name FROM MINUTE, LATERAL ("
        f"SELECT event_name FROM ({_in_buckets(Span.MINUTE, matching)}) AS counted "
        "WHERE bucket = start GROUP BY event_name HAVING sum(count) > 0) AS named",
        *selection.values,
    )
    return [(row["minute"], row["event_name"]) for row in rows]


def _in_buckets(span: Span, matching: str) -> str:
    """A query for counts in buckets of a width, those that are still to be added up included."""
    bucket = "minute" if span is Span.MINUTE else f"date_bin('{span:d} minutes', minute, 'epoch')"
    return (
        "SELECT bucket, event_name, count FROM delivery_rollups "
        f"WHERE {matching} AND span = {span:d} "
        f"UNION ALL SELECT {bucket}, event_name, count FROM delivery_deltas WHERE {matching}"
    )
