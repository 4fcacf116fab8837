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


class HttpMethod(StrEnum):
    """The method of the requests. GET and HEAD carry no body."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"
    OPTIONS = "OPTIONS"
    HEAD = "HEAD"


class Transport(StrEnum):
    """Who opens the connection over which messages go out."""

    PUSH = "push"  # Tieline calls the url
    PULL = "pull"  # a consumer asks for its messages


class SignatureScheme(StrEnum):
    """How a delivery is signed."""

    STANDARD_WEBHOOKS = "standard-webhooks"
    HMAC_SHA256 = "hmac-sha256"
    NONE = "none"


ALL_EVENTS = "*"
# Before the name of an event of the catalogue, as some clients write it.
CATALOGUE_PREFIX = "event_"

DEFAULT_AUTH: Mapping[str, Any] = {"authType": "NONE"}
DEFAULT_PAYLOAD: Mapping[str, Any] = {
    "hydrate_entity": False,
    "include_relations": False,
    "include_activity": False,
    "include_changed_attributes": False,
}
DEFAULT_CONCURRENCY = 10


@dataclass(frozen=True)
class PayloadOptions:
    """What a message holds besides the event itself."""

    hydrate_entity: bool = False
    include_relations: bool = False
    include_activity: bool = False
    include_changed_attributes: bool = False


@dataclass(frozen=True, kw_only=True)
class Webhook(Record):
    """An address to which events go, or from which they come.

    The signing secret is in the vault at `vault_path`; `secret_fingerprint` is the SHA-256 of it in
    hexadecimal digits. The fields about deliveries are written by those who deliver.

    `auth` is how the receiver is told who calls, without its secrets; see `authentication.py`.
    `filter` is `{keyToFilter, supportedValues}`, `filter_conditions` `{conditions,
    logical_operator}`, `secure_proxy` `{integration_id, use_case_slug}`. With `ordered` the
    messages about one entity go out one after the other. `max_concurrency` and
    `rate_limit_per_second` hold over all processes. `disabled_reason` says why it is not enabled
    if nobody has decided that.
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
    http_method: HttpMethod = HttpMethod.POST
    auth: Mapping[str, Any] = field(default_factory=lambda: dict(DEFAULT_AUTH))
    filter: Mapping[str, Any] | None = None
    filter_conditions: Mapping[str, Any] | None = None
    jsonata_expression: str | None = None
    payload_configuration: Mapping[str, Any] = field(default_factory=lambda: dict(DEFAULT_PAYLOAD))
    ordered: bool = False
    max_concurrency: int = DEFAULT_CONCURRENCY
    rate_limit_per_second: float | None = None
    transport: Transport = Transport.PUSH
    protected: bool = False
    enable_static_ip: bool = False
    secure_proxy: Mapping[str, Any] | None = None
    manifest: tuple[str, ...] = ()
    disabled_reason: str | None = None

    @property
    def payload(self) -> PayloadOptions:
        """What its messages hold besides the event itself."""
        return PayloadOptions(**{name: bool(on) for name, on in self.payload_configuration.items()})

    @property
    def through_proxy(self) -> bool:
        """Whether its requests leave through the configured forward proxy."""
        return self.enable_static_ip or self.secure_proxy is not None

    def subscribes_to(self, event_name: str) -> bool:
        """Whether it wants the events of this name; without event types it wants all."""
        return not self.event_types or any(
            name in (event_name, ALL_EVENTS) or name.removeprefix(CATALOGUE_PREFIX) == event_name
            for name in self.event_types
        )

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
