"""Figures, time series and filtered lists over a table of outcomes that has grown large."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from benchmarks.installation import Installation
from benchmarks.load import Connection
from tieline.database import Transaction
from tieline.database.embedded import EmbeddedServer
from tieline.database.partitions import ensure_partitions
from tieline.identity.service import DEFAULT_ORGANISATION
from tieline.monitoring.figures import InboundGroup, Interval
from tieline.monitoring.rollup_repository import COMPACTED_AT_ONCE, compact

DAYS = 30
BOUND = 300  # milliseconds
_REPEATS = 20
_PER_REQUEST = 25

# A use case in eight; nine of ten succeed; the last use case is a rare one; 25 events per request.
_FILL = f"""
INSERT INTO inbound_outcomes (
    org_id, integration_id, completed_at, event_id, sync_type, received_at, correlation_id,
    use_case_id, use_case_version, object_type, status, error_code, error_category, error_message,
    duration_ms, entities
)
SELECT
    $1, $2, at, 'e' || $5 || '-' || n, CASE WHEN n % 7 = 0 THEN 'meter_reading' ELSE 'entity' END,
    at - interval '40 ms', 'run-' || $5 || '-' || n / {_PER_REQUEST},
    md5('use case ' || kind)::uuid, 1,
    'object ' || kind, status, CASE WHEN status = 'error' THEN 'SOME_CODE' END,
    CASE WHEN status = 'error' THEN (
        ARRAY['validation', 'configuration', 'downstream_api', 'timeout', 'system'])[1 + n % 5]
    END,
    CASE WHEN status = 'error' THEN 'Something in this event was not as it has to be.' END, 4,
    CASE WHEN status <> 'error' THEN jsonb_build_array(
        jsonb_build_object('id', gen_random_uuid(), 'schema', 'contract', 'operation', 'updated')
    ) END
FROM (
    SELECT n, $3::timestamptz + n * (interval '1 day' / $4::int) AS at,
        CASE WHEN n % 100003 = 0 THEN 8 ELSE (n / 3) % 8 END AS kind,
        (ARRAY['error', 'error', 'error', 'warning', 'warning', 'skipped', 'skipped', 'skipped',
            'skipped'] || array_fill('success'::text, ARRAY[91]))[1 + (n * 37) % 100] AS status
    FROM generate_series(0, $4::int - 1) AS n
) AS made
"""

# What storing these outcomes in batches would have added to the figures.
_COUNT = """
INSERT INTO outcome_deltas (
    org_id, integration_id, minute, use_case_id, sync_type, status, error_category, object_type,
    count, last_at, correlations
)
SELECT
    org_id, integration_id, date_trunc('minute', completed_at), use_case_id, sync_type, status,
    coalesce(error_category, ''), object_type, count(*), max(completed_at),
    array_agg(DISTINCT ('x' || encode(substr(sha256(convert_to(correlation_id, 'UTF8')), 1, 8),
        'hex'))::bit(64)::bigint)
