"""`tieline events failed`, `replay` and `discard`: what somebody needs who is called at night."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tieline.cli.durations import parse_duration
from tieline.cli.errors import NothingSelected
from tieline.cli.integration_tools import WHO, Tools, integration_tools
from tieline.cli.selection import Chosen, Letters, Where
from tieline.inbound.dead_letters.documents import (
    groups_document,
    letters_document,
    redrive_document,
)
from tieline.inbound.dead_letters.models import DeadLetter, LetterFilter, LetterGroup, Redrive
from tieline.inbound.dead_letters.reasons import next_step
from tieline.inbound.dead_letters.service import HIGHEST_RATE, DeadLetters
from tieline.kit import json
from tieline.kit.errors import InvalidInput
from tieline.kit.time import utc_now
from tieline.settings import Settings

_MOST_SHOWN = 1_000
_LONGEST_NOTE = 2_000


async def show_letters(
    settings: Settings, where: Where, letters: Letters, *, limit: int, as_json: bool
) -> None:
    """Print the open dead letters that fit, newest failure first."""
    _refuse_outside("--limit", limit, _MOST_SHOWN)
    async with integration_tools(settings, where) as tools:
        page = await _service(tools).query(
            tools.org_id, tools.integration.id, await _filter(tools, letters), limit=limit
        )
    if as_json:
        print(json.dumps_str(letters_document(page)))
        return
    print(letters_text(page.letters))
    if page.next_cursor is not None:
        print("There are more: raise --limit, or count them with --groups.")


async def show_groups(
    settings: Settings, where: Where, letters: Letters, *, limit: int, as_json: bool
) -> None:
    """Print how many open dead letters there are for each reason, most frequent first."""
    _refuse_outside("--limit", limit, _MOST_SHOWN)
    async with integration_tools(settings, where) as tools:
        page = await _service(tools).groups(
            tools.org_id, tools.integration.id, await _filter(tools, letters), limit=limit
        )
    if as_json:
        print(json.dumps_str(groups_document(page)))
        return
    print(groups_text(page.groups))
    if page.has_more:
        print("There are more: raise --limit.")


async def replay(
    settings: Settings, where: Where, chosen: Chosen, *, rate: int, as_json: bool
) -> None:
    """Begin a redrive of the chosen letters. Raises `NothingSelected`."""
    _refuse_outside("--rate", rate, HIGHEST_RATE)
    _refuse_nothing(chosen)
    async with integration_tools(settings, where) as tools:
        redrive = await _service(tools).redrive(
            tools.org_id,
            tools.integration.id,
            await _filter(tools, chosen, chosen.event),
            rate_per_second=rate,
            by=WHO,
        )
    if as_json:
        print(json.dumps_str(redrive_document(redrive)))
    elif redrive.total:
        print(
            f"Redrive {redrive.id} replays {redrive.total} "
            f"event{'' if redrive.total == 1 else 's'}, at most {rate} per second, "
            f"with the correlation id {redrive.correlation_id}. A running worker carries it out; "
            "`tieline events redrives` shows how far it is."
        )
    else:
        print("No open dead letter fits.")


async def show_redrives(settings: Settings, where: Where, *, as_json: bool) -> None:
    """Print the last redrives, newest first."""
    async with integration_tools(settings, where) as tools:
        found = await _service(tools).list_redrives(tools.org_id, tools.integration.id)
    if as_json:
        print(json.dumps_str([redrive_document(redrive) for redrive in found]))
    else:
        print(redrives_text(found))


async def discard(settings: Settings, where: Where, chosen: Chosen, *, note: str) -> None:
    """Close the chosen letters with a note. Raises `NothingSelected`."""
    _refuse_nothing(chosen)
    if not note.strip() or len(note) > _LONGEST_NOTE or "\x00" in note:
        raise InvalidInput(f"--note: write a sentence of at most {_LONGEST_NOTE} characters.")
    async with integration_tools(settings, where) as tools:
        wanted = await _filter(tools, chosen, chosen.event)
        count = await _service(tools).discard(
            tools.org_id, tools.integration.id, wanted, note=note, by=WHO
        )
    print(f"Discarded {count} dead letter{'' if count == 1 else 's'}.")


def letters_text(letters: Sequence[DeadLetter]) -> str:
    """Two lines for each dead letter: which event, and why it failed."""
    if not letters:
        return "No open dead letter fits."
    return "\n".join(
        f"{letter.failed_at:%Y-%m-%d %H:%M:%S}  {letter.event_id}  {letter.event_name}  "
        f"{letter.error_code}\n    {_line(letter.error_message)}"
        for letter in letters
    )


def groups_text(groups: Sequence[LetterGroup]) -> str:
    """Some lines for each group: how many, why, and what to do next."""
    if not groups:
        return "No open dead letter fits."
    return "\n".join(
        f"{group.count:>6} x  {group.event_name}  {group.error_code}  "
        f"(last {group.last_failed_at:%Y-%m-%d %H:%M:%S}, such as {group.event_id})\n"
        f"          {group.reason}\n"
        f"          -> {next_step(group.error_category)}"
        for group in groups
    )


def redrives_text(redrives: Sequence[Redrive]) -> str:
    """A line for each redrive: when it began, and how far it is."""
    if not redrives:
        return "Nothing was replayed in bulk yet."
    return "\n".join(
        f"{redrive.created_at:%Y-%m-%d %H:%M:%S}  {redrive.id}  {redrive.status:<9}  "
        f"{redrive.replayed} of {redrive.total} replayed, {redrive.ignored} ignored, "
        f"{redrive.not_found} not found"
        for redrive in redrives
    )


def _service(tools: Tools) -> DeadLetters:
    return DeadLetters(tools.database, tools.integrations)


async def _filter(
    tools: Tools, letters: Letters, event_ids: Sequence[str] | None = None
) -> LetterFilter:
    wanted: dict[str, Any] = {
        "event_ids": tuple(event_ids) if event_ids else None,
        "use_case_id": await tools.use_case_id(letters.use_case),
        "event_name": letters.event_name,
        "error_code": letters.code,
        "reason": letters.reason,
        "from_date": utc_now() - parse_duration(letters.since) if letters.since else None,
    }
    return LetterFilter(**wanted)


def _refuse_nothing(chosen: Chosen) -> None:
    """Acting on everything by forgetting an option would be too easy."""
    filters = (chosen.use_case, chosen.event_name, chosen.code, chosen.reason, chosen.since)
    if not chosen.everything and not chosen.event and not any(filters):
        raise NothingSelected
    if chosen.everything and (chosen.event or any(filters)):
        raise NothingSelected("--all means all of them: give no other choice beside it.")


def _refuse_outside(option: str, value: int, highest: int) -> None:
    if not 1 <= value <= highest:
        raise InvalidInput(f"{option}: must be a number from 1 to {highest}.")


def _line(text: str) -> str:
    return " ".join(text.split())
