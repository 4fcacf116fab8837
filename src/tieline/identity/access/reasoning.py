"""From what somebody has and what an operation requires to an answer in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from tieline.identity.access.models import (
    Explanation,
    Grant,
    GrantKind,
    Operation,
    Subject,
)
from tieline.identity.models import EVERYTHING, CallerKind, Scope
from tieline.identity.roles import SCOPES_OF, Role


def grants(subject: Subject, scope: Scope) -> tuple[Grant, ...]:
    """All that gives somebody a scope; nothing when they lack it."""
    found = []
    if EVERYTHING in subject.scopes:
        found.append(Grant(GrantKind.EVERYTHING, EVERYTHING))
    if scope in subject.scopes:
        found.append(Grant(GrantKind.SCOPE, scope))
    having = roles_with(scope)
    found += [Grant(GrantKind.ROLE, role) for role in subject.roles if role in having]
    return tuple(found)


def roles_with(scope: Scope) -> tuple[str, ...]:
    """The roles that hold a scope, least first."""
    return tuple(role.value for role in Role if {scope, EVERYTHING} & SCOPES_OF[role])


def explain(
    subject: Subject, operation: Operation, *, admins: Sequence[Subject] = ()
) -> Explanation:
    """Whether somebody may call an operation, and why. `admins` could help if not."""
    scope = operation.scope
    granted = grants(subject, scope) if scope else ()
    lacking = scope if scope and not granted else None
    if subject.obstacles and not operation.public:
        allowed: bool | None = False
    elif lacking is not None:
        allowed = None if subject.brings_scopes else False
    else:
        allowed = True
    return Explanation(
        operation=operation,
        subject=subject,
        allowed=allowed,
        granted_by=granted,
        missing=lacking,
        roles_with_it=roles_with(scope) if scope else (),
        able_to_grant=tuple(admins) if allowed is False else (),
        message=" ".join(_sentences(subject, operation, granted, lacking)),
    )


def _sentences(
    subject: Subject, operation: Operation, granted: Sequence[Grant], lacking: Scope | None
) -> list[str]:
    who = f"{_NOUNS[subject.kind]} {subject.name!r}"
    if operation.public:
        return [f"Everybody may call {operation.name}: it needs no credentials."]
    told = [f"{who} is refused everywhere: {each.message}" for each in subject.obstacles]
    if operation.scope is None:
        told.append(f"{operation.name} needs no scope: every valid caller may call it.")
    elif lacking is None:
        reasons = " and ".join(_in_words(grant) for grant in granted)
        told.append(
            f"{who} has the scope {operation.scope}, which {operation.name} needs: {reasons}."
        )
    elif subject.brings_scopes:
        told += _what_the_token_must_bring(operation, lacking)
    else:
        told.append(f"{who} lacks the scope {lacking}, which {operation.name} needs.")
        told.append(_next_step(subject, lacking))
    if subject.rpm_limit is not None:
        told.append(f"At most {subject.rpm_limit:,} requests a minute are answered.")
    return told


_NOUNS = {
    CallerKind.KEY: "The API key",
    CallerKind.USER: "The user",
    CallerKind.APPLICATION: "The application",
}


def _in_words(grant: Grant) -> str:
    match grant.kind:
        case GrantKind.EVERYTHING:
            return "it has * (everything)"
        case GrantKind.SCOPE:
            return f"the scope {grant.name} is granted singly"
        case GrantKind.ROLE:
            return f"the role {grant.name} holds it"


def _what_the_token_must_bring(operation: Operation, lacking: Scope) -> list[str]:
    return [
        f"It depends on the token: {operation.name} needs the scope {lacking}.",
        f"The issuer has to name {lacking} in the token's claim scope, or give it a role that is "
        f"mapped to {_either(roles_with(lacking))}.",
    ]


def _next_step(subject: Subject, lacking: Scope) -> str:
    roles = _either(roles_with(lacking))
    match subject.kind:
        case CallerKind.USER:
            return (
                f"The role {roles} holds it. Somebody with the scope {Scope.ACCESS_WRITE} who has "
                f"these rights gives it with updateUser, or the issuer with its own roles."
            )
        case CallerKind.KEY:
            return (
                f"The scopes of a key stay as they are. Somebody with the scope {Scope.KEY_WRITE} "
                f"who has {lacking} creates another key with it."
            )
        case CallerKind.APPLICATION:
            return (
                f"The issuer has to name {lacking} in the token's claim scope, or give it a role "
                f"that is mapped to {roles}."
            )


def _either(names: Sequence[str]) -> str:
    return " or ".join(names)
