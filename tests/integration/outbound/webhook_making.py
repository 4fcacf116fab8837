"""What the tests of webhooks share: making webhooks and messages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from tieline.http.services import Services
from tieline.identity.organisations import create_if_new
from tieline.kit.ids import new_ulid, new_uuid
from tieline.outbound.webhooks import repository
from tieline.outbound.webhooks.credentials import CredentialSource
from tieline.outbound.webhooks.directory import WebhookDirectory
from tieline.outbound.webhooks.drafts import WebhookDraft
from tieline.outbound.webhooks.models import ShownOnce, Webhook
from tieline.outbound.webhooks.requests import Message
from tieline.outbound.webhooks.signing_keys import SigningKeys
from tieline.records.envelope import SystemCaller

URL = "https://erp.example.com/hooks"


def calling(org: str) -> SystemCaller:
    """Whoever may do everything in an organisation."""
    return SystemCaller(org, "test")


async def made(services: Services, org: str, **fields: Any) -> ShownOnce:
    """A new webhook, in an organisation that is made if it is new."""
    async with services.database.organisation(org) as tx:
        await create_if_new(tx)
    draft = WebhookDraft.model_validate({"name": "To the ERP", "url": URL, **fields})
    return await services.webhooks.create_webhook(calling(org), draft)


async def changed(services: Services, webhook: Webhook, **fields: Any) -> Webhook:
    """A webhook after a change."""
    draft = WebhookDraft.model_validate(fields)
    done = await services.webhooks.update_webhook(calling(webhook.org_id), webhook.id, None, draft)
    return done.webhook


async def until(holds: Callable[[], Awaitable[object]], seconds: float = 20) -> None:
    """Return once something holds. Fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not await holds():
        assert time.monotonic() < deadline, "It never held."
        await asyncio.sleep(0.01)


def message(body: bytes = b'{"a":1}', **fields: Any) -> Message:
    """A message."""
    whole: dict[str, Any] = {
        "id": "msg_01M83J0DCHFRHSEEKWSGVYT5YX",
        "body": body,
        "content_type": "application/json",
        "attempt": 1,
        "event_name": "EntityUpdated",
        "delivery_id": UUID(str(new_uuid())),
        **fields,
    }
    return Message(**whole)


@asynccontextmanager
async def another_directory(services: Services) -> AsyncIterator[WebhookDirectory]:
    """The directory of another process, which hears of changes already."""
    directory = WebhookDirectory(services.database)
    await directory.start()
    try:
        await directory._listener.wait_until_alive()
        yield directory
    finally:
        await directory.stop()


async def all_heard(services: Services, directory: WebhookDirectory) -> None:
    """Return once a directory has heard of everything that was committed before."""
    heard: list[str | None] = []
    directory.tell(heard.append)
    marker = f"org-{new_ulid()}"
    async with services.database.organisation(marker) as tx:
        await repository.announce(tx)

    async def there() -> bool:
        return marker in heard

    await until(there)


def credentials_of(
    services: Services, directory: WebhookDirectory, **more: Any
) -> CredentialSource:
    """The credentials as another process knows them."""
    return CredentialSource(
        services.database,
        more.pop("secrets", services.secrets),
        services.environments,
        directory,
        SigningKeys(services.database, services.secrets),
        **more,
    )
