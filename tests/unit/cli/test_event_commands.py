"""What `tieline events` prints, and what it refuses before it looks at the database."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from tieline.cli import dead_letters, remap
from tieline.cli.errors import NothingSelected
from tieline.cli.selection import Chosen, Letters, Where
from tieline.inbound.dead_letters.models import DeadLetter, LetterGroup, LetterStatus
from tieline.inbound.remap.models import (
    EntityChange,
    EntityChangeKind,
    Failure,
    Remap,
    RemappedEvent,
    RemapStatus,
    Replacement,
)
from tieline.kit.errors import InvalidInput
from tieline.monitoring.models import ErrorCategory, SyncType
from tieline.settings import Settings

NOW = datetime(2026, 1, 31, 8, 30, tzinfo=UTC)
SETTINGS = Settings()
WHERE = Where()
ALL = Chosen(everything=True)


def remapped(status: RemapStatus, **different: Any) -> RemappedEvent:
    usual: dict[str, Any] = {
        "event_id": "01EVENT",
        "event_name": "contact",
        "accepted_at": NOW,
        "use_case_id": UUID(int=7),
        "use_case_version": 2,
        "accepted_version": 1,
        "failed_before": None,
        "status": status,
    }
    return RemappedEvent(**(usual | different))


def test_a_dead_letter_is_shown_in_two_lines() -> None:
    letter = DeadLetter(
        integration_id=UUID(int=1),
        event_id="01EVENT",
        accepted_at=NOW,
        failed_at=NOW,
        use_case_id=None,
        use_case_version=None,
        event_name="contact",
        correlation_id=None,
        sync_type=SyncType.ENTITY,
        error_code="CODE",
        error_category=ErrorCategory.SYSTEM,
        error_message="It\nfailed.",
        reason="It failed.",
        replay_of=None,
        status=LetterStatus.OPEN,
        note=None,
        replay_event_id=None,
        resolved_at=None,
        resolved_by=None,
    )

    assert dead_letters.letters_text([letter]) == (
        "2026-01-31 08:30:00  01EVENT  contact  CODE\n    It failed."
    )
    assert dead_letters.letters_text([]) == "No open dead letter fits."


def test_a_group_says_how_many_why_and_what_to_do() -> None:
    group = LetterGroup(
        error_code="CODE",
        error_category=ErrorCategory.TIMEOUT,
        reason="Too slow at <n>.",
        use_case_id=None,
        event_name="contact",
        count=17,
        first_failed_at=NOW,
        last_failed_at=NOW,
        event_id="01EVENT",
        error_message="Too slow at 3.",
    )

    first, second, third = dead_letters.groups_text([group]).splitlines()

    assert first == "    17 x  contact  CODE  (last 2026-01-31 08:30:00, such as 01EVENT)"
    assert second.strip() == "Too slow at <n>."
    assert third.strip().startswith("-> Simplify")
    assert dead_letters.groups_text([]) == "No open dead letter fits."


def test_no_redrives_are_said_to_be_none() -> None:
    assert dead_letters.redrives_text([]) == "Nothing was replayed in bulk yet."


def test_a_re_map_shows_each_change_by_its_sign() -> None:
    change = EntityChange(
        UUID(int=1),
        "contact",
        EntityChangeKind.UPDATED,
        added={"new": {"a": [1, None]}},
        updated={"name": Replacement("Ann", "x" * 500)},
        deleted={"old": "ß"},
    )
    created = EntityChange(UUID(int=2), "contract", EntityChangeKind.CREATED, added={"n": 1})
    event = remapped(
        RemapStatus.SUCCESS,
        failed_before=Failure("CODE", "It failed."),
        entities=[change, created],
        readings=[{"operation": "created"}],
        warnings=[{"code": "ENTITY_NO_OP", "message": "Nothing to delete."}],
    )

    text = remap.remap_text(Remap([event], has_more=True, not_found=["01GONE"]))

    assert text == (
        "01EVENT  contact  2026-01-31 08:30:00  version 1 -> 2\n"
        "  failed (CODE), now success\n"
        f"  contact {UUID(int=1)}  updated\n"
        '    + new: {"a":[1,null]}\n'
        f'    ~ name: "Ann" -> "{"x" * 199}...\n'
        '    - old: "ß"\n'
        "  contract (new)  created\n"
        "    + n: 1\n"
        '  reading {"operation":"created"}\n'
        "  ! ENTITY_NO_OP: Nothing to delete.\n"
        "\n"
        "01GONE  no stored event has this id\n"
        "\n"
        "1 events mapped, 0 would fail. Nothing was changed. "
        "The selection holds more events: raise --limit, or narrow it."
    )


def test_a_failing_event_says_why() -> None:
    event = remapped(
        RemapStatus.ERROR, accepted_version=2, error_code="CODE", error_message="It\nfails."
    )

    lines = remap.remap_text(Remap([event], has_more=False, not_found=[])).splitlines()

    assert lines[0].endswith("  version 2")
    assert lines[1:3] == ["  error (CODE)", "  It fails."]
    assert lines[-1] == "1 events mapped, 1 would fail. Nothing was changed."
    assert remap.remap_text(Remap([], has_more=False, not_found=[])) == "No stored event fits."


def request(**different: Any) -> remap.RemapRequest:
    usual: dict[str, Any] = dict.fromkeys(("use_case", "event_name", "event_ids", "since"))
    return remap.RemapRequest(**(usual | {"only_failed": False, "limit": 25} | different))


@pytest.mark.parametrize(
    ("command", "named"),
    [
        (
            lambda: dead_letters.replay(SETTINGS, WHERE, Chosen(), rate=50, as_json=False),
            "--event",
        ),
        (lambda: dead_letters.discard(SETTINGS, WHERE, Chosen(), note="n"), "--event"),
        (
            lambda: dead_letters.discard(
                SETTINGS, WHERE, Chosen(everything=True, code="X"), note="n"
            ),
            "--all",
        ),
        (lambda: dead_letters.discard(SETTINGS, WHERE, ALL, note=" "), "--note"),
        (lambda: dead_letters.discard(SETTINGS, WHERE, ALL, note="n" * 2_001), "--note"),
        (lambda: dead_letters.replay(SETTINGS, WHERE, ALL, rate=0, as_json=False), "--rate"),
        (lambda: dead_letters.replay(SETTINGS, WHERE, ALL, rate=1_001, as_json=False), "--rate"),
        (
            lambda: dead_letters.show_letters(SETTINGS, WHERE, Letters(), limit=0, as_json=False),
            "--limit",
        ),
        (
            lambda: dead_letters.show_groups(
                SETTINGS, WHERE, Letters(), limit=1_001, as_json=False
            ),
            "--limit",
        ),
        (
            lambda: remap.remap_events(
                SETTINGS, WHERE, request(limit=101), dry_run=True, as_json=False
            ),
            "--limit",
        ),
        (
            lambda: remap.remap_events(SETTINGS, WHERE, request(), dry_run=False, as_json=False),
            "--dry-run",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(command: Any, named: str) -> None:
    coroutine: Coroutine[Any, Any, Any] = command()
    with pytest.raises((InvalidInput, NothingSelected)) as refused:
        asyncio.run(coroutine)

    assert named in refused.value.message
