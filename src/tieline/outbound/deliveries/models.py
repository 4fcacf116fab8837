"""A delivery: one rendered message on its way to one webhook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID


class DeliveryKind(StrEnum):
    """Why there is a delivery."""

    EVENT = "event"  # an event of the catalogue
    TRIGGER = "trigger"  # somebody called the webhook by hand, or an automation did
    REPLAY = "replay"  # an earlier delivery, sent again as a new one


class DeliveryState(StrEnum):
    """How far a delivery is. All but `PENDING` are final, until it is redriven."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # a dead letter
    SKIPPED = "skipped"  # the conditions of the webhook are not met: nothing was sent
    CANCELLED = "cancelled"  # the webhook was deleted


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a delivery that is never sent: skipped, or failed before it could be rendered."""

    state: DeliveryState
    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """A delivery to be made.

    `body` is what is sent, to the byte; None only with `ending`. `entity_id` is what the order of
    an ordered webhook goes by. `url` and `http_method` are those of the webhook at this moment, for
    the log. `ack_id` is that in the body, if an acknowledgement is awaited. `message_id` is the
    idempotency id that receivers see; a replay has that of the original, otherwise one is made.
    """

    webhook_id: UUID
    event_id: str
    event_name: str
    body: bytes | None
    content_type: str = "application/json"
    kind: DeliveryKind = DeliveryKind.EVENT
    entity_id: UUID | None = None
    integration_id: UUID | None = None
    use_case_id: UUID | None = None
    mapping_id: UUID | None = None
    correlation_id: str | None = None
    url: str | None = None
    http_method: str = "POST"
    metadata: Mapping[str, Any] = field(default_factory=dict)
    ack_id: str | None = None
    message_id: str | None = None
    replay_of: UUID | None = None
    ending: Ending | None = None
