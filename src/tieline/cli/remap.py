"""`tieline events remap`: what stored events would do with the present configuration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tieline.cli.durations import parse_duration
from tieline.cli.errors import NothingSelected
from tieline.cli.integration_tools import WHO, Tools, integration_tools
from tieline.cli.selection import Where
from tieline.inbound.models import Replay
from tieline.inbound.remap.documents import remap_document
from tieline.inbound.remap.models import (
    HIGHEST_LIMIT,
    EntityChange,
    EntityChangeKind,
    Remap,
    RemappedEvent,
    RemapStatus,
    Selection,
)
from tieline.inbound.remap.service import Remapping
from tieline.inbound.stored_events import StoredEvents
from tieline.kit import json
from tieline.kit.errors import InvalidInput
from tieline.kit.time import utc_now
from tieline.settings import Settings

_LONGEST_VALUE = 200  # characters
_MORE = "The selection holds more events: raise --limit, or narrow it."


@dataclass(frozen=True)
class RemapRequest:
    """The events that somebody wants to be mapped anew."""

    use_case: str | None
    event_name: str | None
    event_ids: tuple[str, ...] | None
    only_failed: bool
    since: str | None
    limit: int

    def chooses(self) -> bool:
        """Whether it says more than how many."""
        filters = (self.use_case, self.event_name, self.event_ids, self.since)
        return self.only_failed or any(each is not None for each in filters)


async def remap_events(
    settings: Settings, where: Where, request: RemapRequest, *, dry_run: bool, as_json: bool
) -> int:
    """Show what the selected events would do, or replay them; 1 if one of them fails or is gone.

    Whether a replay succeeds is known only after it was applied: it counts as done. Raises
    `NothingSelected` for a replay of whatever came last.
    """
    if not 1 <= request.limit <= HIGHEST_LIMIT:
        raise InvalidInput(f"--limit: must be a number from 1 to {HIGHEST_LIMIT}.")
    if not dry_run and not request.chooses():
        # Else a forgotten --dry-run would apply old events over what came after them.
        raise NothingSelected(
            "Nothing says which events are to be replayed. Give --event, --failed or another "
            "filter; --dry-run shows without it what the newest ones would do."
        )
    async with integration_tools(settings, where, mapping=dry_run) as tools:
        selection = await _selection(tools, request)
        remapping = Remapping(
            tools.database, tools.integrations, tools.mapper, settings.public_address
        )
        if not dry_run:
            return await _replay(tools, remapping, selection, as_json=as_json)
        remap = await remapping.dry_run(tools.org_id, tools.integration.id, selection)
    if as_json:
        print(json.dumps_str(remap_document(remap)))
    else:
        print(remap_text(remap))
    return int(any(event.status is RemapStatus.ERROR for event in remap.events))


async def _selection(tools: Tools, request: RemapRequest) -> Selection:
    if request.event_ids and len(set(request.event_ids)) > HIGHEST_LIMIT:
        raise InvalidInput(f"--event: at most {HIGHEST_LIMIT} events can be mapped at once.")
    return Selection(
        event_ids=tuple(dict.fromkeys(request.event_ids)) if request.event_ids else None,
        use_case_id=await tools.use_case_id(request.use_case),
        event_name=request.event_name,
        from_date=utc_now() - parse_duration(request.since) if request.since else None,
        only_failed=request.only_failed,
        limit=HIGHEST_LIMIT if request.event_ids else request.limit,
    )


async def _replay(
    tools: Tools, remapping: Remapping, selection: Selection, *, as_json: bool
) -> int:
    chosen, more = await remapping.select(tools.org_id, tools.integration.id, selection)
    stored = StoredEvents(tools.database, tools.integrations, tools.acceptance)
    replay = await stored.replay(tools.org_id, tools.integration.id, chosen, by=WHO)
    if as_json:
        print(json.dumps_str(_replay_document(replay, has_more=more)))
        return 0
    for result in replay.results:
        print(f"{result.event_id}  {result.status}  {result.replay_event_id or ''}".rstrip())
    print(
        f"Replayed {replay.replayed} of {len(chosen)} events with the correlation id "
        f"{replay.correlation_id}. A running worker applies them."
    )
    if more:
        print(_MORE)
    return 0


def _replay_document(replay: Replay, *, has_more: bool) -> dict[str, Any]:
    return {
        "correlation_id": replay.correlation_id,
        "replayed": replay.replayed,
        "has_more": has_more,
        "results": [
            {
                "event_id": result.event_id,
                "status": result.status,
                "replay_event_id": result.replay_event_id,
                "message": result.message,
            }
            for result in replay.results
        ],
    }


def remap_text(remap: Remap) -> str:
    """A block for each event: how it would end, and what it would change."""
    blocks = ["\n".join(_event_lines(event)) for event in remap.events]
    blocks += [f"{event_id}  no stored event has this id" for event_id in remap.not_found]
    if not blocks:
        return "No stored event fits."
    failing = sum(event.status is RemapStatus.ERROR for event in remap.events)
    verdict = f"{len(remap.events)} events mapped, {failing} would fail. Nothing was changed."
    return "\n\n".join([*blocks, f"{verdict} {_MORE}" if remap.has_more else verdict])


def _event_lines(event: RemappedEvent) -> Iterator[str]:
    before = f"failed ({event.failed_before.error_code}), now " if event.failed_before else ""
    versions = (
        f"version {event.accepted_version} -> {event.use_case_version}"
        if event.accepted_version != event.use_case_version
        else f"version {event.use_case_version}"
    )
    ending = f"{event.status}" + (f" ({event.error_code})" if event.error_code else "")
    yield (
        f"{event.event_id}  {event.event_name}  {event.accepted_at:%Y-%m-%d %H:%M:%S}  {versions}"
    )
    yield f"  {before}{ending}"
    if event.error_message:
        yield f"  {' '.join(event.error_message.split())}"
    for change in event.entities:
        yield from _entity_lines(change)
    for reading in event.readings:
        yield f"  reading {_shown(reading)}"
    for warning in event.warnings:
        yield f"  ! {warning['code']}: {warning['message']}"


def _entity_lines(change: EntityChange) -> Iterator[str]:
    new = change.kind is EntityChangeKind.CREATED
    yield f"  {change.schema} {'(new)' if new else change.id}  {change.kind}"
    for name, value in change.added.items():
        yield f"    + {name}: {_shown(value)}"
    for name, replacement in change.updated.items():
        yield f"    ~ {name}: {_shown(replacement.old)} -> {_shown(replacement.new)}"
    for name, value in change.deleted.items():
        yield f"    - {name}: {_shown(value)}"


def _shown(value: Any) -> str:
    text = json.dumps_str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
