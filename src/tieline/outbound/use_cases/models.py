"""The status of an outbound use case: what it depends on, and what contradicts it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tieline.integrations.models import UseCase


class Status(StrEnum):
    """Whether an outbound use case can work."""

    OK = "ok"
    CONFLICT = "conflict"  # it is enabled, and what it depends on is not
    DISABLED = "disabled"


class ConflictType(StrEnum):
    """What contradicts the switch of a use case."""

    EVENT_DISABLED = "event_disabled"
    ALL_WEBHOOKS_DISABLED = "all_webhooks_disabled"
    EVENT_ENABLED_WHILE_DISABLED = "event_enabled_while_disabled"
    WEBHOOK_ENABLED_WHILE_DISABLED = "webhook_enabled_while_disabled"


@dataclass(frozen=True, slots=True)
class UsedWebhook:
    """A webhook as a mapping names it; `enabled` is None when there is no such webhook."""

    webhook_id: str
    name: str | None
    enabled: bool | None


@dataclass(frozen=True, slots=True)
class Conflict:
    """A contradiction, in words that say what to do. `webhook_id` is as the mapping names it."""

    type: ConflictType
    message: str
    webhook_id: str | None = None


@dataclass(frozen=True, slots=True)
class UseCaseStatus:
    """How an outbound use case stands; `event_enabled` is None when there is no such event."""

    use_case: UseCase
    event_name: str | None
    event_enabled: bool | None
    webhooks: tuple[UsedWebhook, ...]
    status: Status
    conflicts: tuple[Conflict, ...]
