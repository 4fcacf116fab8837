"""Organisations, API keys and what a key allows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

EVERYTHING = "*"


class Scope(StrEnum):
    """What a key may do; `*` stands for all of them."""

    ERP_READ = "erp:read"
    ERP_WRITE = "erp:write"
    ERP_EVENTS = "erp:events"
    ERP_MONITORING = "erp:monitoring"
    ENTITY_READ = "entity:read"
    ENTITY_WRITE = "entity:write"
    ENTITY_SCHEMA = "entity:schema"
    METERING_READ = "metering:read"
    METERING_WRITE = "metering:write"


class KeyKind(StrEnum):
    """Who holds a key: a person or a machine."""

    USER = "user"
    SERVICE = "service"


@dataclass(frozen=True)
class Principal:
    """The caller of a request: an API key and the organisation that it belongs to."""

    org_id: str
    key_id: str
    name: str
    scopes: frozenset[str]

    def may(self, scope: Scope) -> bool:
        """Whether the key carries the scope."""
        return scope in self.scopes or EVERYTHING in self.scopes


@dataclass(frozen=True)
class ApiKey:
    """An API key as it is listed; the key itself is shown once, when it is created."""

    org_id: str
    id: str
    name: str
    kind: KeyKind
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
