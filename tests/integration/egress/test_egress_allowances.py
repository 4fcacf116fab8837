"""What the operator lets single organisations reach, as every process knows it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.components.sink import Sink

from tieline.audit.models import AuditQuery
from tieline.database import Database
from tieline.egress.allowances import AllowList
from tieline.egress.client import EgressClient
from tieline.egress.errors import AddressRefused, EntryNotFound, InvalidEntry
from tieline.egress.models import OutgoingRequest
from tieline.egress.organisations.service import EgressAllowances
from tieline.http.services import Services


@pytest.fixture
async def here(database: Database) -> AsyncIterator[EgressAllowances]:
    """The exceptions as one process knows them, which hears of changes."""
    allowances = EgressAllowances(database)
    await allowances.start()
    await allowances.listener.wait_until_alive()
    yield allowances
    await allowances.stop()


@pytest.fixture
def elsewhere(database: Database) -> EgressAllowances:
    """The same in another process, such as that of a command."""
    return EgressAllowances(database)


@pytest.fixture(autouse=True)
def _organisation(key: str) -> None:
    """The organisation exists."""


async def test_an_organisation_may_reach_what_it_is_allowed(
    here: EgressAllowances, org: str
) -> None:
    assert await here.of(org) == AllowList()

    made = await here.allow(org, "ERP.local:8443", "SAP")
    await here.allow(org, "10.1.2.3/16")

    assert made is not None
    assert (made.entry, made.note) == ("erp.local:8443", "SAP")
    assert [each.entry for each in await here.listed(org)] == ["10.1.0.0/16", "erp.local:8443"]
    assert await here.of("another") == AllowList()
    assert await here.allow(org, "erp.LOCAL:8443") is None


async def test_every_process_follows_within_a_second(
    here: EgressAllowances, elsewhere: EgressAllowances, org: str
) -> None:
    assert await here.of(org) == AllowList()
    await elsewhere.allow(org, "erp.local")
    async with asyncio.timeout(1):
        while not (await here.of(org)).permits_host("erp.local", 80):
            await asyncio.sleep(0.005)

    await elsewhere.remove(org, "ERP.local")
    async with asyncio.timeout(1):
        while await here.of(org) != AllowList():
            await asyncio.sleep(0.005)


async def test_what_is_known_is_not_read_again(
    here: EgressAllowances, org: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await here.of(org)
    monkeypatch.setattr(here, "listed", None)

    assert await here.of(org) == AllowList()


async def test_nothing_is_remembered_while_changes_are_not_heard_of(
    elsewhere: EgressAllowances, database: Database, org: str
) -> None:
    assert await elsewhere.of(org) == AllowList()
    await EgressAllowances(database).allow(org, "erp.local")

    assert (await elsewhere.of(org)).permits_host("erp.local", 80)


async def test_what_was_read_before_a_change_is_not_remembered_after_it(
    here: EgressAllowances, org: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = here.listed

    async def slowly(org_id: str):
        found = await listed(org_id)
        here.forget(org_id)  # a change is heard of meanwhile
        return found

    monkeypatch.setattr(here, "listed", slowly)
    await here.of(org)
    monkeypatch.setattr(here, "listed", listed)
    await here.allow(org, "erp.local")

    assert (await here.of(org)).permits_host("erp.local", 80)


async def test_changes_are_in_the_audit_log(
    elsewhere: EgressAllowances, services: Services, org: str
) -> None:
    await elsewhere.allow(org, "erp.local", "SAP")
    await elsewhere.allow(org, "erp.local", "again")
    await elsewhere.remove(org, "erp.local")

    query = AuditQuery(target_type="egress_allowance")
    entries = [entry async for entry in await services.audit.export(org, query)]
    assert sorted(entry.action for entry in entries) == [
        "egress_allowance.created",
        "egress_allowance.deleted",
    ]
    assert {entry.target_id for entry in entries} == {"erp.local"}
    created = next(entry for entry in entries if entry.action.endswith("created"))
    assert created.after == {"entry": "erp.local", "note": "SAP"}


async def test_what_is_not_allowed_cannot_be_taken_back(
    elsewhere: EgressAllowances, org: str
) -> None:
    await elsewhere.allow(org, "erp.local")

    with pytest.raises(EntryNotFound):
        await elsewhere.remove(org, "erp.local:80")
    with pytest.raises(InvalidEntry):
        await elsewhere.remove(org, "*.local")
    with pytest.raises(InvalidEntry):
        await elsewhere.allow(org, "http://erp.local")


async def test_requests_follow_the_list_of_their_organisation(
    here: EgressAllowances, elsewhere: EgressAllowances, org: str, sink: Sink
) -> None:
    client = EgressClient(organisations=here)
    request = OutgoingRequest("GET", sink.url)
    with pytest.raises(AddressRefused):
        await client.send(request, org_id=org)

    await elsewhere.allow(org, f"127.0.0.1:{sink.port}")
    async with asyncio.timeout(1):
        while not sink.requests:
            try:
                await client.send(request, org_id=org)
            except AddressRefused:
                await asyncio.sleep(0.005)

    for org_id in ("another", None):
        with pytest.raises(AddressRefused):
            await client.send(request, org_id=org_id)
    await elsewhere.remove(org, f"127.0.0.1:{sink.port}")
    async with asyncio.timeout(1):
        while (await here.of(org)) != AllowList():
            await asyncio.sleep(0.005)
    with pytest.raises(AddressRefused):  # by the connection that is still open neither
        await client.send(request, org_id=org)
    await client.close()


async def test_the_client_that_all_services_share_follows_it(services: Services, org: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()

    server = await asyncio.start_server(answer, "127.0.0.2", 0)
    port = server.sockets[0].getsockname()[1]
    request = OutgoingRequest("GET", f"http://127.0.0.2:{port}/")
    with pytest.raises(AddressRefused):
        await services.egress.send(request, org_id=org)

    await services.egress_allowances.allow(org, f"127.0.0.2:{port}")
    async with asyncio.timeout(1):
        while await services.egress_allowances.of(org) == AllowList():
            await asyncio.sleep(0.005)

    assert (await services.egress.send(request, org_id=org)).status == 204
    with pytest.raises(AddressRefused):
        await services.egress.send(request)
    server.close()
