"""Webhooks in files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from tieline.configuration.kinds.kind import Document, Report, Stored
from tieline.configuration.kinds.records import RecordKind
from tieline.configuration.models import Thing
from tieline.configuration.secrets_in_files import plain_secrets
from tieline.outbound.webhooks.authentication import (
    METHODS,
    is_mere_reference,
    without_switches,
)
from tieline.outbound.webhooks.drafts import WebhookDraft
from tieline.outbound.webhooks.models import WEBHOOKS, Webhook
from tieline.outbound.webhooks.service import WebhookService
from tieline.outbound.webhooks.signing_secrets import SigningSecrets
from tieline.records.envelope import Caller
from tieline.records.listing import Listing, Page
from tieline.secrets.store import SecretStore


class WebhookKind(RecordKind[Webhook]):
    """Webhooks, known by their names. A signing secret that Tieline made is not for files.

    Of `auth` files say everything but the secret, unless that is a reference to a variable. What
    they leave out stays as it is, but for a reference, which goes.
    """

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
        "http_method",
        "auth",
        "headers",
        "signature_scheme",
        "vault_path",
        "filter",
        "filter_conditions",
        "jsonata_expression",
        "payload_configuration",
        "transport",
        "ordered",
        "max_concurrency",
        "rate_limit_per_second",
        "retry_policy",
        "enable_static_ip",
        "secure_proxy",
        "protected",
        "manifest",
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

    def document(self, raw: dict[str, Any], report: Report) -> Document:
        """What a file says of a webhook."""
        _refuse_secret(raw.get("auth"), report)
        return super().document(raw, report)

    def _arranged(self, said: Mapping[str, Any]) -> dict[str, Any]:
        if "auth" in said:
            said = {**said, "auth": without_switches(said["auth"])}
        return super()._arranged(said)

    def _kept_elsewhere(self, record: Webhook) -> bool:
        return record.vault_path == self._signing.own_path(record)

    async def _page(self, caller: Caller, listing: Listing) -> Page[Webhook]:
        return await self._webhooks.list_webhooks(caller, listing)

    async def _create(self, caller: Caller, draft: Any, record_id: UUID | None) -> Webhook:
        done = await self._webhooks.create_webhook(caller, draft, webhook_id=record_id)
        return self._noted(done.webhook, made=done.signing_secret is not None)

    async def _change(self, caller: Caller, record_id: UUID, version: int, draft: Any) -> Webhook:
        before = self._records[self._table.id_form.to_wire(record_id)]
        draft = draft.without_reference_of(before)
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


def _refuse_secret(auth: Any, report: Report) -> None:
    """Report a secret that is no mere reference, unless its name gives it away anyway."""
    for method in METHODS.values():
        part = auth.get(method.section) if isinstance(auth, dict) else None
        text = part.get(method.secret) if isinstance(part, dict) else None
        known = list(plain_secrets({method.secret: text}))
        if isinstance(text, str) and not known and not is_mere_reference(text):
            report(
                ("auth", method.section, method.secret),
                "is a secret. Keep it as an environment variable, and write just {{env.key}}",
            )
