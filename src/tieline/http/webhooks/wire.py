"""Webhook configurations as they are sent and answered: another view of the domain's webhooks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import Path
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict

from tieline.http.bodies import BoundedBody
from tieline.http.webhooks.texts import refuse_nul
from tieline.kit.errors import InvalidInput
from tieline.kit.ids import parse_uuid
from tieline.kit.time import to_wire
from tieline.outbound.webhooks.auth_drafts import AuthDraft
from tieline.outbound.webhooks.condition_drafts import ConditionsDraft, FilterDraft
from tieline.outbound.webhooks.drafts import (
    Concurrency,
    Delays,
    Expression,
    Headers,
    Manifest,
    PayloadDraft,
    Rate,
    RetryPolicy,
    SecureProxyDraft,
    WebhookDraft,
)
from tieline.outbound.webhooks.errors import WebhookNotFound
from tieline.outbound.webhooks.models import (
    ALL_EVENTS,
    WEBHOOKS,
    HttpMethod,
    SignatureScheme,
    Transport,
    Webhook,
)
from tieline.records.drafts import Address, Flag, Texts, Word

_MOST_RETRIES = 24
_STAMP: JsonDict = {"readOnly": True}
# What is called otherwise here than in the domain, where the services' words come from.
_OTHER_NAMES = {
    "headers": "payloadConfiguration.custom_headers",
    "jsonata_expression": "jsonataExpression",
}

ConfigId = Annotated[
    str, Path(alias="configId", description="The id of the configuration, a UUID, or `whk_...`.")
]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def webhook_id(text: str) -> UUID:
    """The webhook's id, in either of its forms. Raises `WebhookNotFound` for any other text."""
    found = parse_uuid(text) or WEBHOOKS.id_form.from_wire(text)
    if found is None:
        raise WebhookNotFound
    return UUID(str(found))


class PayloadBody(PayloadDraft):
    """What messages hold besides the event itself, and which headers they carry."""

    custom_headers: Headers | None = Field(
        default=None,
        description="Headers of every message. Those that carry a secret refer to it as "
        "{{env.key}}; who calls is told by `auth`.",
    )


class RetryBody(BaseModel):
    """How a message is tried again that has not arrived."""

    model_config = ConfigDict(extra="forbid")

    enabled: Flag = Field(description="Whether it is tried again at all.")
    maxAttempts: Annotated[StrictInt, Field(ge=1, le=_MOST_RETRIES)] | None = Field(  # noqa: N815
        default=None, description="How often, after the first time; 9 by default."
    )
    backoff: Literal["exponential"] = "exponential"
    timeoutMs: Annotated[StrictInt, Field(ge=100, le=120_000)] | None = Field(  # noqa: N815
        default=None, description="How long one attempt may take; 30,000 by default."
    )
    delaysSeconds: Delays | None = Field(  # noqa: N815
        default=None,
        description="The waits between attempts in place of the usual ones; the last one repeats.",
    )

    def policy(self) -> RetryPolicy:
        """The same in the words of the domain, which counts the first attempt too."""
        said: dict[str, Any] = {}
        if self.timeoutMs is not None:
            said["timeout_ms"] = self.timeoutMs
        if self.delaysSeconds is not None:
            said["delays_seconds"] = self.delaysSeconds
        if not self.enabled:
            said["max_attempts"] = 1
        elif self.maxAttempts is not None:
            said["max_attempts"] = self.maxAttempts + 1
        return RetryPolicy(**said)


