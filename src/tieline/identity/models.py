"""Organisations, callers, API keys, and what each of them may do."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

EVERYTHING = "*"


class Scope(StrEnum):
    """What a caller may do; `*` stands for all of them."""

    ERP_READ = "erp:read"
    ERP_WRITE = "erp:write"
    ERP_EVENTS = "erp:events"
    ERP_MONITORING = "erp:monitoring"
    ENTITY_READ = "entity:read"
    ENTITY_WRITE = "entity:write"
    ENTITY_SCHEMA = "entity:schema"
    METERING_READ = "metering:read"
    METERING_WRITE = "metering:write"
    APPLICATION_READ = "application:read"
    APPLICATION_WRITE = "application:write"
    CONNECTOR_READ = "connector:read"
    CONNECTOR_WRITE = "connector:write"
    WEBHOOK_READ = "webhook:read"
    WEBHOOK_WRITE = "webhook:write"
    WEBHOOK_DELIVER = "webhook:deliver"
    WEBHOOK_CONSUME = "webhook:consume"
    EVENT_READ = "event:read"
    EVENT_WRITE = "event:write"
    EVENT_TRIGGER = "event:trigger"
    FILE_READ = "file:read"
    ENVIRONMENT_READ = "environment:read"
    ENVIRONMENT_WRITE = "environment:write"
    KEY_READ = "key:read"
    KEY_WRITE = "key:write"
    KEY_USAGE = "key:usage"
    ACCESS_READ = "access:read"
    ACCESS_WRITE = "access:write"
    AUDIT_READ = "audit:read"


class KeyKind(StrEnum):
    """Who holds a key, and what for."""

    USER = "user"
    SERVICE = "service"
    VIRTUAL_LLM = "virtual_llm"  # for a gateway to language models, which asks about it
    CONNECTOR = "connector"


class CallerKind(StrEnum):
    """By what a caller has shown who it is."""

    KEY = "key"  # an API key
    USER = "user"  # a person's token from an OIDC issuer
    APPLICATION = "application"  # a machine's token from an OIDC issuer


@dataclass(frozen=True)
class Principal:
    """The caller of a request and the organisation on whose behalf it calls.

    `id` is what logs name: the id of the key, of the user or of the application. `user_id` is the
    person behind the call, if there is one. `app_id` is the slug of the application for which the
    key or the token was issued; what such a caller writes is stamped with it. `roles` are those
    from which, besides what was granted singly, the scopes come.
    """

    org_id: str
    id: str
    name: str
    scopes: frozenset[str]
    kind: CallerKind = CallerKind.KEY
    user_id: str | None = None
    app_id: str | None = None
    application_id: str | None = None
    roles: tuple[str, ...] = field(default=())
    rpm_limit: int | None = None

    def may(self, scope: Scope) -> bool:
        """Whether the caller carries the scope."""
        return scope in self.scopes or EVERYTHING in self.scopes

    @property
    def actor_id(self) -> str:
        """Who is named as the author of a change: the person if there is one, else the caller."""
        return self.user_id or self.id
