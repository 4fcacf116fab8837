"""Compares an outbound use case with what it depends on. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from tieline.integrations.models import UseCase
from tieline.integrations.outbound_routes import OutboundMapping, event_of, mappings_of
from tieline.outbound.use_cases.models import (
    Conflict,
    ConflictType,
    Status,
    UseCaseStatus,
    UsedWebhook,
)
from tieline.outbound.webhooks.models import Webhook


def status_of(
    use_case: UseCase, events: Mapping[str, bool], webhooks: Mapping[UUID, Webhook]
) -> UseCaseStatus:
    """The status of a use case.

    `events` says which events of the catalogue are enabled, `webhooks` are those that there are.
    """
    event_name = event_of(use_case)
    event_enabled = None if event_name is None else events.get(event_name)
    mappings = mappings_of(use_case)
    used = {mapping.webhook: _used(mapping, webhooks) for mapping in mappings}
    if use_case.enabled:
        working = {each.webhook: used[each.webhook] for each in mappings if each.enabled}
        conflicts = (*_of_event(event_name, event_enabled), *_of_webhooks(list(working.values())))
        status = Status.CONFLICT if conflicts else Status.OK
    else:
        conflicts = tuple(_while_disabled(event_name, event_enabled, list(used.values())))
        status = Status.DISABLED
    return UseCaseStatus(
        use_case, event_name, event_enabled, tuple(used.values()), status, conflicts
    )


def _used(mapping: OutboundMapping, webhooks: Mapping[UUID, Webhook]) -> UsedWebhook:
    webhook = webhooks.get(mapping.webhook_id) if mapping.webhook_id else None
    if webhook is None:
        return UsedWebhook(mapping.webhook, mapping.webhook_name, None)
    return UsedWebhook(mapping.webhook, webhook.name, webhook.enabled)


def _of_event(name: str | None, enabled: bool | None) -> Iterator[Conflict]:
    if name is None or enabled:
        return
    message = (
        f"There is no event {name} in the catalogue, so nothing is sent. Correct the name."
        if enabled is None
        else f"The event {name} is disabled, so nothing is sent. Enable it in the event catalogue."
    )
    yield Conflict(ConflictType.EVENT_DISABLED, message)


def _of_webhooks(used: Sequence[UsedWebhook]) -> Iterator[Conflict]:
    if any(each.enabled for each in used):
        return
    if not used:
        message = "None of its mappings is enabled, so nothing is sent. Enable one."
    elif missing := [_named(each) for each in used if each.enabled is None]:
        message = f"There is no webhook {', '.join(missing)}, so nothing is sent. Name another one."
    else:
        names = ", ".join(map(_named, used))
        message = f"All its webhooks are disabled ({names}), so nothing is sent. Enable one."
    yield Conflict(ConflictType.ALL_WEBHOOKS_DISABLED, message)


def _while_disabled(
    name: str | None, event_enabled: bool | None, used: Sequence[UsedWebhook]
) -> Iterator[Conflict]:
    if event_enabled:
        yield Conflict(
            ConflictType.EVENT_ENABLED_WHILE_DISABLED,
            f"The use case is disabled, but its event {name} is enabled: it goes to webhooks that "
            "subscribe to it. Disable the event too, if nobody else needs it.",
        )
    for each in used:
        if each.enabled:
            yield Conflict(
                ConflictType.WEBHOOK_ENABLED_WHILE_DISABLED,
                f"The use case is disabled, but its webhook {_named(each)} is enabled: it still "
                "gets the events to which it subscribes, as they are. Disable it too, if nobody "
                "else needs it.",
                each.webhook_id,
            )


def _named(webhook: UsedWebhook) -> str:
    return f'"{webhook.name}"' if webhook.name else webhook.webhook_id
