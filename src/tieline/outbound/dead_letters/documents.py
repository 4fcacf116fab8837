"""Dead letters and their mass redrive as JSON."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tieline.kit import json
from tieline.kit.time import to_exact_wire, to_wire
from tieline.outbound.dead_letters.models import (
    DeadDelivery,
    GroupPage,
    LetterFilter,
    LetterGroup,
    LetterPage,
    LetterStatus,
    Redrive,
)
from tieline.outbound.dead_letters.next_steps import next_step

_MOST_IDS = 100


def letters_document(page: LetterPage) -> dict[str, Any]:
    """A page of dead letters in its wire form."""
    cursor = page.next_cursor
    return {
        "data": [_letter(letter) for letter in page.letters],
        "next_cursor": cursor
        and {"created_at": to_exact_wire(cursor.created_at), "event_id": str(cursor.id)},
        "has_more": cursor is not None,
    }


def _letter(letter: DeadDelivery) -> dict[str, Any]:
    discarded = letter.discarded_at
    return {
        "event_id": str(letter.id),
        "webhook_config_id": str(letter.webhook_id),
        "event_name": letter.event_name,
        "catalog_event_id": letter.event_id,
        "message_id": letter.message_id,
        "entity_id": _text(letter.entity_id),
        "integration_id": _text(letter.integration_id),
        "use_case_id": _text(letter.use_case_id),
        "correlation_id": letter.correlation_id,
        "replay_of": _text(letter.replay_of),
        "created_at": to_wire(letter.created_at),
        "failed_at": to_wire(letter.failed_at),
        "attempts": letter.attempts,
        "status_code": letter.status_code,
        "error_code": letter.error_code,
        "reason": letter.reason,
        "next_step": next_step(letter.error_code),
        "sendable": letter.sendable,
        "status": LetterStatus.OPEN if discarded is None else LetterStatus.DISCARDED,
        "note": letter.note,
        "discarded_at": discarded and to_wire(discarded),
        "discarded_by": letter.discarded_by,
    }


def groups_document(page: GroupPage) -> dict[str, Any]:
    """Groups of dead letters in their wire form."""
    return {"data": [_group(group) for group in page.groups], "has_more": page.has_more}


def _group(group: LetterGroup) -> dict[str, Any]:
    return {
        "webhook_config_id": str(group.webhook_id),
        "error_code": group.error_code,
        "count": group.count,
        "first_failed_at": to_wire(group.first_failed_at),
        "last_failed_at": to_wire(group.last_failed_at),
        "example_event_id": str(group.example_id),
        "example_reason": group.example_reason,
        "next_step": next_step(group.error_code),
    }


def redrive_document(redrive: Redrive) -> dict[str, Any]:
    """A mass redrive in its wire form."""
    return {
        "id": str(redrive.id),
        "status": redrive.status,
        "rate_per_second": redrive.rate_per_second,
        "total": redrive.total,
        "redriven": redrive.redriven,
        "not_sendable": redrive.not_sendable,
        "requested_by": redrive.requested_by,
        "created_at": to_wire(redrive.created_at),
        "finished_at": redrive.finished_at and to_wire(redrive.finished_at),
    }


def audited_redrive(redrive: Redrive) -> dict[str, Any]:
    """What the audit log says about a mass redrive: which letters, and how far it is."""
    return {**redrive_document(redrive), "filter": filter_document(redrive.selection)}


def filter_document(wanted: LetterFilter) -> dict[str, Any]:
    """A filter as JSON. Of many ids the first are shown, and their number."""
    document: dict[str, Any] = json.loads(json.dumps(wanted))
    ids = document.get("delivery_ids", [])
    if len(ids) > _MOST_IDS:
        document.update(delivery_ids=ids[:_MOST_IDS], delivery_count=len(ids))
    return document


def _text(identifier: UUID | None) -> str | None:
    return str(identifier) if identifier else None
