"""What callers write of a webhook."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    StringConstraints,
    model_validator,
)

from tieline.outbound.webhooks.auth_drafts import AuthDraft
from tieline.outbound.webhooks.authentication import (
    secret_reference,
    settled,
    without_switches,
)
from tieline.outbound.webhooks.condition_drafts import ConditionsDraft, FilterDraft
from tieline.outbound.webhooks.models import (
    Direction,
    HttpMethod,
    SignatureScheme,
    Transport,
    Webhook,
)
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

MOST_CONCURRENT = 100
FASTEST = 10_000
_MAX_EXPRESSION = 1_000_000  # how long one may be is a setting, which is checked with its syntax


def _rate(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("must be a number")  # noqa: TRY004 - for pydantic
    return float(min(value, 2 * FASTEST))  # too much is refused by the bound, however much it is


Rate = Annotated[float, Field(gt=0, le=FASTEST), BeforeValidator(_rate)]
Concurrency = Annotated[StrictInt, Field(ge=1, le=MOST_CONCURRENT)]
Expression = Annotated[str, StringConstraints(max_length=_MAX_EXPRESSION)]
ManifestId = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F-]{36}$")]
Manifest = Annotated[list[ManifestId], Field(max_length=50)]
Headers = Annotated[dict[str, str], Field(max_length=50)]


class PayloadDraft(BaseModel):
    """What messages hold besides the event itself."""

    model_config = ConfigDict(extra="forbid")

    hydrate_entity: Flag = Field(
        default=False, description="The entity with its related entities in place of references."
    )
    include_relations: Flag = Field(default=False, description="The related entities, as a list.")
    include_activity: Flag = Field(default=False, description="The activity that led to it.")
    include_changed_attributes: Flag = Field(
        default=False, description="What was added, changed and removed."
    )


class SecureProxyDraft(BaseModel):
    """Requests leave through the configured forward proxy, for this use case."""

    model_config = ConfigDict(extra="forbid")

    integration_id: UUID
    use_case_slug: Annotated[str, StringConstraints(min_length=1, max_length=200)]


Delay = Annotated[float, Field(ge=0, le=604_800, allow_inf_nan=False)]
Delays = Annotated[list[Delay], Field(min_length=1, max_length=25)]


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
    delays_seconds: Delays | None = Field(
        default=None,
        alias="delaysSeconds",
        exclude_if=lambda delays: delays is None,
        description="The waits between attempts in place of the usual ones; the last one repeats.",
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
    headers: Headers | None = Field(
        default=None,
        description="Headers that every delivery carries. Those that carry a secret refer to it "
        "as {{env.key}}. Who calls is told by `auth`.",
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
    http_method: HttpMethod | None = Field(
        default=None, description="The method; POST by default. GET and HEAD carry no body."
    )
    auth: AuthDraft | None = Field(
        default=None, description="How the receiver is told who calls; null is not at all."
    )
    filter: FilterDraft | None = Field(
        default=None, description="The values of a field with which events are sent."
    )
    filter_conditions: ConditionsDraft | None = Field(
        default=None, description="The conditions under which events are sent."
    )
    jsonata_expression: Expression | None = Field(
        default=None, description="A JSONata expression that makes the body of the message."
    )
    payload_configuration: PayloadDraft | None = Field(
        default=None, description="What the message holds besides the event itself."
    )
    ordered: Flag | None = Field(
        default=None,
        description="Whether messages about the same entity are sent one after the other; each "
        "waits until the one before has arrived or is given up.",
    )
    max_concurrency: Concurrency | None = Field(
        default=None, description="How many requests may be under way at once; 10 by default."
    )
    rate_limit_per_second: Rate | None = Field(
        default=None, description="How many requests may begin per second; null is no limit."
    )
    transport: Transport | None = Field(
        default=None,
        description="`push`, the default: messages are sent to the url. `pull`: they wait until a "
        "consumer asks for them.",
    )
    protected: Flag | None = Field(
        default=None,
        description="While it is true, no change is accepted that does not make it false.",
    )
    enable_static_ip: Flag | None = Field(
        default=None, description="Whether requests leave through the configured forward proxy."
    )
    secure_proxy: SecureProxyDraft | None = Field(
        default=None, description="The same, for a use case that needs it."
    )
    manifest: Manifest | None = Field(
        default=None, description="The ids of the manifests that have made it."
    )
    disabled_reason: Any = stamp("Why it was disabled, if nobody has decided that.")
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

    def without_reference_of(self, before: Webhook) -> Self:
        """The same, where a reference that is left out is meant to go, as in files."""
        if self.auth is None or secret_reference(before.auth) is None:
            return self
        return self.model_copy(update={"auth": self.auth.with_secret_stated()})

    def fields_on(self, before: Webhook) -> dict[str, Any]:
        """The fields that a webhook gets; a view in which less can be said may leave some out."""
        return self.fields()

    def fields(self) -> dict[str, Any]:
        """The fields that were sent; the switch by its first name."""
        found = super().fields()
        if "is_active" in found:
            found["enabled"] = found.pop("is_active")
        for name, value in found.items():
            if isinstance(value, BaseModel):
                found[name] = value.model_dump(mode="json", by_alias=True, exclude_none=True)
        if self.auth is not None:
            # Without the secret, which is for the store: see `authentication.py`.
            found["auth"] = without_switches(settled(None, self.auth.stated()).document)
        return found
