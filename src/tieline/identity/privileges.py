"""Privileges never grow: what somebody gives away, they have themselves."""

from __future__ import annotations

from collections.abc import Iterable

from tieline.identity.errors import PrivilegeEscalation, UnknownRole, UnknownScope
from tieline.identity.models import EVERYTHING, Principal, Scope
from tieline.identity.roles import Role


def known_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """The scopes, each once, in their order. Raises `UnknownScope`."""
    wanted = tuple(dict.fromkeys(scopes))
    for scope in wanted:
        if scope != EVERYTHING and scope not in set(Scope):
            raise UnknownScope(f"There is no scope {scope!r}. Use *, {', '.join(Scope)}.")
    return wanted


def known_roles(roles: Iterable[str]) -> tuple[str, ...]:
    """The roles, each once, in their order. Raises `UnknownRole`."""
    wanted = tuple(dict.fromkeys(roles))
    for role in wanted:
        if role not in set(Role):
            raise UnknownRole(f"There is no role {role!r}. Use {', '.join(Role)}.")
    return wanted


def refuse_escalation(giver: Principal, scopes: Iterable[str]) -> None:
    """Raises `PrivilegeEscalation`, naming the scopes that the giver does not have."""
    if EVERYTHING in giver.scopes:
        return
    beyond = sorted(set(scopes) - giver.scopes)
    if beyond:
        raise PrivilegeEscalation(
            f"You lack {', '.join(beyond)}, and cannot give away what you do not have. Leave out "
            "these scopes, or ask somebody who has them."
        )