class ConfigBody(BoundedBody):
    """A webhook configuration. What the server stamps is ignored."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, hide_input_in_errors=True)

    name: Word = Field(description="Its name for people.")
    event_name: Name = Field(description="The event that is sent; `*` stands for all.")
    event_names: Texts | None = Field(
        default=None, description="All of them, if there are several; `eventName` is one of these."
    )
    url: Address | None = Field(default=None, description="Where messages are sent.")
    http_method: HttpMethod | None = Field(default=None, description="POST by default.")
    enabled: Flag | None = Field(default=None, description="Whether it is active.")
    auth: AuthDraft | None = Field(
        default=None, description="How the receiver is told who calls. Left out it stays."
    )
    filter: FilterDraft | None = Field(default=None, description="Which events are sent.")
    filter_conditions: ConditionsDraft | None = Field(
        default=None, description="Under which conditions they are."
    )
    payload_configuration: PayloadBody | None = Field(
        default=None, description="What messages hold besides the event."
    )
    jsonata_expression: Expression | None = Field(
        default=None, description="What makes the body of the message."
    )
    enable_static_ip: Flag | None = Field(
        default=None,
        alias="enableStaticIP",
        description="Whether requests leave through the configured forward proxy.",
    )
    secure_proxy: SecureProxyDraft | None = Field(
        default=None, description="The same, for a use case that needs it."
    )
    protected: Flag | None = Field(
        default=None, description="While true, only a change that makes it false is accepted."
    )
    manifest: Manifest | None = Field(
        default=None, alias="_manifest", description="The manifests that have made it."
    )
    retry_policy: RetryBody | None = Field(
        default=None, description="How a message is tried again. Left out it stays."
    )
    signature_scheme: SignatureScheme | None = Field(
        default=None, description="How messages are signed. Left out it stays."
    )
    ordered: Flag | None = Field(
        default=None, description="Whether messages about one entity go out one after the other."
    )
    max_concurrency: Concurrency | None = Field(
        default=None, description="How many requests may be under way at once."
    )
    rate_limit_per_second: Rate | None = Field(
        default=None, description="How many requests may begin per second."
    )
    transport: Transport | None = Field(
        default=None, description="Whether messages are sent, or wait to be asked for."
    )
    tags: Texts | None = Field(default=None, description="Words to find it by.")
    # Stamps of the server, which clients send back as they have got them.
    id: Any = Field(default=None, json_schema_extra=_STAMP)
    creation_time: Any = Field(default=None, json_schema_extra=_STAMP)
    updated_time: Any = Field(default=None, json_schema_extra=_STAMP)
    status: Any = Field(default=None, json_schema_extra=_STAMP)
    signing_secret: Any = Field(default=None, json_schema_extra=_STAMP)
    paused_at: Any = Field(default=None, json_schema_extra=_STAMP)
    disabled_reason: Any = Field(default=None, json_schema_extra=_STAMP)
    last_delivery_at: Any = Field(default=None, json_schema_extra=_STAMP)
    last_delivery_status: Any = Field(default=None, json_schema_extra=_STAMP)
    consecutive_failures: Any = Field(default=None, json_schema_extra=_STAMP)
    version: Annotated[StrictInt, Field(ge=1, le=2**53 - 1)] | None = Field(
        default=None, description="If it is sent and there is a newer one, the answer is 409."
    )

    _refuse_nul = model_validator(mode="before")(refuse_nul)

    @field_validator("event_names")
    @classmethod
    def distinct(cls, value: list[str] | None) -> list[str] | None:
        """Each event once."""
        return None if value is None else list(dict.fromkeys(value))

    @model_validator(mode="after")
    def agree(self) -> Self:
        """The one event is one of the several."""
        if self.event_names is not None:
            first = self.event_names or [ALL_EVENTS]
            if self.event_name not in first:
                raise ValueError(f"eventName: must be one of eventNames, {', '.join(first)[:200]}")
        return self

    def draft(self) -> WebhookDraft:
        """The same as the service takes it, for a new webhook."""
        return self._draft(("name", "url", "http_method"))

    def replacement(self) -> WebhookDraft:
        """The same for one that there is: what may be left out here is removed, or stays."""
        always = ("name", "url", "http_method", "filter", "filter_conditions", "jsonata_expression")
        return self._draft(
            (*always, "payload_configuration", "enable_static_ip", "secure_proxy", "manifest")
        )

    def _draft(self, always: tuple[str, ...]) -> WebhookDraft:
        said = {name: getattr(self, name) for name in {*self.model_fields_set, *always}}
        fields = {name: value for name, value in said.items() if name in WebhookDraft.model_fields}
        for stamp in ("id", "version", *_DELIVERING):
            fields.pop(stamp, None)
        named = self.event_names if self.event_names is not None else [self.event_name]
        fields["event_types"] = [] if named == [ALL_EVENTS] else named
        if "payload_configuration" in fields:
            payload = self.payload_configuration
            fields["headers"] = payload.custom_headers if payload else None
            fields["payload_configuration"] = payload and PayloadDraft(
                **payload.model_dump(exclude={"custom_headers"})
            )
        if self.retry_policy is not None:
            fields["retry_policy"] = self.retry_policy.policy()
        form = WebhookDraft if self.event_names is not None else _OneEventDraft
        return form.model_construct(_fields_set=set(fields), **fields)


_DELIVERING = (
    *("paused_at", "disabled_reason", "last_delivery_at", "last_delivery_status"),
    "consecutive_failures",
)


class _OneEventDraft(WebhookDraft):
    """What is written by somebody who knows of one event only: the others stay."""

    def fields_on(self, before: Webhook) -> dict[str, Any]:
        """The fields that a webhook gets."""
        found = self.fields()
        if found["event_types"] == before.event_types[:1]:
            del found["event_types"]
        return found


class ConfigReply(BaseModel):
    """A webhook configuration. What it does not have is left out."""

    model_config = ConfigDict(alias_generator=to_camel)

    id: UUID
    name: str
    event_name: str = Field(description="The first of its events; `*` stands for all.")
    event_names: list[str] = Field(description="All of its events; none stands for all.")
    url: str = ""
    creation_time: datetime
    updated_time: datetime
    http_method: HttpMethod
    enabled: bool
    auth: dict[str, Any] = Field(description="Without secrets; a mere reference is shown.")
    filter: FilterDraft | None = None
    filter_conditions: ConditionsDraft | None = None
    payload_configuration: PayloadBody
    jsonata_expression: str = ""
    enable_static_ip: bool = Field(alias="enableStaticIP")
    secure_proxy: SecureProxyDraft | None = None
    protected: bool
    manifest: list[UUID] = Field(default=[], alias="_manifest")
    status: Literal["active", "inactive", "incomplete"] = Field(
        description="`incomplete`: there is no url, so nothing can be sent."
    )
    retry_policy: RetryBody
    signature_scheme: SignatureScheme
    ordered: bool
    max_concurrency: int
    rate_limit_per_second: float | None = None
    transport: Transport
    tags: list[str]
    paused_at: datetime | None = None
    disabled_reason: str = ""
    last_delivery_at: datetime | None = None
    last_delivery_status: str = ""
    consecutive_failures: int
    version: int
    signing_secret: str | None = Field(
        default=None, description="The secret that was just made. Shown this once."
    )


def config_document(webhook: Webhook) -> dict[str, Any]:
    """A webhook in the words of this surface. What it does not have is left out."""
    stated = {
        "id": str(webhook.id),
        "name": webhook.name or "",
        "eventName": webhook.event_types[0] if webhook.event_types else ALL_EVENTS,
        "eventNames": list(webhook.event_types),
        "url": webhook.url,
        "creationTime": to_wire(webhook.created_at),
        "updatedTime": to_wire(webhook.updated_at),
        "httpMethod": webhook.http_method.value,
        "enabled": webhook.enabled,
        "auth": webhook.auth,
        "filter": webhook.filter,
        "filterConditions": webhook.filter_conditions,
        "payloadConfiguration": {
            **webhook.payload_configuration,
            "custom_headers": webhook.headers,
        },
        "jsonataExpression": webhook.jsonata_expression,
        "enableStaticIP": webhook.enable_static_ip,
        "secureProxy": webhook.secure_proxy,
        "protected": webhook.protected,
        "_manifest": list(webhook.manifest) or None,
        "status": _status(webhook),
        "retryPolicy": _retries(webhook),
        "signatureScheme": webhook.signature_scheme.value,
        "ordered": webhook.ordered,
        "maxConcurrency": webhook.max_concurrency,
        "rateLimitPerSecond": webhook.rate_limit_per_second,
        "transport": webhook.transport.value,
        "tags": list(webhook.tags),
        "pausedAt": webhook.paused_at and to_wire(webhook.paused_at),
        "disabledReason": webhook.disabled_reason,
        "lastDeliveryAt": webhook.last_delivery_at and to_wire(webhook.last_delivery_at),
        "lastDeliveryStatus": webhook.last_delivery_status,
        "consecutiveFailures": webhook.consecutive_failures,
        "version": webhook.version,
    }
    return {name: value for name, value in stated.items() if value is not None}


def _status(webhook: Webhook) -> str:
    if webhook.url is None and webhook.transport is Transport.PUSH:
        return "incomplete"
    return "active" if webhook.enabled else "inactive"


def _retries(webhook: Webhook) -> dict[str, Any]:
    policy = webhook.retry_policy
    again = policy["maxAttempts"] - 1
    return {
        "enabled": again > 0,
        **({"maxAttempts": again} if again else {}),
        "backoff": policy["backoff"],
        "timeoutMs": policy["timeoutMs"],
        **({"delaysSeconds": delays} if (delays := policy.get("delaysSeconds")) else {}),
    }


@contextlib.contextmanager
def named_as_here() -> Iterator[None]:
    """Refusals of the service, with the names that fields have on this surface."""
    try:
        yield
    except InvalidInput as error:
        for name, other in _OTHER_NAMES.items():
            if error.message.startswith(name):
                words = f"{other}{error.message.removeprefix(name)}"
                raise type(error)(words, **error.details) from None
        raise
