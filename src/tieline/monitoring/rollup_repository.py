"""SQL about roll-ups: moving deltas into buckets, and adding up what a stretch of time holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from tieline.database import OrgTransaction, Transaction
from tieline.database.conditions import Parameters
from tieline.monitoring.figures import MAX_GROUPS, BucketCount, Count, InboundGroup
from tieline.monitoring.models import SyncType
from tieline.monitoring.rollups import NOBODY, SKETCH_SIZE, Cover, Span, estimated_count

# Of how many deltas a single statement disposes: bounds what a pass holds in memory.
COMPACTED_AT_ONCE = 20_000

_KEYS = "use_case_id, sync_type, status, error_category, object_type"

_COMPACT = f"""
WITH taken AS MATERIALIZED (
    DELETE FROM outcome_deltas
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM outcome_deltas LIMIT {COMPACTED_AT_ONCE}))
    RETURNING *
), spread AS (
    SELECT taken.*, span, date_bin(make_interval(mins => span), minute, 'epoch') AS bucket
    FROM taken, unnest('{{{", ".join(f"{span:d}" for span in Span)}}}'::integer[]) AS span
    WHERE minute >= $1
), counted AS (
    INSERT INTO outcome_rollups AS kept (
        org_id, integration_id, span, bucket, {_KEYS}, count, last_at
    )
    SELECT org_id, integration_id, span, bucket, {_KEYS}, sum(count), max(last_at)
    FROM spread GROUP BY org_id, integration_id, span, bucket, {_KEYS}
    ON CONFLICT (org_id, integration_id, span, bucket, {_KEYS}) DO UPDATE
    SET count = kept.count + excluded.count, last_at = greatest(kept.last_at, excluded.last_at)
), sketched AS (
    INSERT INTO correlation_sketches AS kept (org_id, integration_id, span, bucket, hashes)
    SELECT org_id, integration_id, span, bucket, (array_agg(hash ORDER BY hash))[:{SKETCH_SIZE}]
    FROM (
        SELECT DISTINCT org_id, integration_id, span, bucket, hash
        FROM spread, unnest(correlations) AS hash
    ) AS hashed
    GROUP BY org_id, integration_id, span, bucket
    ON CONFLICT (org_id, integration_id, span, bucket) DO UPDATE
    SET hashes = ARRAY(
        SELECT DISTINCT hash FROM unnest(kept.hashes || excluded.hashes) AS hash
        ORDER BY hash LIMIT {SKETCH_SIZE}
    )
)
SELECT count(*) FROM taken
"""


async def compact(tx: Transaction, kept_since: datetime) -> int:
    """Move up to `COMPACTED_AT_ONCE` deltas into the buckets that they fall into; how many.

    Deltas from before `kept_since` are dropped. Only one transaction may do this at a time.
    """
    moved: int = await tx.fetchval(_COMPACT, kept_since)
    return moved


class _Statement(Parameters):
    """Parts of a statement about one integration, which is `$2`, and their arguments."""

    def rows(self, table: str, columns: str, moment: str, start: datetime, end: datetime) -> str:
        """A query for rows of a table from `start` until before `end`."""
        return (
            f"SELECT {columns} FROM {table} WHERE org_id = $1 AND integration_id = $2 "
            f"AND {moment} >= {self.bind(start)} AND {moment} < {self.bind(end)}"
        )

    def buckets(self, table: str, columns: str, covered: Cover) -> Iterable[str]:
        """Queries for the buckets of a cover."""
        for span, part in covered.buckets:
            query = self.rows(table, columns, "bucket", part.start, part.end)
            # A literal: each width has a plan of its own.
            yield f"{query} AND span = {span:d}"

    def outcomes(self, covered: Cover, condition: str) -> str:
        """A query for everything that a cover holds, counted or still to be counted."""
        keys = f"{_KEYS}, count, last_at"
        parts = list(self.buckets("outcome_rollups", f"bucket AS at, {keys}", covered))
        if covered.whole is not None:
            columns = f"minute AS at, {keys}"
            whole = covered.whole
            parts.append(self.rows("outcome_deltas", columns, "minute", whole.start, whole.end))
        raw = (
            f"completed_at AS at, coalesce(use_case_id, '{NOBODY}'), sync_type, status, "
            "coalesce(error_category, ''), object_type, 1::bigint, completed_at"
        )
        for edge in covered.edges:
            parts.append(self.rows("inbound_outcomes", raw, "completed_at", edge.start, edge.end))
        names = f"at, {_KEYS}, count, last_at"
        found = f" AND {condition} UNION ALL ".join(parts)
        return f"WITH found ({names}) AS ({found} AND {condition})"


_GROUP_COLUMNS = {
    InboundGroup.USE_CASE_ID: f"nullif(use_case_id, '{NOBODY}')",
    InboundGroup.SYNC_TYPE: "sync_type",
    InboundGroup.STATUS: "status",
    InboundGroup.ERROR_CATEGORY: "nullif(error_category, '')",
    InboundGroup.OBJECT_TYPE: "object_type",
    InboundGroup.EVENT_NAME: "object_type",
    InboundGroup.DATE: "to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
}
_NO_NOTES = f"sync_type <> '{SyncType.API_DEPRECATION}'"


async def counts_by_status(
    tx: OrgTransaction, integration_id: UUID, covered: Cover, group_by: Sequence[InboundGroup]
) -> tuple[list[Count], list[Count]]:
    """Counts of all outcomes, and the largest `MAX_GROUPS` counts by group; both by status.

    The first leaves out notes about outdated endpoints; so does the second, unless it is grouped by
    sync type.
    """
    if not covered.buckets and not covered.edges:
        return [], []
    statement = _Statement(integration_id)
    notes_too = InboundGroup.SYNC_TYPE in group_by
    source = statement.outcomes(covered, "true" if notes_too else _NO_NOTES)
    columns = [f"{_GROUP_COLUMNS[field]} AS g{n}" for n, field in enumerate(group_by)]
    groups = [f"g{n}" for n in range(len(group_by))]
    names = "".join(f"{name}, " for name in groups)
    grouping = f"GROUPING({groups[0]}) = 0" if groups else "false"
    sets = ["(status, note)"] + ([f"(status, note, {', '.join(groups)})"] if groups else [])
    rows = await tx.fetch(
        f"{source}, named AS (SELECT {', '.join(['*', f'NOT {_NO_NOTES} AS note', *columns])} "
        f"FROM found) SELECT {grouping} AS grouped, note, status, {names}"
        "sum(count)::bigint AS count, max(last_at) AS last_at FROM named "
        f"GROUP BY GROUPING SETS ({', '.join(sets)}) "
        f"ORDER BY grouped, count DESC LIMIT {MAX_GROUPS + 8:d}",
        *statement.values,
    )
    totals, grouped = [], []
    for row in rows:
        group = {field.value: row[f"g{n}"] for n, field in enumerate(group_by)}
        count = Count(row["status"], row["count"], row["last_at"], group)
        if row["grouped"]:
            grouped.append(count)
        elif not row["note"]:
            totals.append(count)
    return totals, grouped


async def counts_by_bucket(
    tx: OrgTransaction, integration_id: UUID, covered: Cover, width: timedelta
) -> list[BucketCount]:
    """Counts of outcomes by status in buckets of that width, without notes about endpoints."""
    if not covered.buckets and not covered.edges:
        return []
    statement = _Statement(integration_id)
    source = statement.outcomes(covered, _NO_NOTES)
    rows = await tx.fetch(
        f"{source} SELECT date_bin({statement.bind(width)}, at, 'epoch') AS start, status, "
        "sum(count)::bigint AS count FROM found GROUP BY 1, 2",
        *statement.values,
    )
    return [BucketCount(row["start"], row["status"], row["count"]) for row in rows]


async def count_correlations(tx: OrgTransaction, integration_id: UUID, covered: Cover) -> int:
    """How many different correlation ids there are: exact up to `SKETCH_SIZE`, then estimated."""
    statement = _Statement(integration_id)
    sketch = "unnest(hashes) AS hash"
    parts = list(statement.buckets("correlation_sketches", sketch, covered))
    if covered.whole is not None:
        whole = covered.whole
        parts.append(
            statement.rows(
                "outcome_deltas", "unnest(correlations)", "minute", whole.start, whole.end
            )
        )
    # The same as `correlation_hash`.
    hashed = (
        "('x' || encode(substr(sha256(convert_to(correlation_id, 'UTF8')), 1, 8), 'hex'))"
        "::bit(64)::bigint"
    )
    for edge in covered.edges:
        query = statement.rows("inbound_outcomes", hashed, "completed_at", edge.start, edge.end)
        parts.append(f"{query} AND correlation_id IS NOT NULL AND {_NO_NOTES}")
    if not parts:
        return 0
    row = await tx.fetchrow(
        "SELECT count(*) AS smallest, max(hash) AS largest FROM ("
        f"SELECT DISTINCT hash FROM ({' UNION ALL '.join(parts)}) AS hashes (hash) "
        f"ORDER BY hash LIMIT {SKETCH_SIZE:d}) AS smallest",
        *statement.values,
    )
    return estimated_count(row["smallest"], row["largest"] or 0) if row else 0


async def minutes_with_outcomes(
    tx: OrgTransaction,
    integration_id: UUID,
    matching: Mapping[InboundGroup, str | UUID],
    *,
    oldest: datetime,
    newest: datetime,
    wanted: int,
) -> list[datetime]:
    """Minutes in which there are matching outcomes, at least as many of them as it takes for the
    `wanted` newest ones between two moments.

    It looks at days first, then at the hours of those days, then at the minutes of those hours.
    """
    statement = _Statement(integration_id)
    conditions = " AND ".join(
        f"{_STORED_IN[field]} = {statement.bind(value)}" for field, value in matching.items()
    )
    since, until = statement.bind(oldest), statement.bind(newest)
    levels = []
    for span, wider in ((Span.DAY, None), (Span.HOUR, Span.DAY), (Span.MINUTE, Span.HOUR)):
        width = f"interval '{span:d} minutes'"
        within = (
            f"bucket > {since}::timestamptz - {width} AND bucket <= {until}"
            if wider is None
            else f"bucket >= start AND bucket < start + interval '{wider:d} minutes'"
        )
        # Of the bucket that the newest moment falls into only a part counts, maybe nothing.
        inside = (
            f"SELECT bucket, sum(CASE WHEN bucket + {width} <= {until} THEN count ELSE 0 END) "
            "AS certain FROM outcome_rollups WHERE org_id = $1 AND integration_id = $2 "
            f"AND span = {span:d} AND {within} AND {conditions} GROUP BY bucket"
        )
        # Grouped bucket by bucket: of a join the database might read the inner side as a whole.
        source = f"({inside})" if wider is None else f"{wider.name}, LATERAL ({inside})"
        levels.append(
            f"{span.name} (start) AS (SELECT bucket FROM (SELECT bucket, sum(certain) OVER ("
            "ORDER BY bucket DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS newer "
            f"FROM {source} AS inside) AS counted WHERE coalesce(newer, 0) < {wanted:d})"
        )
    rows = await tx.fetch(
        f"WITH {', '.join(levels)} SELECT start FROM MINUTE UNION "
        "SELECT minute FROM outcome_deltas WHERE org_id = $1 AND integration_id = $2 "
        f"AND minute > {since}::timestamptz - interval '1 minute' AND minute <= {until} "
        f"AND {conditions}",
        *statement.values,
    )
    return [row["start"] for row in rows]


_STORED_IN = {
    InboundGroup.USE_CASE_ID: "use_case_id",
    InboundGroup.SYNC_TYPE: "sync_type",
    InboundGroup.STATUS: "status",
    InboundGroup.ERROR_CATEGORY: "error_category",
    InboundGroup.OBJECT_TYPE: "object_type",
    InboundGroup.EVENT_NAME: "object_type",
}
