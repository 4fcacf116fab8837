"""What a key may be: pure checks, and what follows from a change."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from tieline.identity.api_keys.errors import (
    BudgetExhausted,
    InvalidKey,
    InvalidKeyName,
    KeyNotActive,
    KeyRevoked,
)
from tieline.identity.api_keys.models import (
    BUDGET_EXHAUSTED,
    MOST_PER_MINUTE,
    REVOKED,
    ApiKey,
    KeyStatus,
)
from tieline.identity.errors import PrivilegeEscalation
from tieline.identity.models import KeyKind, Principal, Scope
from tieline.identity.privileges import known_roles, known_scopes, refuse_escalation

_LONGEST_NAME = 100
# What a key is for and what it allows: whoever holds it must be able to rely on that.
_FIXED = ("kind", "issued_to_user_id", "issued_to_service", "scopes", "roles", "application_id")


def checked(key: ApiKey, now: datetime) -> ApiKey:
    """A new or changed key with whatever follows from its fields.

    Raises `InvalidKeyName`, `InvalidKey`, `UnknownScope` and `UnknownRole`.
    """
    if not 1 <= len(key.name.strip()) <= _LONGEST_NAME or not key.name.isprintable():
        raise InvalidKeyName
    for name in ("rpm_limit", "tpm_limit"):
        limit = getattr(key, name)
        if limit is not None and not 1 <= limit <= MOST_PER_MINUTE:
            raise InvalidKey(f"{name}: 1 to {MOST_PER_MINUTE:,}. Block the key to let none pass.")
    if key.blocked_reason is not None and not key.blocked:
        raise InvalidKey("blocked_reason: the key is not blocked. Send `blocked: true` with it.")
    if key.budget_is_used_up and not key.blocked:
        key = replace(key, blocked=True, blocked_reason=BUDGET_EXHAUSTED)
    return replace(
        key,
        scopes=known_scopes(key.scopes),
        roles=known_roles(key.roles),
        status=key.status_at(now),
    )


def granted(giver: Principal, kind: KeyKind, roles: tuple[str, ...]) -> tuple[str, ...]:
    """The scopes of a key for which its giver has named none."""
    return () if kind is KeyKind.VIRTUAL_LLM or roles else tuple(sorted(giver.scopes))


def refuse_too_much(giver: Principal, key: ApiKey) -> None:
    """Raises `PrivilegeEscalation` when the key could do what its giver cannot."""
    refuse_escalation(giver, key.effective_scopes)
    if key.issued_to_user_id not in (None, giver.user_id) and not giver.may(Scope.ACCESS_WRITE):
        raise PrivilegeEscalation(
            "issued_to_user_id: only who may change users (scope access:write) issues keys in the "
            "name of others. Leave it out."
        )


def lets_do_more(before: ApiKey, after: ApiKey, now: datetime) -> bool:
    """Whether a change lets a key be used that could not be used before, or for longer."""
    if after.status_at(now) is not KeyStatus.ACTIVE:
        return False
    if before.status_at(now) is not KeyStatus.ACTIVE:
        return True
    end = before.expires_at
    return end is not None and (after.expires_at is None or after.expires_at > end)


def changed(before: ApiKey, after: ApiKey, now: datetime) -> ApiKey:
    """What a change leads to: of blocking, unblocking and of a new budget.

    Raises `InvalidKey` for what never changes, and `KeyRevoked` and `BudgetExhausted` for a key
    that cannot be unblocked in this way.
    """
    for name in _FIXED:
        if getattr(after, name) != getattr(before, name):
            raise InvalidKey(f"{name}: never changes. Leave it out, or create another key.")
    if before.blocked and not after.blocked:
        if before.revoked_at is not None:
            raise KeyRevoked
        if after.budget_is_used_up:
            raise BudgetExhausted
        after = replace(after, blocked_reason=None)
    elif _has_budget_again(before, after):
        after = replace(after, blocked=False, blocked_reason=None)
    elif before.revoked_at is not None:
        after = replace(after, blocked_reason=before.blocked_reason)
    return checked(after, now)


def revoked(key: ApiKey, now: datetime) -> ApiKey:
    """The key, revoked for good; the first moment stays."""
    if key.revoked_at is not None:
        return key
    reason = key.blocked_reason or REVOKED
    return replace(
        key, blocked=True, blocked_reason=reason, revoked_at=now, status=KeyStatus.REVOKED
    )


def successor(old: ApiKey, now: datetime) -> dict[str, object]:
    """The fields of the key that takes the place of another: the same rights, money and lifetime.

    Raises `KeyNotActive` for a key that cannot be used any more.
    """
    if old.status_at(now) is not KeyStatus.ACTIVE:
        raise KeyNotActive(
            f"The key {old.name!r} is {old.status_at(now)}; only one that can be used is rotated."
        )
    kept = (
        *("name", "kind", "issued_to_user_id", "issued_to_service", "scopes", "roles"),
        *("allowed_models", "tpm_limit", "rpm_limit", "max_budget_usd", "spend_usd", "tags"),
        *("application_id", "source", "source_type"),
    )
    fields = {name: getattr(old, name) for name in kept}
    lifetime = old.expires_at - old.created_at if old.expires_at else None
    return {
        **fields,
        "rotated_from_key_id": old.id,
        "expires_at": now + lifetime if lifetime else None,
    }


def _has_budget_again(before: ApiKey, after: ApiKey) -> bool:
    return (
        before.blocked_reason == after.blocked_reason == BUDGET_EXHAUSTED
        and before.revoked_at is None
        and after.max_budget_usd != before.max_budget_usd
        and not after.budget_is_used_up
    )
