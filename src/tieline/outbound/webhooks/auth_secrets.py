"""The secrets with which receivers are told who calls, where secrets are kept."""

from __future__ import annotations

from tieline.database import OrgTransaction
from tieline.outbound.webhooks.auth_drafts import AuthDraft
from tieline.outbound.webhooks.authentication import (
    AuthType,
    SettledAuth,
    StatedAuth,
    has_stored_secret,
    secret_reference,
    settled,
)
from tieline.outbound.webhooks.errors import WebhookAuthIncomplete
from tieline.outbound.webhooks.models import WEBHOOKS, Webhook
from tieline.secrets.store import SecretStore

_SECRET = "secret"  # noqa: S105 - what the store calls it
_NOBODY = StatedAuth(AuthType.NONE, {}, secret_stated=False, secret=None)


class AuthSecrets:
    """One secret per webhook, at `webhooks/<id>/auth`; only those that are no mere reference."""

    def __init__(self, store: SecretStore) -> None:
        self._store = store

    def settle(self, before: Webhook | None, draft: AuthDraft | None) -> SettledAuth:
        """What becomes of a webhook's `auth` when somebody writes this; None is none."""
        stated = _NOBODY if draft is None else draft.stated()
        return settled(None if before is None else before.auth, stated)

    async def put(self, tx: OrgTransaction, webhook: Webhook, outcome: SettledAuth) -> None:
        """Have the store hold what was settled for a webhook, and nothing else."""
        if outcome.stored is not None:
            await self._store.write(tx, _path(webhook), {_SECRET: outcome.stored.reveal()})
        elif not outcome.keeps_stored:
            await self._store.delete(tx, _path(webhook))

    async def read(self, tx: OrgTransaction, webhook: Webhook) -> str | None:
        """The secret, or the reference in its place; None when there is none.

        Raises `WebhookAuthIncomplete` when the one that was stored is not there any more.
        """
        if not has_stored_secret(webhook.auth):
            return secret_reference(webhook.auth)
        stored = await self._store.read(tx, _path(webhook))
        if stored is None or _SECRET not in stored:
            raise WebhookAuthIncomplete
        return stored[_SECRET]

    async def remove(self, tx: OrgTransaction, webhook: Webhook) -> None:
        """Forget the secret of a webhook, if there is one."""
        if has_stored_secret(webhook.auth):
            await self._store.delete(tx, _path(webhook))


def _path(webhook: Webhook) -> str:
    return f"webhooks/{WEBHOOKS.wire_id(webhook)}/auth"
