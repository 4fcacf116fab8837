"""A question about rights, and its answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tieline.identity.models import CallerKind, Scope


@dataclass(frozen=True)
class Operation:
    """An operation of an API, and the scope that it requires of its callers.

    Without a scope any valid caller may call it, and if it is `public` everybody.
    """

    name: str
    method: str
    path: str
    scope: Scope | None
    public: bool = False


class GrantKind(StrEnum):
    """What grants a scope."""

    SCOPE = "scope"  # granted singly
    ROLE = "role"
    EVERYTHING = "everything"  # the scope `*`, granted singly


@dataclass(frozen=True)
class Grant:
    """One reason why somebody has a scope: the name of a role or scope."""

    kind: GrantKind
    name: str


@dataclass(frozen=True)
class Obstacle:
    """Why somebody is refused whatever their scopes are, as the refusal says it."""

    code: str
    message: str


@dataclass(frozen=True)
class Subject:
    """Whom a question is about. `scopes` are those granted singly, beside those of `roles`.

    `brings_scopes` is set for an application whose tokens bring their scopes along, so that nothing
    is known of them before one comes.
    """

    id: str
    kind: CallerKind
    name: str
    scopes: frozenset[str] = frozenset()
    roles: tuple[str, ...] = ()
    app_id: str | None = None
    obstacles: tuple[Obstacle, ...] = ()
    rpm_limit: int | None = None
    brings_scopes: bool = False


@dataclass(frozen=True)
class Explanation:
    """The answer: `allowed` is None when it depends on what a token will bring along.

    `roles_with_it` are the roles that hold the scope. `message` says it all in words, with the next
    step; `able_to_grant` are users who could take that step.
    """

    operation: Operation
    subject: Subject
    allowed: bool | None
    granted_by: tuple[Grant, ...]
    missing: Scope | None
    roles_with_it: tuple[str, ...]
    able_to_grant: tuple[Subject, ...]
    message: str
