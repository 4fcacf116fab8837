"""Webhooks in files."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tieline.configuration.kinds.kind import Document, Stored
from tieline.configuration.kinds.records import RecordKind
from tieline.configuration.models import Thing
from tieline.outbound.webhooks.drafts import WebhookDraft
from tieline.outbound.webhooks.models import WEBHOOKS, Webhook
from tieline.outbound.webhooks.service import WebhookService
from tieline.outbound.webhooks.signing_secrets import SigningSecrets
from tieline.records.envelope import Caller
from tieline.records.listing import Listing, Page
from tieline.secrets.store import SecretStore


class WebhookKind(RecordKind[Webhook]):
    """Webhooks, known by their names. A signing secret that Tieline made is not for files."""

    noun = "webhook"
    section = "webhooks"
    group = "webhooks"
    draft = WebhookDraft
    fields = (
        "name",
        "direction",
        "url",
        "enabled",
        "event_types",
        "signature_scheme",
        "vault_path",
        "headers",
        "retry_policy",
        "connector_id",
        "application_id",
        "tags",
        "source",
        "source_type",
    )

    def __init__(self, webhooks: WebhookService, secrets: SecretStore) -> None:
        super().__init__(WEBHOOKS, secrets.paths)
        self._webhooks = webhooks
        self._signing = SigningSecrets(secrets)
        self._with_new_secrets: set[str] = set()

    def key(self, document: Document) -> str:
        """The name; several webhooks may have the same."""
        return str(document.get("name", ""))

    def _kept_elsewhere(self, record: Webhook) -> bool:
        return record.vault_path == self._signing.own_path(record)

    async def _page(self, caller: Caller, listing: Listing) -> Page[Webhook]:
        return await self._webhooks.list_webhooks(caller, listing)

    async def _create(self, caller: Caller, draft: Any, record_id: UUID | None) -> Webhook:
        done = await self._webhooks.create_webhook(caller, draft, webhook_id=record_id)
        return self._noted(done.webhook, made=done.signing_secret is not None)

    async def _change(self, caller: Caller, record_id: UUID, version: int, draft: Any) -> Webhook:
        done = await self._webhooks.update_webhook(caller, record_id, version, draft)
        return self._noted(done.webhook, made=done.signing_secret is not None)

    async def _delete(self, caller: Caller, record_id: UUID) -> None:
        await self._webhooks.delete_webhook(caller, record_id)

    def _noted(self, webhook: Webhook, *, made: bool) -> Webhook:
        if made:
            self._with_new_secrets.add(WEBHOOKS.wire_id(webhook))
        return webhook

    def _stored(self, record: Webhook, wanted: Thing) -> Stored:
        stored = super()._stored(record, wanted)
        if stored.id not in self._with_new_secrets:
            return stored
        self._with_new_secrets.discard(stored.id)
        reminder = (
            f"webhook {wanted.key!r} has a new signing secret. To see one, replace it: "
            f"POST /api/v1/integration/webhooks/{stored.id}/rotate-secret"
        )
        return Stored(stored.id, (reminder,))
