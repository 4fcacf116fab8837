"""Roles: named sets of scopes for people and machines."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from tieline.identity.models import EVERYTHING, Scope


class Role(StrEnum):
    """What somebody is here for. Each role may do all that the one before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    EDITOR = "editor"
    ADMIN = "admin"


_VIEWER = frozenset[str](
    {
        Scope.ERP_READ,
        Scope.ERP_MONITORING,
        Scope.ENTITY_READ,
        Scope.METERING_READ,
        Scope.APPLICATION_READ,
        Scope.CONNECTOR_READ,
        Scope.WEBHOOK_READ,
        Scope.EVENT_READ,
        Scope.ENVIRONMENT_READ,
    }
)
_OPERATOR = _VIEWER | {
    Scope.ERP_EVENTS,
    Scope.EVENT_TRIGGER,
    Scope.WEBHOOK_DELIVER,
    Scope.WEBHOOK_CONSUME,
    Scope.FILE_READ,
}
_EDITOR = _OPERATOR | {
    Scope.ERP_WRITE,
    Scope.ENTITY_WRITE,
    Scope.ENTITY_SCHEMA,
    Scope.METERING_WRITE,
    Scope.APPLICATION_WRITE,
    Scope.CONNECTOR_WRITE,
    Scope.WEBHOOK_WRITE,
    Scope.EVENT_WRITE,
    Scope.ENVIRONMENT_WRITE,
}

SCOPES_OF: dict[Role, frozenset[str]] = {
    Role.VIEWER: _VIEWER,
    Role.OPERATOR: _OPERATOR,
    Role.EDITOR: _EDITOR,
    Role.ADMIN: frozenset({EVERYTHING}),
}


def scopes_of_roles(roles: Iterable[str]) -> frozenset[str]:
    """All scopes of some roles together; a role that no longer exists grants nothing."""
    known = [SCOPES_OF[Role(role)] for role in roles if role in set(Role)]
    return frozenset[str]().union(*known)
