"""A page of the usual list costs the same at its beginning and far behind it."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from tieline.connectors.models import CONNECTORS
from tieline.database import Database, OrgTransaction, Transaction
from tieline.http.integration_domain.listing import read_listing
from tieline.http.integration_domain.parts import cursor_after
from tieline.identity.applications.models import APPLICATIONS
from tieline.outbound.webhooks.models import WEBHOOKS
from tieline.records.envelope import SystemCaller
from tieline.records.repository import list_records
from tieline.records.service import RecordService

ROWS = 5_000


class Explaining(OrgTransaction):
    """Keeps the plans of the statements that read rows."""

    def __init__(self, tx: OrgTransaction) -> None:
        super().__init__(tx.connection, tx.org_id)
        self.plans: list[str] = []

    async def fetch(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        plan = await super().fetch(f"EXPLAIN {sql}", *arguments)
        self.plans.append("\n".join(row[0] for row in plan))
        return await super().fetch(sql, *arguments)


@pytest.fixture(scope="module")
async def crowded(application: Any) -> str:
    """An organisation with many connectors, applications and webhooks; its id."""
    database: Database = application.services.database
    org = "crowded"
    await application.services.identity.create_key(org, name="test")
    caller = SystemCaller(org, "test")
    async with database.organisation(org) as tx:
        for table in (APPLICATIONS, CONNECTORS, WEBHOOKS):
            records = RecordService(database, table)
            fields = {"slug": "template"} if table is APPLICATIONS else {}
            template = records.new(
                caller, table.stored_id(f"{table.id_form.prefix}_{'0' * 26}"), fields
            )
            await records.insert(tx, template)
            special = {
                "id": "gen_random_uuid()",
                "slug": "'slug-' || n",
                "created_at": "created_at + n * interval '1 second'",
            }
            columns = [column.field for column in table.stored]
            values = ", ".join(special.get(name, name) for name in columns)
            await tx.execute(
                f"INSERT INTO {table.name} ({', '.join(columns)}) SELECT {values} "
                f"FROM {table.name}, generate_series(1, {ROWS}) n WHERE org_id = $1"
            )
            await Transaction(tx.connection).execute(f"ANALYZE {table.name}")
    return org


@pytest.mark.parametrize("table", [APPLICATIONS, CONNECTORS, WEBHOOKS], ids=lambda each: each.noun)
@pytest.mark.parametrize("sort", ["-created_at", "created_at"])
async def test_each_page_is_read_from_the_index(
    database: Database, crowded: str, table: Any, sort: str
) -> None:
    listing = read_listing(table, [("sort", sort)])
    async with database.organisation(crowded) as tx:
        explaining = Explaining(tx)
        first = await list_records(explaining, table, listing)
        cursor = cursor_after(table, listing, first)
        assert cursor is not None
        following = read_listing(table, [("sort", sort), ("cursor", cursor)])
        second = await list_records(explaining, table, following)

    assert first.total == second.total == ROWS + 1
    assert {each.id for each in first.records}.isdisjoint(each.id for each in second.records)
    for plan in explaining.plans:
        assert f"using {table.name}_newest" in plan, plan
        assert "Sort" not in plan, plan
    assert "ROW(created_at, id)" in explaining.plans[1]
