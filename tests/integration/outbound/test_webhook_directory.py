"""The webhooks that deliveries go by: up to date in every process, and cheap to ask for."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from webhook_making import another_directory, calling, changed, made, until

from tieline.database import Database
from tieline.http.services import Services
from tieline.kit.ids import new_ulid, new_uuid
from tieline.kit.time import utc_now
from tieline.outbound.webhooks import switching
from tieline.outbound.webhooks.directory import WebhookDirectory


class Undone(Exception):
    """Whatever ends a request in the middle."""


async def test_all_outbound_webhooks_of_the_organisation_are_there_and_no_others(
    services: Services, org: str
) -> None:
    first = (await made(services, org, name="1")).webhook
    second = (await made(services, org, name="2", enabled=False)).webhook
    await made(services, org, direction="inbound")
    deleted = (await made(services, org)).webhook
    await services.webhooks.delete_webhook(calling(org), deleted.id)
    other = (await made(services, f"org-{new_ulid()}")).webhook

    found = await services.webhook_directory.of(org)

    assert list(found) == [first, second]
    assert await services.webhook_directory.find(org, second.id) == second
    for unknown in (deleted, other):
        assert await services.webhook_directory.find(org, unknown.id) is None


async def test_whoever_is_in_a_transaction_needs_no_second_connection(
    services: Services, org: str
) -> None:
    webhook = (await made(services, org)).webhook
    async with contextlib.AsyncExitStack() as stack:
        transactions = [
            await stack.enter_async_context(services.database.organisation(org))
            for _ in range(services.settings.database_pool_size)
        ]
        services.webhook_directory.forget(org)
        async with asyncio.timeout(5):
            found = [await services.webhook_directory.within(tx) for tx in transactions]

    assert found == [(webhook,)] * len(transactions)


async def test_every_process_hears_of_every_change(services: Services, org: str) -> None:
    async with another_directory(services) as directory:
        webhook = (await made(services, org)).webhook

        async def known(**fields: object) -> bool:
            found = await directory.find(org, webhook.id)
            return found is not None and all(
                getattr(found, name) == value for name, value in fields.items()
            )

        await until(known)
        await changed(services, webhook, url="https://erp.example.com/other")
        await until(lambda: known(url="https://erp.example.com/other"))
        rotated = await services.webhooks.rotate_secret(calling(org), webhook.id)
        await until(lambda: known(version=rotated.webhook.version))
        paused = await services.webhooks.pause_webhook(calling(org), webhook.id)
        await until(lambda: known(paused_at=paused.paused_at))
        await services.webhooks.resume_webhook(calling(org), webhook.id)
        await until(lambda: known(paused_at=None))
        async with services.database.organisation(org) as tx:
            await switching.disable(tx, webhook.id, "It is gone.", utc_now())
        await until(lambda: known(enabled=False, disabled_reason="It is gone."))
        await services.webhooks.delete_webhook(calling(org), webhook.id)

        async def gone() -> bool:
            return await directory.find(org, webhook.id) is None

        await until(gone)


async def test_what_is_known_is_not_read_again(
    services: Services, org: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook = (await made(services, org)).webhook
    async with another_directory(services) as directory:

        async def remembered() -> bool:
            await directory.of(org)
            return org in directory._known

        await until(remembered)

        def reading(_org: str) -> None:
            raise AssertionError("It was read again.")

        monkeypatch.setattr(services.database, "reading", reading)
        assert await directory.find(org, webhook.id) == webhook


async def test_a_new_webhook_is_found_before_anybody_has_told_of_it(
    services: Services, org: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = (await made(services, org)).webhook
    async with another_directory(services) as directory:

        async def remembered() -> bool:
            await directory.of(org)
            return org in directory._known

        await until(remembered)
        monkeypatch.setattr(directory._listener, "_changed", lambda _org: None)
        second = (await made(services, org)).webhook

        assert list(await directory.of(org)) == [first]
        assert await directory.find(org, second.id) == second
        assert await directory.find(org, new_uuid()) is None


async def test_nothing_is_remembered_while_changes_cannot_be_heard_of(
    services: Services, org: str
) -> None:
    directory = WebhookDirectory(services.database)
    webhook = (await made(services, org)).webhook

    assert directory.generation is None
    assert await directory.find(org, webhook.id) == webhook
    after = await changed(services, webhook, name="Another name")
    assert await directory.find(org, webhook.id) == after


async def test_a_request_sees_what_it_has_changed_and_nobody_else_does(
    database: Database, services: Services, org: str
) -> None:
    webhook = (await made(services, org)).webhook
    await services.webhook_directory.of(org)
    with contextlib.suppress(Undone):
        async with database.request():
            await changed(services, webhook, name="Another name")
            [seen] = await services.webhook_directory.of(org)
            assert seen.name == "Another name"
            raise Undone
    [after] = await services.webhook_directory.of(org)

    assert after == webhook


@pytest.mark.parametrize(
    ("event_types", "wanted"),
    [
        ([], True),
        (["ContractCreated"], True),
        (["event_ContractCreated"], True),
        (["Other", "ContractCreated"], True),
        (["*"], True),
        (["Other"], False),
        (["contractcreated"], False),
    ],
)
async def test_a_webhook_says_which_events_it_wants(
    services: Services, org: str, event_types: list[str], wanted: bool
) -> None:
    webhook = (await made(services, org, event_types=event_types)).webhook

    assert webhook.subscribes_to("ContractCreated") is wanted


async def test_switching_off_happens_once_and_is_in_the_audit_log(
    services: Services, org: str
) -> None:
    webhook = (await made(services, org)).webhook
    now = utc_now()
    async with services.database.organisation(org) as tx:
        outcomes = [
            await switching.disable(tx, webhook.id, "It is gone.", now),
            await switching.disable(tx, webhook.id, "Another reason.", now),
            await switching.pause(tx, webhook.id, now),
            await switching.pause(tx, webhook.id, now),
        ]
        rows = await tx.fetch(
            "SELECT action FROM audit_log WHERE org_id = $1 AND target_type = 'webhook' "
            "ORDER BY at, id"
        )
    after = await services.webhooks.get_webhook(calling(org), webhook.id)

    assert outcomes == [True, False, True, False]
    assert [row["action"] for row in rows] == [
        "webhook.created",
        "webhook.disabled",
        "webhook.paused",
    ]
    assert (after.enabled, after.disabled_reason) == (False, "It is gone.")
    assert after.paused_at is not None
    assert after.version == webhook.version + 2


async def test_nothing_is_switched_that_does_not_exist(services: Services, org: str) -> None:
    webhook = (await made(services, org)).webhook
    await services.webhooks.delete_webhook(calling(org), webhook.id)
    async with services.database.organisation(org) as tx:
        assert not await switching.disable(tx, webhook.id, "It is gone.", utc_now())


async def test_enabling_again_forgets_why_it_was_disabled(services: Services, org: str) -> None:
    webhook = (await made(services, org)).webhook
    async with services.database.organisation(org) as tx:
        await switching.disable(tx, webhook.id, "It is gone.", utc_now())

    assert (await changed(services, webhook, name="x")).disabled_reason == "It is gone."
    assert (await changed(services, webhook, enabled=True)).disabled_reason is None


async def test_a_transaction_sees_every_change_although_nobody_told_of_it(
    services: Services, org: str
) -> None:
    deaf = WebhookDirectory(services.database)  # it was never started, and hears nothing

    async def known() -> list[str | None]:
        async with services.database.organisation(org) as tx:
            return [webhook.name for webhook in await deaf.within(tx)]

    assert await known() == []
    first = (await made(services, org, name="1")).webhook
    assert await known() == ["1"]
    await made(services, org, name="2")
    assert await known() == ["1", "2"]
    await services.webhooks.delete_webhook(calling(org), first.id)
    assert await known() == ["2"]


async def test_what_is_undone_is_not_remembered(services: Services, org: str) -> None:
    directory = WebhookDirectory(services.database)
    webhook = (await made(services, org)).webhook
    with contextlib.suppress(Undone):
        async with services.database.request():
            await services.webhooks.delete_webhook(calling(org), webhook.id)
            async with services.database.organisation(org) as tx:
                assert await directory.within(tx) == ()
            raise Undone
    async with services.database.organisation(org) as tx:
        assert await directory.within(tx) == (webhook,)
