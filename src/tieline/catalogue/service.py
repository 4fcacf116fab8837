"""The event catalogue: which events there are, what is switched, and letting them happen."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tieline.audit.recording import record
from tieline.catalogue import repository
from tieline.catalogue.assembly import assemble
from tieline.catalogue.consuming import ChangeReactions
from tieline.catalogue.custom import CustomEvents
from tieline.catalogue.errors import InvalidOccurrence
from tieline.catalogue.happening import Happening, event_of
from tieline.catalogue.history import EventHistory
from tieline.catalogue.known import KnownEvent, is_heard
from tieline.catalogue.models import Event
from tieline.catalogue.remembered import RememberedEvents, read_events
from tieline.catalogue.sink import EventSink
from tieline.catalogue.triggering import ManualTrigger, occurrence_of, refuse_disabled
from tieline.catalogue.turns import Turns
from tieline.database import Database, OrgTransaction
from tieline.entities.changes.listening import listen
from tieline.entities.changes.models import Change
from tieline.kit.ids import ulids_at
from tieline.kit.time import Clock, utc_now
from tieline.mapping.mapper import Mapper

CONSUMER = "catalogue"  # by which the catalogue is known among those who hear of changes
AUDITED = "catalogue_event"

_NOBODY = (
    "Nobody waits for this event, so that changes do not make it happen: no enabled use case or "
    "webhook names it. Set enabled to have it kept in the history all the same."
)


@dataclass(frozen=True)
class ShownEvent:
    """An event of the catalogue; `silence_reason` says why changes do not make it happen."""

    event: KnownEvent
    silence_reason: str | None = None


@dataclass(frozen=True)
class Preview:
    """What an event would carry, and what keeps it from happening: places and faults."""

    document: Mapping[str, Any]
    faults: Sequence[tuple[str, str]]


class EventCatalogue:
    """The events of all organisations. `sink` gets those that happen."""

    def __init__(
        self, database: Database, mapper: Mapper, sink: EventSink, clock: Clock = utc_now
    ) -> None:
        self._database = database
        self._mapper = mapper
        self._sink = sink
        self._clock = clock
        self._known = RememberedEvents()
        self._happening = Happening(mapper, sink)
        self._reactions = ChangeReactions(self._known, self._happening, clock)
        self._turns = Turns()
        self.history = EventHistory(database, self._known)
        self.custom = CustomEvents(database, mapper, self.switch, clock)

    # --- for those who work in a transaction of their own ---

    async def consume(self, tx: OrgTransaction, changes: Sequence[Change]) -> None:
        """Let the events happen that changes trigger."""
        await self._reactions.consume(tx, changes)

    async def exists(self, tx: OrgTransaction, name: str) -> bool:
        """Whether the catalogue has an event of that name, enabled or not."""
        return (await self._known.of(tx)).find(name) is not None

    async def settings_of(self, tx: OrgTransaction, names: Collection[str]) -> dict[str, bool]:
        """Whether each of these events is enabled; those that do not exist are left out."""
        events = await self._known.of(tx)
        found = {name: events.find(name) for name in names}
        return {name: event.enabled for name, event in found.items() if event is not None}

    # --- looking ---

    async def list_events(self, org_id: str) -> list[ShownEvent]:
        """All events: the built-in ones, then those of the organisation's own, oldest first."""
        async with self._database.reading(org_id) as tx:
            events = await self._known.of(tx)
            listened = await self._sink.listened_to(tx)
        return [_shown(event, listened) for event in events]

    async def get_event(self, org_id: str, name: str) -> ShownEvent:
        """An event. Raises `UnknownEvent`."""
        async with self._database.reading(org_id) as tx:
            event = (await self._known.of(tx)).get(name)
            return _shown(event, await self._sink.listened_to(tx))

    # --- switching ---

    async def patch_event(
        self,
        org_id: str,
        name: str,
        *,
        enabled: bool | None = None,
        auto_trigger: bool | None = None,
        automation_trigger: bool | None = None,
    ) -> ShownEvent:
        """Switch an event; None leaves a switch as it is. Raises `UnknownEvent`."""
        given = {
            "enabled": enabled,
            "auto_trigger": auto_trigger,
            "automation_trigger": automation_trigger,
        }
        wanted = {name: value for name, value in given.items() if value is not None}
        async with self._database.organisation(org_id) as tx:
            await self.switch(tx, name, wanted)
        return await self.get_event(org_id, name)

    async def switch(self, tx: OrgTransaction, name: str, wanted: Mapping[str, bool]) -> None:
        """Set some switches of an event; none of them changes nothing. Raises `UnknownEvent`."""
        if not wanted:
            (await self._known.of(tx)).get(name)
            return
        await repository.begin_change(tx)
        before = (await read_events(tx)).get(name)
        count = before.switched.version + 1 if before.switched else 1
        after = replace(before.switches, **wanted, version=count)
        await repository.store_switches(tx, name, after, self._clock())
        await listen(tx, CONSUMER)
        await record(
            tx,
            "event.updated",
            AUDITED,
            name,
            before=before.switches.document(),
            after=after.document(),
        )

    # --- triggering ---

    @contextlib.asynccontextmanager
    async def turn(self, org_id: str) -> AsyncIterator[None]:
        """Wait until one may trigger an event or preview it.

        Both do so themselves, unless there is a request's transaction already: whoever opens one
        waits before that.
        """
        if self._database.inside_request():
            yield
        else:
            async with self._turns.turn(org_id):
                yield

    async def trigger(self, org_id: str, name: str, wanted: ManualTrigger) -> Event:
        """Let an event happen now; it is published when the transaction commits.

        Raises `UnknownEvent`, `EventDisabled` and `InvalidOccurrence`.
        """
        async with self.turn(org_id), self._database.organisation(org_id) as tx:
            event = (await self._known.of(tx)).get(name)
            refuse_disabled(event, wanted)
            occurrence = await occurrence_of(tx, event, wanted, self._clock())
            [past] = [each async for each in self._happening.let_happen(tx, [occurrence])]
            if past.fault is not None:
                raise InvalidOccurrence(past.fault)
        return past.event

    async def preview(self, org_id: str, name: str, wanted: ManualTrigger) -> Preview:
        """What an event would carry; nothing happens.

        Raises `UnknownEvent` and `InvalidOccurrence`.
        """
        async with self.turn(org_id), self._database.reading(org_id) as tx:
            event = (await self._known.of(tx)).get(name)
            occurrence = await occurrence_of(tx, event, wanted, self._clock())
            [made] = await assemble(tx, self._mapper, [occurrence])
        [event_id] = ulids_at([occurrence.time])
        return Preview(event_of(org_id, occurrence, event_id, made).document(), made.faults)


def _shown(event: KnownEvent, listened: Collection[str] | None) -> ShownEvent:
    silent = event.automatic and not is_heard(event, listened)
    return ShownEvent(event, _NOBODY if silent else None)
