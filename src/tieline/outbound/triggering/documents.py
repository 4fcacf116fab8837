"""What came of a call, as JSON. Pure."""

from __future__ import annotations

from typing import Any

from tieline.kit.time import to_wire
from tieline.outbound.deliveries.models import DeliveryState
from tieline.outbound.log.documents import answer_object
from tieline.outbound.triggering.models import CallResult


def call_document(result: CallResult) -> dict[str, Any]:
    """The result of a call in its wire form.

    `status` is about the last request, also when it is going to be repeated. It is left out where
    nothing was sent, and nothing has gone wrong.
    """
    found: dict[str, Any] = {
        "event_id": str(result.delivery_id),
        "status": _status(result),
        "status_code": None if result.status_code is None else str(result.status_code),
        "code": result.code,
        "message": _message(result),
        "body": answer_object(result.response_body),
        "start_date": result.started_at and to_wire(result.started_at),
        "end_date": result.ended_at and to_wire(result.ended_at),
    }
    return {key: value for key, value in found.items() if value is not None}


def _status(result: CallResult) -> str | None:
    match result.state:
        case DeliveryState.SUCCEEDED:
            return "succeeded"
        case DeliveryState.FAILED | DeliveryState.CANCELLED:
            return "failed"
        case DeliveryState.PENDING:
            return "failed" if result.attempts else None
        case DeliveryState.SKIPPED:
            return None


def _message(result: CallResult) -> str:
    match result.state:
        case DeliveryState.SUCCEEDED:
            return f"The webhook answered {result.status_code}."
        case DeliveryState.PENDING if not result.attempts:
            return "The message waits to be sent."
        case DeliveryState.PENDING:
            when = f" at {to_wire(result.next_attempt_at)}" if result.next_attempt_at else ""
            return f"{result.reason or 'The request failed.'} It is sent again{when}."
        case DeliveryState.SKIPPED:
            return f"Nothing was sent. {result.reason or ''}".rstrip()
        case DeliveryState.FAILED | DeliveryState.CANCELLED:
            return result.reason or "The message was not delivered."
