"""Which use cases take an event is known to whoever needs it in the moment in which it changes."""

from __future__ import annotations

import httpx
from tests.api.erp_integration.outbound_making import (
    ERP,
    mapping,
    new_integration,
    new_use_case,
    outbound,
)

from tieline.http.services import Services
from tieline.integrations.outbound_routes import OutboundRoutes
from tieline.kit.ids import new_uuid


async def test_a_transaction_sees_every_change_although_nobody_told_of_it(
    client: httpx.AsyncClient, services: Services, org: str
) -> None:
    routes = OutboundRoutes()  # of another process, as it were

    async def known() -> dict[str, int]:
        async with services.database.organisation(org) as tx:
            return {name: len(found) for name, found in (await routes.of(tx)).items()}

    integration_id = await new_integration(client)
    to = mapping(str(new_uuid()))
    assert await known() == {}
    use_case = await new_use_case(client, integration_id, outbound(to, event="A"))
    assert await known() == {"A": 1}
    await new_use_case(client, integration_id, outbound(to, event="B"))
    assert await known() == {"A": 1, "B": 1}
    path = f"{ERP}/integrations/{integration_id}/use-cases/{use_case['id']}"
    off = await client.put(path, json={"type": "outbound", "enabled": False})
    assert off.status_code == 200, off.text
    assert await known() == {"B": 1}
    await client.delete(f"{ERP}/integrations/{integration_id}")
    assert await known() == {}
