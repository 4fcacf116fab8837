"""API keys as they are stored and shown, and what is asked of a key before a model is called."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from tieline.identity.models import KeyKind
from tieline.identity.roles import scopes_of_roles
from tieline.records.columns import ApplicationId
from tieline.records.envelope import Envelope
from tieline.records.identifiers import KEY_ID
from tieline.records.table import RecordTable

BUDGET_EXHAUSTED = "budget_exhausted"
REVOKED = "revoked"
MOST_PER_MINUTE = 1_000_000_000


class KeyStatus(StrEnum):
    """Whether a key can be used."""

    ACTIVE = "active"
    REVOKED = "revoked"  # for good, or blocked until somebody unblocks it
    EXPIRED = "expired"


class TokenType(StrEnum):
    """What a key is for where it is seen as an access token."""

    API = "api"
    JOURNEY = "journey"
    PORTAL = "portal"
    ASSUME = "assume"
    APP = "app"


@dataclass(frozen=True, kw_only=True)
class ApiKey(Envelope):
    """An API key without the key itself, which is shown once, when it is created.

    `id` is the one of logs, `api_<ULID>`. `roles` grant their scopes beside the `scopes` granted
    singly. `blocked` and the status `revoked` always agree; `revoked_at` tells a key that was
    revoked for good from one that is only blocked. Money is in US dollars, limits are per minute.
    """

    id: str
    name: str = "API key"
    kind: KeyKind = KeyKind.SERVICE
    issued_to_user_id: str | None = None
    issued_to_service: str | None = None
    scopes: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    allowed_models: tuple[str, ...] | None = None
    tpm_limit: int | None = None
    rpm_limit: int | None = None
    max_budget_usd: Decimal | None = None
    spend_usd: Decimal = Decimal(0)
    tokens_used: int = 0
    blocked: bool = False
    blocked_reason: str | None = None
    last_used_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    rotated_from_key_id: Annotated[str, KEY_ID] | None = None
    created_by_user_id: str | None = None
    tags: tuple[str, ...] = ()
    application_id: ApplicationId | None = None
    key_prefix: str
    token_type: TokenType = TokenType.API
    journey_id: str | None = None
    portal_id: str | None = None
    status: KeyStatus = KeyStatus.ACTIVE

    def status_at(self, moment: datetime) -> KeyStatus:
        """The status as of a moment."""
        if self.blocked:
            return KeyStatus.REVOKED
        if self.expires_at is not None and self.expires_at <= moment:
            return KeyStatus.EXPIRED
        return KeyStatus.ACTIVE

    @property
    def effective_scopes(self) -> frozenset[str]:
        """All that the key allows: what was granted singly, and by its roles."""
        return frozenset(self.scopes) | scopes_of_roles(self.roles)

    @property
    def budget_is_used_up(self) -> bool:
        """Whether as much was spent as may be spent."""
        return self.max_budget_usd is not None and self.spend_usd >= self.max_budget_usd


KEYS = RecordTable.of(
    ApiKey,
    name="api_keys",
    noun="key",
    id_form=KEY_ID,
    second_names={"prefix": "key_prefix"},
    computed={
        "status": "CASE WHEN blocked THEN 'revoked' WHEN expires_at <= now() THEN 'expired' "
        "ELSE 'active' END"
    },
)


@dataclass(frozen=True)
class CreatedKey:
    """A new key, its text, which cannot be read again, and the SHA-256 of that in hex."""

    key: ApiKey
    text: str
    fingerprint: str


@dataclass(frozen=True)
class Usage:
    """What a call of a model really used; `checked_tokens` were counted by the check before it."""

    tokens: int
    cost_usd: Decimal
    model: str | None = None
    checked_tokens: int = 0


@dataclass(frozen=True)
class Refusal:
    """Why a key may not go on, and after how many seconds it may try again, if waiting helps."""

    code: str
    message: str
    retry_after: int | None = None


@dataclass(frozen=True)
class Verdict:
    """Whether a key, if there is such a key, may go on: it may unless something refuses it."""

    key: ApiKey | None
    refusal: Refusal | None = None

    @property
    def allowed(self) -> bool:
        """Whether it may."""
        return self.refusal is None
