"""Register, change and delete webhooks, and replace their signing secrets."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from tieline.audit.models import Shown
from tieline.audit.recording import viewed
from tieline.database import Database, OrgTransaction
from tieline.entities.changes.listening import listen
from tieline.identity.applications.service import application_exists
from tieline.kit.ids import new_uuid
from tieline.kit.time import Clock, utc_now
from tieline.mapping.mapper import Mapper
from tieline.outbound.webhooks import repository
from tieline.outbound.webhooks.addresses import check_headers, check_url
from tieline.outbound.webhooks.auth_secrets import AuthSecrets
from tieline.outbound.webhooks.authentication import SettledAuth, key_header
from tieline.outbound.webhooks.drafts import WebhookDraft
from tieline.outbound.webhooks.errors import (
    InvalidWebhookExpression,
    InvalidWebhookHeader,
    WebhookNotFound,
    WebhookProtected,
)
from tieline.outbound.webhooks.models import WEBHOOKS, Direction, ShownOnce, Webhook
from tieline.outbound.webhooks.signing_secrets import SigningSecrets
from tieline.outbound.webhooks.waiting import WaitingDeliveries
from tieline.records.envelope import Caller
from tieline.records.listing import Listing, Page
from tieline.records.references import Exists, check_reference
from tieline.records.repository import find_record
from tieline.records.service import RecordService
from tieline.secrets.store import SecretStore


class WebhookService:
    """The webhooks of all organisations. `connector_exists` looks for the connectors they name.

    Every process hears of each change, so that what is delivered follows it.
    """

    def __init__(
        self,
        database: Database,
        secrets: SecretStore,
        mapper: Mapper,
        waiting: WaitingDeliveries,
        *,
        connector_exists: Exists,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._secrets = SigningSecrets(secrets)
        self._auth = AuthSecrets(secrets)
        self._mapper = mapper
        self._waiting = waiting
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

    async def outbound_webhooks(self, caller: Caller) -> list[Webhook]:
        """The outbound webhooks that the caller may see, oldest first."""
        async with self._database.reading(caller.org_id) as tx:
            found = [
                each
                for each in await repository.outbound_webhooks(tx)
                if caller.app_id in (None, each.app_id)
            ]
        await self._note_view(caller, *found)
        return found

    async def get_outbound(self, caller: Caller, webhook_id: UUID) -> Webhook:
        """An outbound webhook. Raises `WebhookNotFound`, for one that others call too."""
        found = await self.require_outbound(caller, webhook_id)
        await self._note_view(caller, found)
        return found

    async def require_outbound(self, caller: Caller, webhook_id: UUID) -> Webhook:
        """The same for whoever does something with it and shows nothing of its secret."""
        found = await self._records.get(caller, webhook_id)
        if found.direction is not Direction.OUTBOUND:
            raise WebhookNotFound
        return found

    async def create_webhook(
        self, caller: Caller, draft: WebhookDraft, *, webhook_id: UUID | None = None
    ) -> ShownOnce:
        """Register a webhook, with a new signing secret unless it needs none or names its own.

        An id that is given is used, be it that of a deleted one.

        Raises `InvalidWebhookUrl`, `InvalidWebhookHeader`, `InvalidWebhookExpression`,
        `InvalidVaultPath`, and `InvalidInput` for a connector or an application that does not
        exist.
        """
        auth = self._auth.settle(None, draft.auth)
        webhook = self._records.new(caller, webhook_id or new_uuid(), draft.fields())
        webhook = replace(webhook, auth=auth.document)
        if webhook.jsonata_expression is not None:
            await self._check_expression(webhook.jsonata_expression)
        async with self._database.organisation(caller.org_id) as tx:
            if webhook_id is not None:
                await self._records.free_id(tx, webhook_id)
            await self._check(tx, caller, None, webhook)
            webhook, secret = await self._secrets.prepare(tx, None, webhook)
            await self._records.insert(tx, webhook)
            await _announce(tx, webhook)
            await self._auth.put(tx, webhook, auth)
        return ShownOnce(webhook, secret)

    async def update_webhook(
        self, caller: Caller, webhook_id: UUID, version: int | None, draft: WebhookDraft
    ) -> ShownOnce:
        """Change a webhook; it gets a signing secret when it begins to need one.

        Without a version the change is made whatever somebody else has changed meanwhile. Raises
        `WebhookNotFound`, `VersionConflict`, `WebhookProtected`, and what `create_webhook` raises.
        """
        made: list[str | None] = []
        settled: list[SettledAuth] = []

        async def amend(tx: OrgTransaction, before: Webhook, after: Webhook) -> Webhook:
            _refuse_protected(before, lifted=draft.protected is False)
            if "auth" in draft.model_fields_set:
                settled.append(self._auth.settle(before, draft.auth))
                after = replace(after, auth=settled[0].document)
            await self._check(tx, caller, before, after)
            after, secret = await self._secrets.prepare(tx, before, _switched(before, after))
            made.append(secret)
            return after

        if draft.jsonata_expression is not None:
            await self._check_expression(draft.jsonata_expression)
        async with self._database.organisation(caller.org_id) as tx:
            before = await self._records.lock(tx, caller, webhook_id)
            changed = await self._records.change(
                *(tx, caller, webhook_id, before.version if version is None else version),
                draft.fields_on(before),
                amend,
            )
            await _announce(tx, changed)
            await self._resume_if_held(tx, before, changed)
            for auth in settled:
                await self._auth.put(tx, changed, auth)
        return ShownOnce(changed, *made)

    async def delete_webhook(self, caller: Caller, webhook_id: UUID) -> Webhook:
        """Mark a webhook as deleted, end what waits for it, and forget its secrets.

        Raises `WebhookNotFound` and `WebhookProtected`.
        """
        async with self._database.organisation(caller.org_id) as tx:
            _refuse_protected(await self._records.lock(tx, caller, webhook_id), lifted=False)
            deleted = await self._records.delete(tx, caller, webhook_id)
            await self._waiting.cancel_pending(tx, webhook_id, "The webhook was deleted.")
            await repository.announce(tx)
            await self._secrets.remove(tx, deleted)
            await self._auth.remove(tx, deleted)
        return deleted

    async def rotate_secret(self, caller: Caller, webhook_id: UUID) -> ShownOnce:
        """Give a webhook a new signing secret; for a day messages are signed with the old one too.

        Raises `WebhookNotFound`, and `WebhookSecretElsewhere` when its secret is not Tieline's.
        """
        async with self._database.organisation(caller.org_id) as tx:
            before = await self._records.lock(tx, caller, webhook_id)
            after, secret = await self._secrets.replace_secret(tx, before, self._records.now())
            after = await self._records.store(tx, caller, before, after, "secret_rotated")
            await repository.announce(tx)
        return ShownOnce(after, secret)

    async def pause_webhook(self, caller: Caller, webhook_id: UUID) -> Webhook:
        """Let everything wait that goes to a webhook. Raises `WebhookNotFound`."""
        async with self._database.organisation(caller.org_id) as tx:
            before = await self._records.lock(tx, caller, webhook_id)
            if before.paused_at is not None:
                return before
            after = replace(before, paused_at=self._records.now())
            after = await self._records.store(tx, caller, before, after, "paused")
            await repository.announce(tx)
        return after

    async def resume_webhook(self, caller: Caller, webhook_id: UUID) -> Webhook:
        """Send what waits for a webhook, in order, if it is enabled. Raises `WebhookNotFound`."""
        async with self._database.organisation(caller.org_id) as tx:
            before = await self._records.lock(tx, caller, webhook_id)
            after = before
            if before.paused_at is not None:
                after = _switched(before, replace(before, paused_at=None))
                after = await self._records.store(tx, caller, before, after, "resumed")
                await repository.announce(tx)
            await self._waiting.resume(tx, webhook_id)
        return after

    async def _resume_if_held(self, tx: OrgTransaction, before: Webhook, after: Webhook) -> None:
        held = before.paused_at is not None or not before.enabled
        if held and after.paused_at is None and after.enabled:
            await self._waiting.resume(tx, after.id)

    async def _check_expression(self, source: str) -> None:
        [fault] = await self._mapper.check_sources([source])
        if fault is not None:
            raise InvalidWebhookExpression(f"jsonata_expression: {fault}")

    async def _check(
        self, tx: OrgTransaction, caller: Caller, before: Webhook | None, after: Webhook
    ) -> None:
        if after.url is not None:
            check_url(after.url)
        if before is None or before.headers != after.headers:
            check_headers(after.headers)
        taken = key_header(after.auth)
        if taken is not None and taken in map(str.lower, after.headers):
            raise InvalidWebhookHeader(f"headers.{taken}: is set by auth.apiKeyConfig. Remove it.")
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


def _refuse_protected(before: Webhook, *, lifted: bool) -> None:
    if before.protected and not lifted:
        raise WebhookProtected


def _switched(before: Webhook, after: Webhook) -> Webhook:
    """The changed webhook, in which what an end of a pause or a new beginning undoes is undone."""
    resumed = before.paused_at is not None and after.paused_at is None
    if resumed or (after.enabled and not before.enabled):
        # Otherwise the next failure would pause it again.
        after = replace(after, consecutive_failures=0)
    return replace(after, disabled_reason=None) if after.enabled else after


async def _announce(tx: OrgTransaction, webhook: Webhook) -> None:
    """Have changes of entities looked at if the webhook waits for them, and tell every process."""
    if webhook.enabled and webhook.direction is Direction.OUTBOUND:
        await listen(tx, "catalogue")
    await repository.announce(tx)
