"""A webhook, and what is known of its signing secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from tieline.records.columns import ApplicationId, ConnectorId
from tieline.records.envelope import Record
from tieline.records.identifiers import UuidForm
from tieline.records.table import RecordTable

DEFAULT_RETRY_POLICY: Mapping[str, Any] = {
    "maxAttempts": 10,
    "backoff": "exponential",
    "timeoutMs": 30_000,
}


class Direction(StrEnum):
    """Who calls whom."""

    OUTBOUND = "outbound"  # Tieline calls the url
    INBOUND = "inbound"  # somebody else calls Tieline


class SignatureScheme(StrEnum):
    """How a delivery is signed."""

    STANDARD_WEBHOOKS = "standard-webhooks"
    HMAC_SHA256 = "hmac-sha256"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Webhook(Record):
    """An address to which events go, or from which they come.

    The signing secret is in the vault at `vault_path`; `secret_fingerprint` is the SHA-256 of it in
    hexadecimal digits. The fields about deliveries are written by those who deliver.
    """

    name: str | None = None
    direction: Direction = Direction.OUTBOUND
    url: str | None = None
    event_types: tuple[str, ...] = ()
    signature_scheme: SignatureScheme = SignatureScheme.STANDARD_WEBHOOKS
    vault_path: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    enabled: bool = True
    retry_policy: Mapping[str, Any] = field(default_factory=lambda: dict(DEFAULT_RETRY_POLICY))
    last_delivery_at: datetime | None = None
    last_delivery_status: str | None = None
    consecutive_failures: int = 0
    paused_at: datetime | None = None
    connector_id: ConnectorId | None = None
    tags: tuple[str, ...] = ()
    application_id: ApplicationId | None = None
    secret_fingerprint: str | None = None

    @property
    def signs(self) -> bool:
        """Whether deliveries are signed, so that there has to be a secret."""
        return (
            self.direction is Direction.OUTBOUND
            and self.signature_scheme is not SignatureScheme.NONE
        )


WEBHOOKS = RecordTable.of(
    Webhook,
    name="webhooks",
    noun="webhook",
    id_form=UuidForm("whk"),
    second_names={"is_active": "enabled"},
)


@dataclass(frozen=True)
class ShownOnce:
    """A webhook, and the signing secret that was just made for it, if one was."""

    webhook: Webhook
    signing_secret: str | None = field(default=None, repr=False)
