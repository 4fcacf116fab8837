"""However many deliveries there are, a page of a list reads no more of them than it shows."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from webhook_making import made

from tieline.database import Database, OrgTransaction, Transaction
from tieline.http.services import Services
from tieline.kit.time import utc_now
from tieline.outbound.dead_letters import repository as dead_letters
from tieline.outbound.dead_letters.models import LetterCursor, LetterFilter, LetterStatus
from tieline.outbound.log import repository as log
from tieline.outbound.log.models import LogCursor, LogQuery, LogStatus

ROWS = 20_000
COUNT = 26
NOBODY = UUID(int=0)
ORG = "many-deliveries"

# Of one webhook nearly all is skipped, of the other nearly all succeeds; every hundredth fails.
_FILL = """
INSERT INTO deliveries (org_id, created_at, id, webhook_id, kind, state, event_id, event_name,
    message_id, http_method, content_type, body, metadata, error_code, reason, ended_at, updated_at)
SELECT $1, at, gen_random_uuid(), hook, 'event', state, 'e' || n, 'E', 'm' || n, 'POST',
    'application/json', '{}', '{}', CASE WHEN state = 'failed' THEN 'HTTP_500' END, 'r', at, at
FROM (
    SELECT n, $4::timestamptz - n * interval '1 millisecond' AS at,
        CASE WHEN n % 2 = 0 THEN $2::uuid ELSE $3::uuid END AS hook,
        CASE WHEN n % 100 < 2 THEN 'failed' WHEN n % 2 = 0 OR n > 19900 THEN 'succeeded'
            ELSE 'skipped' END AS state
    FROM generate_series(1, $5::int) n
) AS generated
"""


class Explaining(OrgTransaction):
    """Counts the rows of deliveries that statements read, whether they are shown or not."""

    def __init__(self, tx: OrgTransaction) -> None:
        super().__init__(tx.connection, tx.org_id)
        self.read = 0

    async def fetch(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        [row] = await super().fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *arguments)
        self.read += _rows(json.loads(row[0])[0]["Plan"])
        return await super().fetch(sql, *arguments)


def _rows(node: dict[str, Any]) -> int:
    """The rows that the scans of a plan have read."""
    found = sum(_rows(part) for part in node.get("Plans", ()))
    if node.get("Relation Name", "").startswith("deliver"):
        passed = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        found += int(passed * node["Actual Loops"])
    return found


@dataclass(frozen=True)
class Crowd:
    """An organisation with many deliveries."""

    sending: UUID
    skipping: UUID
    middle: datetime


Look = Callable[[OrgTransaction, Crowd], Awaitable[list[Any]]]


@pytest.fixture(scope="module")
async def crowd(application: Any) -> Crowd:
    """Twenty thousand deliveries of one day to two webhooks."""
    services: Services = application.services
    hooks = [(await made(services, ORG)).webhook.id for _ in range(2)]
    now = utc_now()
    async with services.database.organisation(ORG) as tx:
        await tx.execute(_FILL, *hooks, now, ROWS)
        await Transaction(tx.connection).execute("ANALYZE deliveries")
    return Crowd(*hooks, now - timedelta(seconds=10))


def _log(webhook: str, status: LogStatus | None = None, *, behind: bool = False) -> Look:
    async def look(tx: OrgTransaction, crowd: Crowd) -> list[Any]:
        cursor = LogCursor(crowd.middle, NOBODY) if behind else None
        query = LogQuery(status=status, cursor=cursor)
        return await log.newest_deliveries(tx, getattr(crowd, webhook), query, COUNT)

    return look


def _dead(webhook: str | None = None, *, behind: bool = False) -> Look:
    async def look(tx: OrgTransaction, crowd: Crowd) -> list[Any]:
        wanted = LetterFilter(webhook_id=getattr(crowd, webhook) if webhook else None)
        cursor = LetterCursor(crowd.middle, NOBODY) if behind else None
        return await dead_letters.newest_letters(
            tx, wanted, None, LetterStatus.OPEN, cursor=cursor, count=COUNT
        )

    return look


@pytest.mark.parametrize(
    "look",
    [
        pytest.param(_log("sending"), id="all"),
        pytest.param(_log("sending", behind=True), id="all, far behind"),
        pytest.param(_log("sending", LogStatus.FAILED), id="failed"),
        pytest.param(_log("sending", LogStatus.FAILED, behind=True), id="failed, far behind"),
        pytest.param(_log("skipping"), id="all of one that skips"),
        pytest.param(_log("skipping", LogStatus.SKIPPED), id="skipped"),
        pytest.param(_dead(), id="dead letters"),
        pytest.param(_dead(behind=True), id="dead letters, far behind"),
        pytest.param(_dead("skipping"), id="dead letters of a webhook"),
    ],
)
async def test_a_page_reads_what_it_shows(database: Database, crowd: Crowd, look: Look) -> None:
    async with database.organisation(ORG) as tx:
        explaining = Explaining(tx)
        found = await look(explaining, crowd)
    assert len(found) == COUNT
    # Two lists are merged where all states are shown.
    assert explaining.read <= 2 * COUNT + 2


async def test_the_few_that_were_sent_are_found_among_all_that_were_skipped(
    database: Database, crowd: Crowd
) -> None:
    async with database.organisation(ORG) as tx:
        explaining = Explaining(tx)
        found = await _log("skipping", LogStatus.SUCCEEDED)(explaining, crowd)
    assert len(found) == COUNT
    failed = ROWS // 100
    assert explaining.read <= failed + COUNT + 1
