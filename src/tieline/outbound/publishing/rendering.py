"""Makes bodies out of messages: conditions, then the expression, then the limit of size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tieline.mapping.errors import MappingError
from tieline.mapping.mapper import Evaluation, Mapper
from tieline.outbound.conditions import (
    ConditionGroup,
    KeyFilter,
    group_from,
    key_filter_from,
    unmet,
    unmet_filter,
)
from tieline.outbound.deliveries.models import DeliveryState, Ending
from tieline.outbound.publishing.documents import Content
from tieline.outbound.publishing.evaluating import evaluate_all
from tieline.outbound.webhooks.models import Transport, Webhook

MAX_BODY_BYTES = 2_000_000

WEBHOOK_NOT_FOUND = "WEBHOOK_NOT_FOUND"
WEBHOOK_DISABLED = "WEBHOOK_DISABLED"
WEBHOOK_INCOMPLETE = "WEBHOOK_INCOMPLETE"
CONDITIONS_NOT_MET = "CONDITIONS_NOT_MET"
NOTHING_TO_SEND = "NOTHING_TO_SEND"
TOO_LARGE = "TOO_LARGE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message to a webhook: metadata and the like, then the content.

    `place` says in words where `expression` stands. Without a webhook there is nowhere to send it.
    """

    webhook_id: UUID
    webhook: Webhook | None
    first: Mapping[str, Any]
    content: Content
    expression: str | None
    place: str


@dataclass(frozen=True, slots=True)
class _Requirements:
    """What a webhook wants of a message before it is sent."""

    key_filter: KeyFilter | None
    group: ConditionGroup

    @classmethod
    def of(cls, webhook: Webhook) -> _Requirements:
        return cls(key_filter_from(webhook.filter), group_from(webhook.filter_conditions))

    def unmet_by(self, draft: Draft) -> str | None:
        """Why a message does not meet them, in words; None if it does."""
        if self.key_filter is None and not self.group.conditions:
            return None
        document = draft.content.whole(draft.first)
        refusal = unmet_filter(self.key_filter, document) if self.key_filter else None
        return refusal or unmet(self.group, document)


Rendered = bytes | Ending


async def render(mapper: Mapper, drafts: Sequence[Draft]) -> list[Rendered]:
    """The body of each message, or why there is none, in their order; one costs only itself."""
    requirements: dict[UUID, _Requirements] = {}
    rendered: list[Rendered] = []
    evaluated: list[int] = []
    for index, draft in enumerate(drafts):
        ending = _refused(draft, requirements)
        rendered.append(ending or draft.content.text(draft.first))
        if ending is None and draft.expression is not None:
            evaluated.append(index)
    values = await evaluate_all(
        mapper, [_evaluation(drafts[index], rendered[index]) for index in evaluated]
    )
    for index, value in zip(evaluated, values, strict=True):
        rendered[index] = _body(value, drafts[index].place)
    return [_bounded(each, draft.place) for each, draft in zip(rendered, drafts, strict=True)]


def _refused(draft: Draft, requirements: dict[UUID, _Requirements]) -> Ending | None:
    webhook = draft.webhook
    if webhook is None:
        return Ending(
            DeliveryState.FAILED,
            WEBHOOK_NOT_FOUND,
            f"{draft.place} sends to the webhook {draft.webhook_id}, which does not exist. Name "
            "another one, or make it anew.",
        )
    name = f'The webhook "{webhook.name or webhook.id}"'
    if not webhook.enabled:
        return Ending(
            DeliveryState.SKIPPED, WEBHOOK_DISABLED, f"{name} is disabled. Enable it to send to it."
        )
    if webhook.url is None and webhook.transport is Transport.PUSH:
        return Ending(DeliveryState.FAILED, WEBHOOK_INCOMPLETE, f"{name} has no url. Add it.")
    if webhook.id not in requirements:
        requirements[webhook.id] = _Requirements.of(webhook)
    refusal = requirements[webhook.id].unmet_by(draft)
    return Ending(DeliveryState.SKIPPED, CONDITIONS_NOT_MET, refusal) if refusal else None


def _evaluation(draft: Draft, text: Rendered) -> Evaluation:
    assert isinstance(text, bytes)
    assert draft.expression is not None
    return Evaluation(draft.expression, text)


def _body(value: bytes | MappingError | None, place: str) -> Rendered:
    match value:
        case bytes():
            return value
        case None:
            reason = f"{place}: the expression yields nothing for this event."
            return Ending(DeliveryState.SKIPPED, NOTHING_TO_SEND, reason)
        case MappingError() as error:
            return Ending(DeliveryState.FAILED, error.code, f"{place}: {error.message}")


def _bounded(rendered: Rendered, place: str) -> Rendered:
    if isinstance(rendered, Ending) or len(rendered) <= MAX_BODY_BYTES:
        return rendered
    return Ending(
        DeliveryState.FAILED,
        TOO_LARGE,
        f"{place} makes a message of {len(rendered):,} bytes; {MAX_BODY_BYTES:,} are the most. "
        "Send less: leave out relations, or choose fields in the expression.",
    )
