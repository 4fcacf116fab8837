"""Register, change and delete webhooks, and replace their signing secrets."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from tieline.audit.models import Shown
from tieline.audit.recording import viewed
from tieline.database import Database, OrgTransaction
from tieline.identity.applications.service import application_exists
from tieline.kit.ids import new_uuid
from tieline.kit.time import Clock, utc_now
from tieline.outbound.webhooks.addresses import check_headers, check_url
from tieline.outbound.webhooks.drafts import WebhookDraft
from tieline.outbound.webhooks.errors import WebhookNotFound
from tieline.outbound.webhooks.models import WEBHOOKS, ShownOnce, Webhook
from tieline.outbound.webhooks.signing_secrets import SigningSecrets
from tieline.records.envelope import Caller
from tieline.records.listing import Listing, Page
from tieline.records.references import Exists, check_reference
from tieline.records.repository import find_record
from tieline.records.service import RecordService
from tieline.secrets.store import SecretStore


class WebhookService:
    """The webhooks of all organisations. `connector_exists` looks for the connectors they name."""

    def __init__(
        self,
        database: Database,
        secrets: SecretStore,
        *,
        connector_exists: Exists,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._secrets = SigningSecrets(secrets)
        self._connector_exists = connector_exists
        self._records = RecordService(database, WEBHOOKS, missing=WebhookNotFound, clock=clock)

    async def list_webhooks(self, caller: Caller, listing: Listing) -> Page[Webhook]:
        """A page of the webhooks that the caller may see."""
        page = await self._records.list_records(caller, listing)
        await self._note_view(caller, *page.records)
        return page

    async def get_webhook(self, caller: Caller, webhook_id: UUID) -> Webhook:
        """A webhook. Raises `WebhookNotFound`."""
        found = await self._records.get(caller, webhook_id)
        await self._note_view(caller, found)
        return found

    async def create_webhook(
        self, caller: Caller, draft: WebhookDraft, *, webhook_id: UUID | None = None
    ) -> ShownOnce:
        """Register a webhook, with a new signing secret unless it needs none or names its own.

        An id that is given is used, be it that of a deleted one.

        Raises `InvalidWebhookUrl`, `InvalidWebhookHeader`, `InvalidVaultPath`, and `InvalidInput`
        for a connector or an application that does not exist.
        """
        webhook = self._records.new(caller, webhook_id or new_uuid(), draft.fields())
        async with self._database.organisation(caller.org_id) as tx:
            if webhook_id is not None:
                await self._records.free_id(tx, webhook_id)
            await self._check(tx, caller, None, webhook)
            webhook, secret = await self._secrets.prepare(tx, None, webhook)
            await self._records.insert(tx, webhook)
        return ShownOnce(webhook, secret)

    async def update_webhook(
        self, caller: Caller, webhook_id: UUID, version: int, draft: WebhookDraft
    ) -> ShownOnce:
        """Change a webhook; it gets a signing secret when it begins to need one.

        Raises `WebhookNotFound`, `VersionConflict`, and what `create_webhook` raises.
        """
        made: list[str | None] = []

        async def amend(tx: OrgTransaction, before: Webhook, after: Webhook) -> Webhook:
            await self._check(tx, caller, before, after)
            if before.paused_at is not None and after.paused_at is None:
                # Otherwise the next failure would pause it again.
                after = replace(after, consecutive_failures=0)
            after, secret = await self._secrets.prepare(tx, before, after)
            made.append(secret)
            return after

        async with self._database.organisation(caller.org_id) as tx:
            changed = await self._records.change(
                tx, caller, webhook_id, version, draft.fields(), amend
            )
        return ShownOnce(changed, *made)

    async def delete_webhook(self, caller: Caller, webhook_id: UUID) -> Webhook:
        """Mark a webhook as deleted, and forget the signing secret that was made for it.

        Raises `WebhookNotFound`.
        """
        async with self._database.organisation(caller.org_id) as tx:
            deleted = await self._records.delete(tx, caller, webhook_id)
            await self._secrets.remove(tx, deleted)
        return deleted

    async def rotate_secret(self, caller: Caller, webhook_id: UUID) -> ShownOnce:
        """Give a webhook a new signing secret, and keep the old one beside it for a while.

        Raises `WebhookNotFound`, and `WebhookSecretElsewhere` when its secret is not Tieline's.
        """
        async with self._database.organisation(caller.org_id) as tx:
            before = await self._records.lock(tx, caller, webhook_id)
            after, secret = await self._secrets.replace_secret(tx, before, self._records.now())
            after = await self._records.store(tx, caller, before, after, "secret_rotated")
        return ShownOnce(after, secret)

    async def _check(
        self, tx: OrgTransaction, caller: Caller, before: Webhook | None, after: Webhook
    ) -> None:
        if after.url is not None:
            check_url(after.url)
        check_headers(after.headers)
        for field, exists in (
            ("application_id", application_exists),
            ("connector_id", self._connector_exists),
        ):
            await check_reference(tx, caller, exists, field, before=before, after=after)

    async def _note_view(self, caller: Caller, *webhooks: Webhook) -> None:
        secret = [WEBHOOKS.wire_id(each) for each in webhooks if each.vault_path]
        await viewed(self._database, caller.org_id, Shown.WEBHOOK_SECRET, secret)


async def webhook_exists(tx: OrgTransaction, caller: Caller, webhook_id: UUID) -> bool:
    """Whether there is a webhook with that id which the caller may see."""
    return await find_record(tx, WEBHOOKS, webhook_id, app_id=caller.app_id) is not None
