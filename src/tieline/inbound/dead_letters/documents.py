"""Dead letters and their mass replay as JSON: in answers of the API, and printed by commands."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tieline.inbound.dead_letters.models import (
    DeadLetter,
    GroupPage,
    LetterFilter,
    LetterGroup,
    LetterPage,
    Redrive,
)
from tieline.inbound.dead_letters.reasons import next_step
from tieline.kit import json
from tieline.kit.time import to_exact_wire, to_wire

_MOST_IDS = 100


def letters_document(page: LetterPage) -> dict[str, Any]:
    """A page of dead letters in its wire form."""
    cursor = page.next_cursor
    return {
        "data": [_letter(letter) for letter in page.letters],
        "next_cursor": cursor
        and {"failed_at": to_exact_wire(cursor.failed_at), "event_id": cursor.event_id},
        "has_more": cursor is not None,
    }


def _letter(letter: DeadLetter) -> dict[str, Any]:
    return {
        "event_id": letter.event_id,
        "event_name": letter.event_name,
        "integration_id": str(letter.integration_id),
        "use_case_id": _text(letter.use_case_id),
        "use_case_version": letter.use_case_version,
        "correlation_id": letter.correlation_id,
        "sync_type": letter.sync_type,
        "error_code": letter.error_code,
        "error_category": letter.error_category,
        "error_message": letter.error_message,
        "reason": letter.reason,
        "received_at": to_wire(letter.accepted_at),
        "failed_at": to_exact_wire(letter.failed_at),
        "replay_of": letter.replay_of,
        "status": letter.status,
        "note": letter.note,
        "replay_event_id": letter.replay_event_id,
        "resolved_at": letter.resolved_at and to_wire(letter.resolved_at),
        "resolved_by": letter.resolved_by,
    }


def groups_document(page: GroupPage) -> dict[str, Any]:
    """Groups of dead letters in their wire form."""
    return {"data": [_group(group) for group in page.groups], "has_more": page.has_more}


def _group(group: LetterGroup) -> dict[str, Any]:
    return {
        "error_code": group.error_code,
        "error_category": group.error_category,
        "reason": group.reason,
        "use_case_id": _text(group.use_case_id),
        "event_name": group.event_name,
        "count": group.count,
        "first_failed_at": to_wire(group.first_failed_at),
        "last_failed_at": to_wire(group.last_failed_at),
        "example_event_id": group.event_id,
        "example_message": group.error_message,
        "next_step": next_step(group.error_category),
    }


def redrive_document(redrive: Redrive) -> dict[str, Any]:
    """A mass replay in its wire form."""
    return {
        "id": str(redrive.id),
        "integration_id": str(redrive.integration_id),
        "status": redrive.status,
        "rate_per_second": redrive.rate_per_second,
        "total": redrive.total,
        "replayed": redrive.replayed,
        "ignored": redrive.ignored,
        "not_found": redrive.not_found,
        "correlation_id": redrive.correlation_id,
        "requested_by": redrive.requested_by,
        "created_at": to_wire(redrive.created_at),
        "finished_at": redrive.finished_at and to_wire(redrive.finished_at),
    }


def audited_redrive(redrive: Redrive) -> dict[str, Any]:
    """What the audit log says about a mass replay: which events, and how far it is."""
    return {**redrive_document(redrive), "filter": filter_document(redrive.selection)}


def filter_document(wanted: LetterFilter) -> dict[str, Any]:
    """A filter as JSON. Of many ids the first are shown, and their number."""
    document: dict[str, Any] = json.loads(json.dumps(wanted))
    ids = document.get("event_ids", [])
    if len(ids) > _MOST_IDS:
        document.update(event_ids=ids[:_MOST_IDS], event_count=len(ids))
    return document


def _text(identifier: UUID | None) -> str | None:
    return str(identifier) if identifier else None
