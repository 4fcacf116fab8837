"""Why a delivery that is on its way is not being sent at this moment. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from tieline.kit.time import to_wire
from tieline.outbound.log.models import Waiting, WaitReason
from tieline.outbound.webhooks.models import Transport, Webhook


class QueuePlace(msgspec.Struct, frozen=True):
    """Where a delivery stands: its row in the queue, what is before it, and how its webhook fares.

    `attempt` counts the attempts that were begun in this `round`. `behind` is the delivery about
    the same entity before it. `in_flight` counts the webhook's deliveries that are being sent.
    `tokens` were left of its rate limit at the moment `tokens_at`.
    """

    due_at: datetime
    attempt: int
    round: int
    leased_until: datetime | None = None
    behind: UUID | None = None
    in_flight: int = 0
    circuit: str = "closed"
    circuit_opened_at: datetime | None = None
    circuit_until: datetime | None = None
    tokens: float | None = None
    tokens_at: datetime | None = None


def why_it_waits(place: QueuePlace, webhook: Webhook, now: datetime) -> Waiting:
    """Why a delivery waits, or that it is being sent: the first reason that holds."""
    return (
        _in_flight(place, webhook, now)
        or _held_back(webhook)
        or _behind(place)
        or _not_due(place, now)
        or (_for_consumer() if webhook.transport is Transport.PULL else None)
        or _circuit(place, now)
        or _limits(place, webhook, now)
        or Waiting(
            WaitReason.TURN,
            "It is due and will be sent as soon as a worker is free. If this lasts, see whether a "
            "worker runs: `tieline doctor`.",
            since=place.due_at,
        )
    )


def _in_flight(place: QueuePlace, webhook: Webhook, now: datetime) -> Waiting | None:
    if place.leased_until is None:
        return None
    pulled = webhook.transport is Transport.PULL
    if place.leased_until <= now:
        message = (
            "The consumer that had it let its time run out. It is handed out again."
            if pulled
            else "The process that was sending it has vanished. Another one takes over in a moment."
        )
        return Waiting(WaitReason.TURN, message, since=place.leased_until)
    message = (
        f"A consumer has it and may acknowledge it until {to_wire(place.leased_until)}."
        if pulled
        else f"It is being sent, attempt {place.attempt}."
    )
    return Waiting(WaitReason.IN_FLIGHT, message, until=place.leased_until)


def _held_back(webhook: Webhook) -> Waiting | None:
    if not webhook.enabled:
        why = f" ({webhook.disabled_reason})" if webhook.disabled_reason else ""
        message = f"The webhook is disabled{why}. Enable it, then its deliveries go on."
        return Waiting(WaitReason.DISABLED, message)
    if webhook.paused_at is not None:
        failures = webhook.consecutive_failures
        why = f" after {failures} failures in a row" if failures else ""
        message = (
            f"The webhook is paused since {to_wire(webhook.paused_at)}{why}. Resume it, then its "
            "deliveries go on in their order."
        )
        return Waiting(WaitReason.PAUSED, message, since=webhook.paused_at)
    return None


def _behind(place: QueuePlace) -> Waiting | None:
    if place.behind is None:
        return None
    message = (
        f"The delivery {place.behind} about the same entity comes first: this webhook keeps the "
        "order. It goes on when that one has arrived or failed for good."
    )
    return Waiting(WaitReason.ORDER, message, behind=place.behind)


def _not_due(place: QueuePlace, now: datetime) -> Waiting | None:
    if place.due_at <= now:
        return None
    begun = f"attempt {place.attempt + 1}" if place.attempt else "the first attempt"
    message = f"The next attempt, {begun}, is due at {to_wire(place.due_at)}."
    return Waiting(WaitReason.RETRY, message, until=place.due_at)


def _for_consumer() -> Waiting:
    return Waiting(WaitReason.CONSUMER, "It waits for a consumer to pull it.")


def _circuit(place: QueuePlace, now: datetime) -> Waiting | None:
    if place.circuit == "closed":
        return None
    if place.circuit_until is not None and place.circuit_until > now:
        message = (
            "The endpoint failed several times in a row. Nothing is sent until "
            f"{to_wire(place.circuit_until)}; then one delivery tries whether it is back."
        )
    else:
        message = (
            "The endpoint failed several times in a row. One delivery tries whether it is back."
        )
    return Waiting(
        WaitReason.CIRCUIT, message, since=place.circuit_opened_at, until=place.circuit_until
    )


def _limits(place: QueuePlace, webhook: Webhook, now: datetime) -> Waiting | None:
    if place.in_flight >= webhook.max_concurrency:
        message = (
            f"{place.in_flight} deliveries are being sent, and the webhook allows "
            f"{webhook.max_concurrency} at once."
        )
        return Waiting(WaitReason.CONCURRENCY, message)
    rate = webhook.rate_limit_per_second
    if not rate or place.tokens is None or place.tokens_at is None:
        return None
    missing = 1 - place.tokens - rate * (now - place.tokens_at).total_seconds()
    if missing <= 0:
        return None
    message = f"The webhook allows {rate:g} deliveries per second."
    return Waiting(WaitReason.RATE, message, until=now + timedelta(seconds=missing / rate))
