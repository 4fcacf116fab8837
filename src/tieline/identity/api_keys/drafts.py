"""What callers write of an API key."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field, StrictInt, StringConstraints
from pydantic.config import JsonDict

from tieline.identity.api_keys.models import MOST_PER_MINUTE
from tieline.identity.models import KeyKind
from tieline.records.drafts import Flag, Moment, RecordDraft, Texts, Word, reference
from tieline.records.identifiers import UuidForm

_STAMP: JsonDict = {"readOnly": True}

Limit = Annotated[StrictInt, Field(ge=1, le=MOST_PER_MINUTE)]
Money = Annotated[
    Decimal, Field(gt=0, max_digits=18, decimal_places=9, json_schema_extra={"type": "number"})
]
KeyName = Annotated[str, StringConstraints(min_length=1, max_length=100)]


def _stamp(description: str) -> Any:
    return Field(
        default=None, description=f"{description} Ignored when sent.", json_schema_extra=_STAMP
    )


class KeyDraft(RecordDraft):
    """What may be said of a key; whom it is for and what it allows, only when it is created."""

    name: KeyName | None = Field(default=None, description="What the key is for.")
    tags: Texts | None = Field(default=None, description="Free words to find it by.")
    blocked: Flag | None = Field(
        default=None, description="Whether the key is refused until it is unblocked."
    )
    blocked_reason: Word | None = Field(default=None, description="Why it is blocked.")
    rpm_limit: Limit | None = Field(default=None, description="Requests per minute.")
    tpm_limit: Limit | None = Field(default=None, description="Tokens per minute.")
    max_budget_usd: Money | None = Field(
        default=None, description="What may be spent in all; reaching it blocks the key."
    )
    allowed_models: Texts | None = Field(
        default=None, description="The models that it is for; null for all of them."
    )
    expires_at: Moment | None = Field(default=None, description="From when on it is refused.")
    kind: KeyKind | None = Field(default=None, description="Who holds it; `service` by default.")
    issued_to_user_id: Annotated[Word, StringConstraints(min_length=1)] | None = Field(
        default=None,
        description="The person who holds it, and in whose name it acts; a user's own by default "
        "where the kind is `user`.",
    )
    issued_to_service: Word | None = Field(default=None, description="The service that holds it.")
    scopes: Texts | None = Field(
        default=None,
        description="What it allows. Without them, the scopes of whoever creates it; none for "
        "the kind `virtual_llm`.",
    )
    roles: Texts | None = Field(
        default=None, description="Roles whose scopes it has besides: viewer, operator and so on."
    )
    application_id: reference(UuidForm("app")) | None = Field(  # type: ignore[valid-type]
        default=None, description="The application that it is issued for."
    )
    key: Any = _stamp("The key itself.")
    key_hash: Any = _stamp("Its SHA-256.")
    key_fingerprint: Any = _stamp("Its SHA-256.")
    prefix: Any = _stamp("How it begins.")
    key_prefix: Any = _stamp("How it begins.")
    status: Any = _stamp("Whether it can be used.")
    spend_usd: Any = _stamp("What was spent.")
    tokens_used: Any = _stamp("The tokens that were used.")
    last_used_at: Any = _stamp("When it was used last.")
    rotated_from_key_id: Any = _stamp("The key that it took the place of.")
    created_by_user_id: Any = _stamp("The person who created it.")
    revoked_at: Any = _stamp("When it was revoked.")
    token_type: Any = _stamp("What it is for as an access token.")
    journey_id: Any = _stamp("The journey of an access token.")
    portal_id: Any = _stamp("The portal of an access token.")
