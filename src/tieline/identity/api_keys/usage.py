"""What keys spend, and whether they may go on: for gateways that call models on behalf of keys."""

from __future__ import annotations

from collections.abc import Callable

from tieline.audit.recording import record
from tieline.database import Database
from tieline.identity import keys
from tieline.identity.api_keys import repository
from tieline.identity.api_keys.errors import ApiKeyNotFound, BudgetExhausted, ModelNotAllowed
from tieline.identity.api_keys.models import (
    BUDGET_EXHAUSTED,
    KEYS,
    ApiKey,
    KeyStatus,
    Refusal,
    Usage,
    Verdict,
)
from tieline.identity.applications.errors import ApplicationSuspended
from tieline.identity.applications.models import APPLICATIONS
from tieline.identity.changes import Change, announce
from tieline.identity.errors import InvalidApiKey
from tieline.identity.limits import repository as limits
from tieline.identity.limits.errors import RateLimited
from tieline.identity.limits.service import Limiter, tokens_of
from tieline.identity.models import Principal, Scope
from tieline.identity.users.errors import UserDisabled
from tieline.identity.users.models import USERS
from tieline.kit.errors import TielineError
from tieline.kit.time import Clock, utc_now
from tieline.records.repository import find_record


class KeyUsage:
    """Records what was used and answers gateways. `on_change` hears of blocked keys."""

    def __init__(
        self,
        database: Database,
        limiter: Limiter,
        clock: Clock = utc_now,
        on_change: Callable[[Change], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._limiter = limiter
        self._clock = clock
        self._on_change = on_change

    async def record(self, caller: Principal, key_id: str, usage: Usage) -> Verdict:
        """Add what a call really used, even of a key that is refused by now.

        The verdict is about the next call. Spending that reaches the budget blocks the key.
        Raises `ApiKeyNotFound`.
        """
        seen_by = None if caller.id == key_id else caller.app_id
        async with self._database.organisation(caller.org_id) as tx:
            if await find_record(tx, KEYS, key_id, app_id=seen_by) is None:
                raise ApiKeyNotFound
            found = await repository.add_usage(
                tx, key_id, caller.actor_id, usage.tokens, usage.cost_usd, self._clock()
            )
            if found is None:
                raise ApiKeyNotFound
            key, has_blocked = found
            if has_blocked:
                await record(
                    tx, "key.blocked", KEYS.noun, KEYS.wire_id(key), after=KEYS.document(key)
                )
                await announce(tx, key_id)
            beyond = usage.tokens - usage.checked_tokens
            if not caller.may(Scope.KEY_USAGE):
                beyond = max(beyond, 0)  # nobody wins back their own tokens
            if key.tpm_limit is not None and beyond:
                await limits.add(tx, tokens_of(key_id), beyond)
        if has_blocked:
            self._on_change(Change(caller.org_id, key_id))
        return Verdict(key, self._refusal(key, usage.model, model_is_required=False))

    async def check(self, org_id: str, text: str, model: str | None, tokens: int) -> Verdict:
        """Whether the organisation's key may make a call; one that may is counted at once."""
        key = await self._find(org_id, text)
        if key is None:
            return Verdict(None, _refused(InvalidApiKey()))
        refusal = self._refusal(key, model, model_is_required=True)
        if refusal is None and not await self._application_may_act(key):
            refusal = _refused(ApplicationSuspended())
        if refusal is None and await self._user_is_disabled(key):
            refusal = _refused(UserDisabled())
        if refusal is not None:
            return Verdict(key, refusal)
        try:
            await self._limiter.admit_model_call(
                org_id, key.id, rpm=key.rpm_limit, tpm=key.tpm_limit, tokens=tokens
            )
        except RateLimited as error:
            return Verdict(key, Refusal(error.code, error.message, error.retry_after))
        return Verdict(key)

    async def _find(self, org_id: str, text: str) -> ApiKey | None:
        if not keys.is_well_formed(text):
            return None
        async with self._database.reading(org_id) as tx:
            return await repository.find_key_of_hash(tx, keys.fingerprint(text))

    async def _application_may_act(self, key: ApiKey) -> bool:
        if key.application_id is None:
            return True
        async with self._database.reading(key.org_id) as tx:
            application = await find_record(tx, APPLICATIONS, key.application_id)
        return application is not None and application.may_act

    async def _user_is_disabled(self, key: ApiKey) -> bool:
        if key.issued_to_user_id is None:
            return False
        async with self._database.reading(key.org_id) as tx:
            user = await find_record(tx, USERS, key.issued_to_user_id)
        return user is not None and user.disabled

    def _refusal(
        self, key: ApiKey, model: str | None, *, model_is_required: bool
    ) -> Refusal | None:
        match key.status_at(self._clock()):
            case KeyStatus.REVOKED if key.blocked_reason == BUDGET_EXHAUSTED:
                return _refused(BudgetExhausted())
            case KeyStatus.REVOKED:
                reason = f" ({key.blocked_reason})" if key.blocked_reason else ""
                return _refused(InvalidApiKey(f"The key is blocked{reason}. Use another one."))
            case KeyStatus.EXPIRED:
                return _refused(InvalidApiKey("The key has expired. Use another one."))
            case KeyStatus.ACTIVE:
                return _about_model(key, model, is_required=model_is_required)


def _refused(error: TielineError) -> Refusal:
    return Refusal(error.code, error.message)


def _about_model(key: ApiKey, model: str | None, *, is_required: bool) -> Refusal | None:
    allowed = key.allowed_models
    if allowed is None or model in allowed or (model is None and not is_required):
        return None
    asked = f"the model {model!r}" if model is not None else "a call that names no model"
    return _refused(
        ModelNotAllowed(
            f"The key is not for {asked}. Its allowed_models: {', '.join(allowed) or 'none'}."
        )
    )
