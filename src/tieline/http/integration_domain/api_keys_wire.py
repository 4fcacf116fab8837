"""How API keys look on the wire."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field, StrictInt, WithJsonSchema

from tieline.http.bodies import BoundedBody
from tieline.http.integration_domain.parts import PageReply, RecordReply, Version
from tieline.identity.api_keys.drafts import KeyDraft
from tieline.identity.api_keys.models import (
    KEYS,
    CreatedKey,
    KeyStatus,
    TokenType,
    Usage,
    Verdict,
)
from tieline.identity.models import KeyKind
from tieline.records.drafts import Word

_MOST_TOKENS = 1_000_000_000
_MONEY = WithJsonSchema({"type": "number"})

Tokens = Annotated[StrictInt, Field(ge=0, le=_MOST_TOKENS)]
Dollars = Annotated[Decimal, _MONEY]


class KeyBody(BoundedBody, KeyDraft):
    """A new key. Everything may be left out; what the server stamps is ignored."""


class KeyChangeBody(KeyBody):
    """What to change of a key. What is left out stays, what is null is cleared.

    Whom it is for and what it allows never changes: `kind`, `issued_to_user_id`,
    `issued_to_service`, `scopes`, `roles` and `application_id` may be sent as they are only.
    """

    version: Version


class RotationBody(BoundedBody):
    """How a key is replaced."""

    model_config = {"extra": "forbid"}

    overlap_seconds: Annotated[StrictInt, Field(ge=0, le=30 * 86_400)] = Field(
        default=86_400, description="How long the key that is replaced stays valid, at most."
    )


class UsageBody(BoundedBody):
    """What a call of a model really used."""

    model_config = {"extra": "forbid"}

    tokens: Tokens = Field(default=0, description="Tokens of the prompt and of the answer.")
    cost_usd: Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=9), _MONEY] = Field(
        default=Decimal(0),
        description="What the call has cost, in US dollars.",
        # A decimal would stand in the page as a text, which is not of the type `number`.
        json_schema_extra={"default": 0},
    )
    model: Word | None = Field(default=None, description="The model that was called.")
    checked_tokens: Tokens = Field(
        default=0, description="The tokens that the check before the call has counted already."
    )

    def usage(self) -> Usage:
        """What is to be recorded."""
        return Usage(self.tokens, self.cost_usd, self.model, self.checked_tokens)


class CheckBody(BoundedBody):
    """A key, and the call that somebody wants to make with it."""

    model_config = {"extra": "forbid"}

    key: Annotated[str, Field(min_length=1, max_length=500)] = Field(description="The key itself.")
    model: Word | None = Field(default=None, description="The model that is to be called.")
    tokens: Tokens = Field(default=0, description="How many tokens the call is likely to use.")


class KeyReply(RecordReply):
    """An API key, without the key itself."""

    name: str = Field(description="What the key is for.")
    kind: KeyKind = Field(description="Who holds it.")
    issued_to_user_id: str | None = Field(description="The person in whose name it acts.")
    issued_to_service: str | None = Field(description="The service that holds it.")
    scopes: list[str] = Field(description="What it allows, granted singly.")
    roles: list[str] = Field(description="Roles whose scopes it has besides.")
    allowed_models: list[str] | None = Field(description="null is all models.")
    tpm_limit: int | None = Field(description="Tokens per minute; null is no limit.")
    rpm_limit: int | None = Field(description="Requests per minute; null is no limit.")
    max_budget_usd: Dollars | None = Field(description="What may be spent; null is no budget.")
    spend_usd: Dollars = Field(description="What was spent, in US dollars.")
    tokens_used: int = Field(description="The tokens that were used.")
    blocked: bool = Field(description="true exactly if `status` is `revoked`.")
    blocked_reason: str | None = Field(description="Why it is blocked.")
    last_used_at: datetime | None = Field(description="To about ten seconds.")
    expires_at: datetime | None = Field(description="From when on it is refused.")
    revoked_at: datetime | None = Field(description="When it was revoked for good.")
    rotated_from_key_id: str | None = Field(description="The key in whose place it was created.")
    created_by_user_id: str | None = Field(description="The person who created it, if one did.")
    tags: list[str] = Field(description="Words to find it by.")
    application_id: str | None = Field(description="The application that it was issued for.")
    key_prefix: str = Field(description="How the key begins: its kind and six characters.")
    prefix: str = Field(description="Another name of key_prefix.")
    status: KeyStatus = Field(description="Whether it can be used.")
    token_type: TokenType = Field(description="What it is for as an access token.")
    journey_id: str | None = Field(description="Of a journey's access token.")
    portal_id: str | None = Field(description="Of a portal's access token.")


class CreatedKeyReply(KeyReply):
    """A new API key; `key` is shown only here."""

    key: str | None = Field(description="null when an `Idempotency-Key` is sent again.")
    key_hash: str | None = Field(description="The SHA-256 of the key in hex; shown only here.")
    key_fingerprint: str | None = Field(description="The same.")


class KeyPage(PageReply):
    """A page of API keys."""

    items: list[KeyReply]


class VerdictReply(BoundedBody):
    """Whether a key may go on, and if not, why."""

    allowed: bool = Field(description="Whether the key may make a call.")
    code: str | None = Field(description="Why not; null if allowed.")
    message: str | None = Field(description="The same in words; null if allowed.")
    retry_after: int | None = Field(description="Seconds, where waiting helps.")
    id: str | None = Field(description="The key's id; null for a key that does not exist.")
    blocked: bool | None = Field(description="Whether it is refused until it is unblocked.")
    spend_usd: Dollars | None = Field(description="What was spent, in US dollars.")
    max_budget_usd: Dollars | None = Field(description="What may be spent; null is no budget.")
    remaining_usd: Dollars | None = Field(description="null without a budget.")
    tokens_used: int | None = Field(description="The tokens that were used.")


def created_document(created: CreatedKey) -> dict[str, Any]:
    """A new key, this once with the key itself."""
    return {
        **KEYS.document(created.key),
        "key": created.text,
        "key_hash": created.fingerprint,
        "key_fingerprint": created.fingerprint,
    }


def verdict_document(verdict: Verdict) -> dict[str, Any]:
    """A verdict, and how the key's money stands."""
    key, refusal = verdict.key, verdict.refusal
    budget = key.max_budget_usd if key else None
    return {
        "allowed": verdict.allowed,
        "code": refusal.code if refusal else None,
        "message": refusal.message if refusal else None,
        "retry_after": refusal.retry_after if refusal else None,
        "id": KEYS.wire_id(key) if key else None,
        "blocked": key.blocked if key else None,
        "spend_usd": key.spend_usd if key else None,
        "max_budget_usd": budget,
        "remaining_usd": max(budget - key.spend_usd, Decimal(0)) if key and budget else None,
        "tokens_used": key.tokens_used if key else None,
    }
