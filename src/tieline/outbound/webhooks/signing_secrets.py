"""The secrets with which deliveries are signed: made, found, replaced and removed."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tieline.database import OrgTransaction
from tieline.kit.time import from_wire, to_wire
from tieline.outbound.webhooks.errors import WebhookSecretElsewhere, WebhookSecretMissing
from tieline.outbound.webhooks.models import WEBHOOKS, Webhook
from tieline.secrets.errors import InvalidVaultPath
from tieline.secrets.store import SecretStore

_FOLDER = "webhooks/"  # the part of the vault that is Tieline's own
BOTH_SIGN_FOR = timedelta(hours=24)  # the old secret beside the new one


@dataclass(frozen=True)
class SigningSecret:
    """A secret to sign with, up to a moment if there is a newer one."""

    text: str = field(repr=False)
    until: datetime | None = None


class SigningSecrets:
    """The signing secrets of webhooks, wherever secrets are kept.

    One that Tieline made stands at `webhooks/<id>/signing` as `secret`; after it was replaced, the
    one before stands there too as `previous`, with the moment as `replaced_at`. Whoever keeps a
    secret at a path of their own may do the same.
    """

    def __init__(self, store: SecretStore) -> None:
        self._store = store

    def own_path(self, webhook: Webhook) -> str:
        """Where the vault has the secret that Tieline makes for a webhook."""
        return self._store.paths.vault_path(webhook.org_id, _relative(webhook))

    async def prepare(
        self, tx: OrgTransaction, before: Webhook | None, after: Webhook
    ) -> tuple[Webhook, str | None]:
        """The webhook with the secret that it needs, and that secret if it was just made.

        Raises `InvalidVaultPath` for a path outside the organisation's part of the vault, or in the
        folder where the secrets of other webhooks are.
        """
        if after.vault_path is not None:
            await self._take_over(tx, before, after)
            if after.vault_path == self.own_path(after):
                return after, None
            return replace(after, secret_fingerprint=await self._fingerprint(tx, after)), None
        if not after.signs:
            return replace(after, secret_fingerprint=None), None
        secret = _new_secret()
        await self._store.write(tx, _relative(after), {"secret": secret})
        made = replace(
            after, vault_path=self.own_path(after), secret_fingerprint=fingerprint(secret)
        )
        return made, secret

    async def replace_secret(
        self, tx: OrgTransaction, webhook: Webhook, now: datetime
    ) -> tuple[Webhook, str]:
        """The webhook with a new secret, and that secret; the old one is kept beside it.

        Raises `WebhookSecretElsewhere` when the secret is not one that Tieline made.
        """
        if webhook.vault_path != self.own_path(webhook):
            raise WebhookSecretElsewhere
        stored = await self._store.read(tx, _relative(webhook))
        secret = _new_secret()
        values = {"secret": secret}
        if stored is not None and "secret" in stored:
            values |= {"previous": stored["secret"], "replaced_at": to_wire(now)}
        await self._store.write(tx, _relative(webhook), values)
        return replace(webhook, secret_fingerprint=fingerprint(secret)), secret

    async def read(self, tx: OrgTransaction, webhook: Webhook) -> Sequence[SigningSecret]:
        """The secrets of a webhook that signs, the newest first.

        Raises `WebhookSecretMissing` when there is none where the webhook says.
        """
        stored = None
        if webhook.vault_path is not None:
            path = self._store.paths.relative_path(webhook.org_id, webhook.vault_path)
            stored = await self._store.read(tx, path)
        if stored is None or not stored.get("secret"):
            raise WebhookSecretMissing
        found = [SigningSecret(stored["secret"])]
        if "previous" in stored and "replaced_at" in stored:
            try:
                until = from_wire(stored["replaced_at"]) + BOTH_SIGN_FOR
            except (ValueError, OverflowError):  # not written by Tieline
                return found
            found.append(SigningSecret(stored["previous"], until))
        return found

    async def remove(self, tx: OrgTransaction, webhook: Webhook) -> None:
        """Forget the secret that Tieline made for a webhook, if it did."""
        if webhook.vault_path == self.own_path(webhook):
            await self._store.delete(tx, _relative(webhook))

    async def _take_over(self, tx: OrgTransaction, before: Webhook | None, after: Webhook) -> None:
        """Accept a path that the caller names in place of Tieline's own."""
        assert after.vault_path is not None
        if before is not None and after.vault_path == before.vault_path:
            return
        path = self._store.paths.relative_path(after.org_id, after.vault_path)
        if path.startswith(_FOLDER):
            raise InvalidVaultPath(
                f"vault_path: {_FOLDER} holds the secrets that Tieline makes. Name another folder, "
                "or leave vault_path out."
            )
        if before is not None:
            await self.remove(tx, before)

    async def _fingerprint(self, tx: OrgTransaction, webhook: Webhook) -> str | None:
        assert webhook.vault_path is not None
        path = self._store.paths.relative_path(webhook.org_id, webhook.vault_path)
        stored = await self._store.read(tx, path)
        if stored is None or "secret" not in stored:
            return None
        return fingerprint(stored["secret"])


def fingerprint(secret: str) -> str:
    """The SHA-256 of a secret in hexadecimal digits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _new_secret() -> str:
    """A secret as Standard Webhooks writes it: 256 random bits in Base64 after `whsec_`."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def _relative(webhook: Webhook) -> str:
    return f"{_FOLDER}{WEBHOOKS.wire_id(webhook)}/signing"
