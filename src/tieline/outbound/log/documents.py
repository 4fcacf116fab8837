"""Deliveries and their attempts as JSON."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tieline.kit import json
from tieline.kit.secrecy import hide_secrets
from tieline.kit.time import to_exact_wire, to_wire
from tieline.outbound.log.models import (
    AttemptsShown,
    Backlog,
    LogCursor,
    LoggedAttempt,
    LoggedDelivery,
    LogStatus,
    Waiting,
)

_HIDDEN = "***"


def delivery_document(delivery: LoggedDelivery) -> dict[str, Any]:
    """A delivery in its wire form.

    The first names are those of the published client, which knows no null: what there is none of
    is left out.
    """
    published = {
        "event_id": str(delivery.id),
        "org_id": delivery.org_id,
        "webhook_config_id": str(delivery.webhook_id),
        "url": delivery.url,
        "created_at": to_wire(delivery.created_at),
        "event_name": delivery.event_name,
        "http_response": _response(delivery),
        "metadata": dict(delivery.metadata),
        "status": LogStatus.of(delivery.state),
        "http_method": delivery.http_method,
        "payload": text_of(delivery.body),
    }
    return {
        **_present(published),
        "kind": delivery.kind,
        "state": delivery.state,
        "message_id": delivery.message_id,
        "catalog_event_id": delivery.event_id,
        "entity_id": _text(delivery.entity_id),
        "integration_id": _text(delivery.integration_id),
        "use_case_id": _text(delivery.use_case_id),
        "mapping_id": _text(delivery.mapping_id),
        "correlation_id": delivery.correlation_id,
        "replay_of": _text(delivery.replay_of),
        "content_type": delivery.content_type,
        "attempts": delivery.attempts,
        "ended_at": delivery.ended_at and to_wire(delivery.ended_at),
    }


def _response(delivery: LoggedDelivery) -> dict[str, Any] | None:
    """What came of it: the answer to the last attempt, or why there was none."""
    if delivery.status_code is None and delivery.error_code is None and delivery.reason is None:
        return None
    return _present(
        {
            "status_code": delivery.status_code,
            "message": delivery.reason,
            "body": answer_object(delivery.response_body),
            "code": delivery.error_code,
        }
    )


def _present(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value is not None}


def answer_object(body: bytes | None) -> dict[str, Any] | None:
    """An answer's body as the object that clients expect; what is none stands under `text`."""
    if not body:
        return None
    text = hide_secrets(body.decode("utf-8", "replace"), _HIDDEN)
    try:
        value = json.loads(text)
    except (json.InvalidJson, ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"text": text}


def cursor_document(cursor: LogCursor | None) -> dict[str, str] | None:
    """A place in the log in its wire form."""
    if cursor is None:
        return None
    return {"created_at": to_exact_wire(cursor.created_at), "event_id": str(cursor.id)}


def attempts_document(shown: AttemptsShown) -> dict[str, Any]:
    """The attempts of a delivery in their wire form, and why it waits."""
    delivery = shown.delivery
    return {
        "event_id": str(delivery.id),
        "status": LogStatus.of(delivery.state),
        "state": delivery.state,
        "reason": delivery.reason,
        "error_code": delivery.error_code,
        "attempts": [_attempt(attempt) for attempt in shown.attempts],
        "waiting": shown.waiting and _waiting(shown.waiting),
    }


def _attempt(attempt: LoggedAttempt) -> dict[str, Any]:
    body = attempt.response_body
    return {
        "number": attempt.number,
        "round": attempt.round,
        "outcome": attempt.outcome,
        "started_at": to_wire(attempt.started_at),
        "milliseconds": attempt.milliseconds,
        "url": attempt.url,
        "address": attempt.address,
        "request_headers": attempt.request_headers,
        "status_code": attempt.status_code,
        "response_headers": attempt.response_headers,
        "response_body": None if body is None else hide_secrets(text_of(body) or "", _HIDDEN),
        "response_bytes": attempt.response_bytes,
        "error_code": attempt.error_code,
        "error": attempt.error,
    }


def _waiting(waiting: Waiting) -> dict[str, Any]:
    return {
        "reason": waiting.reason,
        "message": waiting.message,
        "since": waiting.since and to_wire(waiting.since),
        "until": waiting.until and to_wire(waiting.until),
        "behind_event_id": _text(waiting.behind),
    }


def backlog_document(webhook_id: UUID, backlog: Backlog) -> dict[str, Any]:
    """What waits for a webhook, in its wire form."""
    return {
        "webhook_config_id": str(webhook_id),
        "enabled": backlog.enabled,
        "paused_at": backlog.paused_at and to_wire(backlog.paused_at),
        "queued": backlog.queued,
        "in_flight": backlog.in_flight,
        "dead": backlog.dead,
        "oldest_created_at": backlog.oldest_at and to_wire(backlog.oldest_at),
        "next_attempt_at": backlog.next_at and to_wire(backlog.next_at),
        "circuit": backlog.circuit,
        "circuit_until": backlog.circuit_until and to_wire(backlog.circuit_until),
    }


def text_of(body: bytes | None) -> str | None:
    """What was sent, as text. Bytes that are no text cannot be shown as they are."""
    return None if body is None else body.decode("utf-8", "replace")


def _text(identifier: UUID | None) -> str | None:
    return str(identifier) if identifier else None
