"""Many events become deliveries by as few statements as few of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
from tests.integration.outbound.webhook_making import made

from tieline.catalogue.models import Event
from tieline.database import OrgTransaction
from tieline.entities.changes.models import Change, ChangeKind, EntityChange
from tieline.http.services import Services
from tieline.integrations.models import UseCaseChange, UseCaseType
from tieline.kit.ids import new_ulid, new_uuid
from tieline.outbound.publishing.publisher import Publisher

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)


class Counting(OrgTransaction):
    """Counts the statements that go through it."""

    statements = 0

    async def fetch(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        self.statements += 1
        return await super().fetch(sql, *arguments)

    async def execute(self, sql: str, *arguments: Any) -> int:
        self.statements += 1
        return await super().execute(sql, *arguments)

    async def copy(
        self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
    ) -> None:
        self.statements += 1
        await super().copy(table, columns, rows)


def events(org: str, count: int) -> list[Event]:
    target = str(new_uuid())
    some = []
    for number in range(count):
        entity_id = new_uuid()
        relation = {"$relation": [{"entity_id": target}]}
        after = {"_id": str(entity_id), "_schema": "contract", "number": number, "to": relation}
        change = Change(number, ChangeKind.CREATED, "contract", entity_id, 1, new_ulid(), NOW)
        some.append(
            Event(
                org_id=org,
                id=new_ulid(),
                name="E",
                version="1",
                time=NOW,
                source="entity",
                trigger_source_type="operation",
                trigger_source="a",
                ack_id=new_ulid(),
                entity_id=entity_id,
                change=EntityChange(change, after, None),
            )
        )
    return some


async def test_many_events_cost_as_few_statements_as_few(services: Services, org: str) -> None:
    payload = {"hydrate_entity": True, "include_activity": True}
    webhook = (
        await made(services, org, payload_configuration=payload, event_types=["nobody"])
    ).webhook
    delivery = {"type": "webhook", "webhook_id": str(webhook.id)}
    mapping = {"name": "m", "jsonata_expression": "$", "enabled": True, "delivery": delivery}
    configuration = {"event_catalog_event": "E", "mappings": [mapping]}
    use_case = UseCaseChange(
        type=UseCaseType.OUTBOUND, name="Out", enabled=True, configuration=configuration
    )
    await services.integrations.create_integration(org, {"name": "SAP"}, [use_case])
    publisher = Publisher(
        services.mapper, services.integrations.outbound, services.webhook_directory
    )

    async def cost(count: int) -> tuple[int, int]:
        async with services.database.organisation(org) as tx:
            counting = Counting(tx.connection, org)
            await publisher.publish(counting, events(org, count))
            stored = await tx.fetchval(
                "SELECT count(*) FROM awaited_acknowledgements WHERE org_id = $1"
            )
            return counting.statements, stored

    await cost(1)
    few, stored = await cost(2)
    many, stored_then = await cost(300)

    assert many == few
    assert many < 15
    assert stored_then - stored == 300


async def test_a_use_case_that_another_process_changes_is_heard_of(
    services: Services, org: str
) -> None:
    webhook = (await made(services, org, event_types=["nobody"])).webhook
    publisher = Publisher(
        services.mapper, services.integrations.outbound, services.webhook_directory
    )

    async def names() -> Any:
        async with services.database.organisation(org) as tx:
            return (
                await publisher.acknowledged(tx, ["E", "F", "nobody"]),
                await publisher.listened_to(tx),
            )

    assert await names() == (set(), {"nobody"})
    delivery = {"type": "webhook", "webhook_id": str(webhook.id)}
    mapping = {"name": "m", "jsonata_expression": "$", "enabled": True, "delivery": delivery}
    use_case = UseCaseChange(
        type=UseCaseType.OUTBOUND,
        name="Out",
        enabled=True,
        configuration={"event_catalog_event": "F", "mappings": [mapping]},
    )
    made_integration = await services.integrations.create_integration(
        org, {"name": "SAP"}, [use_case]
    )
    integration_id = made_integration.integration.id
    use_case_id = made_integration.use_cases[0].id
    await services.integrations.update_use_case(
        org, integration_id, use_case_id, UseCaseChange(name="Renamed")
    )

    assert await names() == ({"F"}, {"F", "nobody"})

    await services.integrations.delete_integration(org, integration_id)
    assert await names() == (set(), {"nobody"})
