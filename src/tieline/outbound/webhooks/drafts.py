"""What callers write of a webhook."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StrictInt, model_validator

from tieline.outbound.webhooks.models import Direction, SignatureScheme
from tieline.records.drafts import (
    Address,
    Flag,
    Moment,
    RecordDraft,
    Texts,
    Word,
    reference,
    stamp,
)
from tieline.records.identifiers import UuidForm


class RetryPolicy(BaseModel):
    """How often and how patiently a delivery is tried; what is left out has its default."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    max_attempts: Annotated[StrictInt, Field(ge=1, le=25)] = Field(
        default=10, alias="maxAttempts", description="How many attempts there are at most."
    )
    backoff: Literal["exponential"] = Field(
        default="exponential", description="The time between attempts grows."
    )
    timeout_ms: Annotated[StrictInt, Field(ge=100, le=120_000)] = Field(
        default=30_000, alias="timeoutMs", description="How long one attempt may take."
    )


class WebhookDraft(RecordDraft):
    """What callers write of a webhook."""

    name: Word | None = Field(default=None, description="Its name for people.")
    direction: Direction | None = Field(
        default=None,
        description="`outbound`, the default: events are sent to the url. `inbound`: somebody else "
        "calls.",
    )
    url: Address | None = Field(
        default=None,
        description="Where events are sent, or, inbound, the address that is called. Absolute, "
        "http or https, without credentials and fragment.",
    )
    event_types: Texts | None = Field(
        default=None, description="The types of events that are sent; an empty list stands for all."
    )
    signature_scheme: SignatureScheme | None = Field(
        default=None,
        description="How deliveries are signed: by the headers of Standard Webhooks (the default), "
        "by the HMAC-SHA256 of the body, or not at all.",
    )
    vault_path: Address | None = Field(
        default=None,
        description="Where in the vault the signing secret is, as `secret` of that path. Without "
        "one Tieline makes a secret for a webhook that signs, and shows it once.",
    )
    headers: dict[str, str] | None = Field(
        default=None,
        max_length=50,
        description="Headers that every delivery carries. Those that carry a secret refer to it "
        "as {{env.key}}, such as `Bearer {{env.token}}`.",
    )
    enabled: Flag | None = Field(default=None, description="Whether it is active; true by default.")
    is_active: Flag | None = Field(default=None, description="Another name of enabled.")
    retry_policy: RetryPolicy | None = Field(
        default=None, description="How often and how patiently a delivery is tried."
    )
    paused_at: Moment | None = Field(
        default=None,
        description="Since when deliveries wait, because too many failed or somebody wanted it. "
        "Null lets them go on, and sets consecutive_failures to 0.",
    )
    connector_id: reference(UuidForm("cnn")) | None = Field(  # type: ignore[valid-type]
        default=None, description="The connector to which it belongs."
    )
    tags: Texts | None = Field(default=None, description="Words to find it by.")
    application_id: reference(UuidForm("app")) | None = Field(  # type: ignore[valid-type]
        default=None, description="The application to which it belongs."
    )
    last_delivery_at: Any = stamp("When a delivery was last attempted.")
    last_delivery_status: Any = stamp("How the last delivery went.")
    consecutive_failures: Any = stamp("How many deliveries have failed since one succeeded.")
    secret_fingerprint: Any = stamp("The SHA-256 of the signing secret, as hexadecimal digits.")

    @model_validator(mode="after")
    def refuse_contradiction(self) -> Self:
        """Both names of the switch have to say the same."""
        if {"enabled", "is_active"} <= self.model_fields_set and self.enabled != self.is_active:
            raise ValueError("is_active: is another name of enabled. Send one, or both alike")
        return self

    def fields(self) -> dict[str, Any]:
        """The fields that were sent; the switch by its first name."""
        found = super().fields()
        if "is_active" in found:
            found["enabled"] = found.pop("is_active")
        if self.retry_policy is not None:
            found["retry_policy"] = self.retry_policy.model_dump(by_alias=True)
        return found