FROM inbound_outcomes
WHERE org_id = $1 AND integration_id = $2 AND completed_at >= $3
    AND completed_at < $3 + interval '1 day'
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
"""


async def grow(installation: Installation, outcomes: int) -> datetime:
    """Fill in outcomes and their roll-ups, the last one a moment ago; when the first one was."""
    connection = await asyncpg.connect(EmbeddedServer(installation.data_dir).url, timeout=60)
    await connection.execute("SET timezone = 'UTC'")
    integration_id = UUID(installation.integration_id)
    first = datetime.now(UTC) - timedelta(days=DAYS)
    begun = time.perf_counter()
    for day in range(DAYS):
        start = first + timedelta(days=day)
        await ensure_partitions(connection, start)
        place = DEFAULT_ORGANISATION, integration_id, start
        await connection.execute(_FILL, *place, outcomes // DAYS, f"{day}", timeout=3600)
        await connection.execute(_COUNT, *place, timeout=3600)
        while await compact(Transaction(connection), first) == COMPACTED_AT_ONCE:
            pass
        if day % 10 == 9:
            spent = time.perf_counter() - begun
            print(f"  {(day + 1) * (outcomes // DAYS):,} outcomes after {spent:.0f} s", flush=True)
    await connection.execute("VACUUM ANALYZE", timeout=3600)
    for table in ("inbound_outcomes", "outcome_rollups", "correlation_sketches"):
        rows, size = await connection.fetchrow(
            f"SELECT (SELECT count(*) FROM {table}), sum(pg_total_relation_size(inhrelid))::bigint "
            "FROM pg_inherits WHERE inhparent = $1::text::regclass",
            table,
            timeout=3600,
        )
        print(f"  {table}: {rows:,} rows, {size / 1e6:,.0f} MB")
    await _compare(connection, integration_id, first)
    await connection.close()
    return first


async def _compare(connection: asyncpg.Connection, integration_id: UUID, first: datetime) -> None:
    """Raises when the roll-ups do not say of some hours what the outcomes say."""
    hour = first.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    keys = "use_case_id, sync_type, status, coalesce(error_category, '') AS category, object_type"
    for number in range(0, DAYS * 24 - 24, 61):
        start = hour + timedelta(hours=number)
        raw = await connection.fetch(
            f"SELECT {keys}, count(*), max(completed_at) FROM inbound_outcomes WHERE org_id = $1 "
            "AND integration_id = $2 AND completed_at >= $3 "
            "AND completed_at < $3 + interval '1 hour' GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4",
            *(DEFAULT_ORGANISATION, integration_id, start),
        )
        rolled_up = await connection.fetch(
            f"SELECT {keys}, count, last_at FROM outcome_rollups WHERE org_id = $1 "
            "AND integration_id = $2 AND span = 60 AND bucket = $3 ORDER BY 1, 2, 3, 4",
            *(DEFAULT_ORGANISATION, integration_id, start),
        )
        if list(map(tuple, raw)) != list(map(tuple, rolled_up)):
            raise RuntimeError(f"the roll-ups of {start} differ from its outcomes")


class Client:
    """Asks the server, and prints how long the answers took."""

    def __init__(self, installation: Installation) -> None:
        self._path = f"/erp-integration/v1/integrations/{installation.integration_id}/monitoring/"
        self._connection = Connection(installation.url, installation.key)

    async def open(self) -> None:
        await self._connection.open()

    def close(self) -> None:
        self._connection.close()

    async def ask(self, name: str, operation: str, body: dict[str, Any]) -> Any:
        """The answer; its times are printed, and whether they keep the bound."""
        text = msgspec.json.encode(body)
        spent = []
        for _ in range(_REPEATS):
            begun = time.perf_counter()
            answer = await self._connection.post(self._path + operation, text)
            spent.append((time.perf_counter() - begun) * 1000)
        spent.sort()
        p50, p95 = spent[_REPEATS // 2], spent[int(_REPEATS * 0.95)]
        verdict = "" if p95 <= BOUND else f"  over {BOUND} ms"
        figure = f"p50 {p50:.1f} ms, p95 {p95:.1f} ms"
        print(f"{name:<52}{figure:>32}{verdict}", flush=True)
        return msgspec.json.decode(answer)


async def measure(installation: Installation, outcomes: int) -> None:
    """Grow the table, then ask."""
    await installation.create_integration("Statistics")
    print(f"growing to {outcomes:,} outcomes over {DAYS} days")
    await questions(installation, outcomes, await grow(installation, outcomes))


async def questions(installation: Installation, outcomes: int, first: datetime) -> None:
    """Time every grouping, every interval and some lists over what was filled in."""
    client = Client(installation)
    await client.open()
    # Neither end is the beginning of anything: minutes, hours, days and outcomes all take part.
    start = first + timedelta(hours=3, minutes=7, seconds=11)
    end = datetime.now(UTC) - timedelta(minutes=33, seconds=7)
    period = {"from_date": start.isoformat(), "to_date": end.isoformat()}
    print(f"\n{DAYS} days, {outcomes:,} outcomes, aim: {BOUND} ms")
    groupings: list[tuple[InboundGroup, ...]] = [()]
    groupings += itertools.combinations(InboundGroup, 1)
    groupings += [(InboundGroup.USE_CASE_ID, InboundGroup.STATUS), tuple(InboundGroup)]
    for fields in groupings:
        body = {**period, "inbound_group_by": fields}
        name = f"stats by {', '.join(fields) or 'nothing'}"
        answer = await client.ask(name if len(name) < 52 else "stats by all", "stats", body)
    share = answer["inbound"]["total_correlations"] / (outcomes / _PER_REQUEST)
    print(f"  estimated correlations: {share:.1%} of their number")
    for interval in Interval:
        days = timedelta(days=DAYS - 1)
        longest = min(days, 199 * interval.width)
        body = {
            "from_date": (end - longest).isoformat(),
            "to_date": end.isoformat(),
            "interval": interval,
        }
        await client.ask(f"series of {longest} by {interval}", "timeseries", body)
    for name, filters in {
        "newest": {},
        "status error": {"status": "error"},
        "a category": {"error_category": "timeout"},
        "a rare use case": {"object_type": "object 8"},
        "a rare use case that never failed": {"object_type": "object 8", "status": "warning"},
        "a correlation id": {"correlation_id": "run-3-77"},
        "an event": {"event_id": "e5-1000"},
        "an event type": {"event_type": "DELETE"},
    }.items():
        await client.ask(f"list: {name}", "inbound-events", filters)
    client.close()
