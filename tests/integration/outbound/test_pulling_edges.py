"""Pulling when something goes wrong: no secret, consumers that left, a process that ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from webhook_making import calling, changed, made, until

from tieline.database import Database
from tieline.http.services import Services
from tieline.kit.time import utc_now
from tieline.outbound.acknowledgements.models import Awaited
from tieline.outbound.acknowledgements.service import await_acknowledgements
from tieline.outbound.deliveries import queue
from tieline.outbound.deliveries.engine.leases import expired
from tieline.outbound.deliveries.engine.models import Key
from tieline.outbound.deliveries.models import NewDelivery
from tieline.outbound.pulling.models import Pulled, Settlement
from tieline.outbound.pulling.service import Pulling
from tieline.outbound.webhooks.errors import WebhookSecretMissing
from tieline.outbound.webhooks.models import Webhook
from tieline.outbound.webhooks.requests import Message

MINUTE = timedelta(minutes=1)
NO_TIME = timedelta()


class Signing:
    """A signer that has its secret or not."""

    missing = False

    async def signature_for(
        self, webhook: Webhook, message: Message, now: datetime
    ) -> list[tuple[str, str]]:
        if self.missing:
            raise WebhookSecretMissing
        return [("webhook-id", message.id)]


async def here() -> bool:
    return False


async def left() -> bool:
    return True


@pytest.fixture
async def webhook_id(services: Services, org: str) -> UUID:
    """A webhook that is pulled."""
    return (await made(services, org, transport="pull", url=None)).webhook.id


@pytest.fixture
async def signing() -> Signing:
    return Signing()


@pytest.fixture
async def pulling(database: Database, signing: Signing) -> AsyncIterator[Pulling]:
    """The service of another process."""
    service = Pulling(database, signing)
    await service.start()
    yield service
    await service.stop()


def delivery(webhook_id: UUID, ack_id: str | None = None) -> NewDelivery:
    return NewDelivery(
        webhook_id=webhook_id, event_id="e", event_name="E", body=b"{}", ack_id=ack_id
    )


async def deliver(database: Database, org: str, *new: NewDelivery) -> list[UUID]:
    async with database.organisation(org) as tx:
        return await queue.enqueue(tx, new, utc_now())


async def pull(
    pulling: Pulling, org: str, webhook_id: UUID, wait: timedelta = NO_TIME, gone: object = here
) -> Pulled:
    return await pulling.pull(
        calling(org),
        webhook_id,
        count=10,
        wait=wait,
        lease=MINUTE,
        gone=gone,  # type: ignore[arg-type]
    )


async def test_what_cannot_be_signed_is_as_if_it_was_never_lent(
    pulling: Pulling, signing: Signing, database: Database, org: str, webhook_id: UUID
) -> None:
    await deliver(database, org, delivery(webhook_id))
    signing.missing = True
    with pytest.raises(WebhookSecretMissing):
        await pull(pulling, org, webhook_id)

    signing.missing = False
    [message] = (await pull(pulling, org, webhook_id)).messages
    assert message.attempt == 1


async def test_nothing_is_lent_to_a_consumer_who_has_left(
    pulling: Pulling, database: Database, org: str, webhook_id: UUID
) -> None:
    await deliver(database, org, delivery(webhook_id))
    assert (await pull(pulling, org, webhook_id, gone=left)).messages == []
    assert len((await pull(pulling, org, webhook_id)).messages) == 1


async def test_a_process_that_ends_lets_nobody_wait(
    pulling: Pulling, org: str, webhook_id: UUID
) -> None:
    waiting = asyncio.create_task(pull(pulling, org, webhook_id, wait=MINUTE))

    async def listens() -> int:
        return pulling.waiting_for(org, webhook_id)

    await until(listens)
    pulling.send_away()
    async with asyncio.timeout(10):
        assert (await waiting).messages == []
        assert (await pull(pulling, org, webhook_id, wait=MINUTE)).messages == []


async def test_whoever_waits_is_woken_when_nothing_can_be_heard(
    database: Database, signing: Signing, org: str, webhook_id: UUID
) -> None:
    deaf = Pulling(database, signing)  # it never began to listen
    waiting = asyncio.create_task(pull(deaf, org, webhook_id, wait=MINUTE))

    async def listens() -> int:
        return deaf.waiting_for(org, webhook_id)

    await until(listens)
    await deliver(database, org, delivery(webhook_id))
    async with asyncio.timeout(20):
        assert len((await waiting).messages) == 1


async def test_the_time_for_an_acknowledgement_of_the_erp_begins_with_that_of_the_consumer(
    pulling: Pulling, database: Database, org: str, webhook_id: UUID
) -> None:
    ack_id = "01M83J0DCHFRHSEEKWSGVYT5YX"
    [made_id] = await deliver(database, org, delivery(webhook_id, ack_id))
    async with database.organisation(org) as tx:
        await await_acknowledgements(tx, [awaited(org, ack_id, made_id, webhook_id)])

    async def began() -> datetime | None:
        async with database.organisation(org) as tx:
            moment: datetime | None = await tx.fetchval(
                "SELECT delivered_at FROM awaited_acknowledgements "
                "WHERE org_id = $1 AND ack_id = $2",
                ack_id,
            )
        return moment

    [message] = (await pull(pulling, org, webhook_id)).messages
    assert await began() is None
    [settled] = await pulling.acknowledge(calling(org), webhook_id, [str(message.id)])
    assert settled.status is Settlement.ACKNOWLEDGED
    assert await began() is not None


def awaited(org: str, ack_id: str, delivery_id: UUID, webhook_id: UUID) -> Awaited:
    return Awaited(
        org_id=org,
        ack_id=ack_id,
        integration_id=uuid4(),
        use_case_id=uuid4(),
        mapping_id=None,
        webhook_id=webhook_id,
        delivery_id=delivery_id,
        event_id="e",
        event_name="E",
        correlation_id=None,
        created_at=utc_now(),
    )


async def test_the_engine_leaves_the_leases_of_consumers_alone(
    services: Services, pulling: Pulling, database: Database, org: str, webhook_id: UUID
) -> None:
    await deliver(database, org, delivery(webhook_id))
    [message] = (await pull(pulling, org, webhook_id)).messages
    key, later = Key(org, webhook_id), utc_now() + timedelta(days=1)

    async with database.system() as tx:
        assert await expired(tx, [key], later) == []

    webhook = await pulling.pulled_webhook(calling(org), webhook_id)
    await services.webhooks.pause_webhook(calling(org), webhook_id)
    await changed(services, webhook, transport="push", url="https://receiver.invalid/")
    async with database.system() as tx:
        [lease] = await expired(tx, [key], later)
    assert lease.delivery_id == message.id.delivery_id


async def test_what_waits_to_be_sent_can_be_pulled_when_the_transport_changes(
    services: Services, pulling: Pulling, database: Database, org: str
) -> None:
    webhook = (await made(services, org)).webhook
    await services.webhooks.pause_webhook(calling(org), webhook.id)
    [first] = await deliver(database, org, delivery(webhook.id))
    await changed(services, webhook, transport="pull", paused_at=None)
    [message] = (await pull(pulling, org, webhook.id)).messages
    assert message.id.delivery_id == first
