"""Maps stored events with the present configuration and shows what they would do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tieline.audit.models import Shown
from tieline.audit.recording import viewed
from tieline.database import Database
from tieline.inbound import stored_repository
from tieline.inbound.application.errors import PruneScopeTooLarge, StateNotLoaded
from tieline.inbound.application.work import Applied
from tieline.inbound.batch import Applying, Batch
from tieline.inbound.dead_letters import repository as letters
from tieline.inbound.dead_letters.models import DeadLetter, LetterFilter
from tieline.inbound.event_ids import accepted_moments
from tieline.inbound.lookahead import EventMapping, Mapped
from tieline.inbound.models import AcceptedEvent, PendingEvent, Routed
from tieline.inbound.outcomes import outcomes_of
from tieline.inbound.remap.changes import entity_changes
from tieline.inbound.remap.models import (
    EntityChange,
    Failure,
    Remap,
    RemappedEvent,
    RemapStatus,
    Selection,
)
from tieline.inbound.routing import route_again
from tieline.integrations.service import IntegrationService
from tieline.kit.time import Clock, utc_now
from tieline.mapping.mapper import Mapper
from tieline.monitoring.models import OutcomeStatus

_DEPENDS = (
    "What this event does depends on one before it in a way that only applying shows. Map it "
    "alone, or replay it."
)
_SEVERITY = (
    OutcomeStatus.ERROR,
    OutcomeStatus.WARNING,
    OutcomeStatus.SUCCESS,
    OutcomeStatus.SKIPPED,
)


class Remapping:
    """What stored events would do if they were replayed now."""

    def __init__(
        self,
        database: Database,
        integrations: IntegrationService,
        mapper: Mapper,
        public_url: str = "",
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._integrations = integrations
        self._mapping = EventMapping(integrations, mapper, public_url)
        self._clock = clock

    async def select(
        self, org_id: str, integration_id: UUID, selection: Selection
    ) -> tuple[list[str], bool]:
        """The ids of the selected events, newest first, and whether there are more.

        As many as fit into memory together. Raises `IntegrationNotFound`.
        """
        await self._integrations.get_integration(org_id, integration_id)
        async with self._database.reading(org_id) as tx:
            found = await stored_repository.select_events(tx, integration_id, selection)
        limited = found[: selection.limit]
        count = stored_repository.fitting([size for _, size in limited])
        return [event_id for event_id, _ in limited[:count]], count < len(found)

    async def dry_run(self, org_id: str, integration_id: UUID, selection: Selection) -> Remap:
        """What each selected event would do on top of those before it. Nothing is changed.

        That somebody is shown what comes of these events is noted in the audit log.
        Raises `IntegrationNotFound`, and `PruneScopeTooLarge` when fewer events would do.
        """
        chosen, more = await self.select(org_id, integration_id, selection)
        moments = accepted_moments(chosen)
        async with self._database.reading(org_id) as tx:
            events = await stored_repository.find_events(tx, integration_id, moments)
            failed = await letters.newest_letters(
                tx,
                integration_id,
                LetterFilter(event_ids=tuple(chosen)),
                None,
                cursor=None,
                count=len(chosen),
            )
        failures = {letter.event_id: letter for letter in failed}
        routes = await self._integrations.read_routes(org_id, integration_id)
        routed = [(event, route_again(event, event.correlation_id, routes)) for event in events]
        pending = [entry for event, new in routed if (entry := _pending(event, new)) is not None]
        mapped = await self._mapping.map(org_id, integration_id, pending)
        effects = await self._try_out(org_id, integration_id, mapped)
        shown = [event.event_id for event in events]
        asked = {"integration_id": str(integration_id)}
        await viewed(self._database, org_id, Shown.REMAP, shown, asked)
        missing = set(selection.event_ids or ()) - {event.event_id for event in events}
        return Remap(
            [
                _remapped(event, new, failures.get(event.event_id), effects.get(event.event_id))
                for event, new in routed
            ],
            has_more=more,
            not_found=sorted(missing - set(chosen)),
        )

    async def _try_out(
        self, org_id: str, integration_id: UUID, mapped: Sequence[Mapped]
    ) -> dict[str, _Effect]:
        """What the events do, by their ids."""
        if not mapped:
            return {}
        async with self._database.organisation(org_id) as tx, stored_repository.undone(tx):
            # Loading registers attributes and locks keys as applying does.
            try:
                batch = await Batch.load(tx, self._clock(), mapped)
            except PruneScopeTooLarge as error:
                if len(mapped) > 1:
                    raise
                return {mapped[0].event.event_id: self._effect(mapped[0], Applying(error, 0))}
            return await asyncio.to_thread(self._apply_all, batch, integration_id, mapped)

    def _apply_all(
        self, batch: Batch, integration_id: UUID, mapped: Sequence[Mapped]
    ) -> dict[str, _Effect]:
        effects = {}
        for entry in mapped:
            before = dict(batch.workspace.current)
            count = len(batch.workspace.operations)
            applying = batch.apply(integration_id, entry)
            changed = [operation.after.id for operation in batch.workspace.operations[count:]]
            effect = self._effect(entry, applying)
            if isinstance(applying.result, Applied):
                done = applying.result
                after = batch.workspace.current
                effect.entities = entity_changes(before, after, changed, done.entities)
                effect.readings = done.readings
                effect.warnings = done.warnings
            effects[entry.event.event_id] = effect
        return effects

    def _effect(self, mapped: Mapped, applying: Applying) -> _Effect:
        if isinstance(applying.result, StateNotLoaded):
            return _Effect(RemapStatus.UNKNOWN, "DEPENDS_ON_EARLIER_EVENT", _DEPENDS)
        outcomes = outcomes_of("", UUID(int=0), mapped.event, applying, self._clock())
        worst = min(outcomes, key=lambda outcome: _SEVERITY.index(outcome.status))
        return _Effect(RemapStatus(worst.status), worst.error_code, worst.error_message)


@dataclass
class _Effect:
    """What an event does to the workspace."""

    status: RemapStatus
    error_code: str | None
    error_message: str | None
    entities: Sequence[EntityChange] = ()
    readings: Sequence[Mapping[str, Any]] = ()
    warnings: Sequence[Mapping[str, Any]] = ()


def _pending(event: AcceptedEvent, new: Routed) -> PendingEvent | None:
    """The event as if it waited, with its use case as that is now; None if nothing takes it."""
    now = new.event
    if now.use_case_id is None or now.use_case_version is None:
        return None
    return PendingEvent(
        seq=0,
        event_id=event.event_id,
        accepted_at=event.accepted_at,
        name=event.name,
        event_type=event.event_type,
        format=event.format,
        payload=event.payload,
        correlation_id=event.correlation_id,
        use_case_id=now.use_case_id,
        use_case_version=now.use_case_version,
    )


def _remapped(
    event: AcceptedEvent, new: Routed, letter: DeadLetter | None, effect: _Effect | None
) -> RemappedEvent:
    if effect is None:
        effect = _Effect(RemapStatus.IGNORED, *(new.ignored or (None, None)))
    return RemappedEvent(
        event_id=event.event_id,
        event_name=event.name,
        accepted_at=event.accepted_at,
        use_case_id=new.event.use_case_id,
        use_case_version=new.event.use_case_version,
        accepted_version=event.use_case_version,
        failed_before=Failure(letter.error_code, letter.error_message) if letter else None,
        status=effect.status,
        error_code=effect.error_code,
        error_message=effect.error_message,
        entities=effect.entities,
        readings=effect.readings,
        warnings=effect.warnings,
    )
