"""Remembers the events of organisations, and reads them again whenever they have changed."""

from __future__ import annotations

from collections import OrderedDict
from uuid import UUID

from tieline.catalogue import repository
from tieline.catalogue.builtin import built_in_events
from tieline.catalogue.known import KnownEvent, OrgEvents
from tieline.database import OrgTransaction

_REMEMBERED = 1_000


class RememberedEvents:
    """The events of each organisation as its transaction sees them.

    One value is read each time. Notifications would be cheaper by that, and late by a moment, in
    which an event that was just switched off could still happen.
    """

    def __init__(self, capacity: int = _REMEMBERED) -> None:
        self._capacity = capacity
        self._known: OrderedDict[str, tuple[UUID | None, OrgEvents]] = OrderedDict()

    async def of(self, tx: OrgTransaction) -> OrgEvents:
        """The events of the transaction's organisation."""
        version = await repository.catalogue_version(tx)
        known = self._known.get(tx.org_id)
        if known is not None and known[0] == version:
            self._known.move_to_end(tx.org_id)
            return known[1]
        events = await read_events(tx)
        self._known[tx.org_id] = version, events
        if len(self._known) > self._capacity:
            self._known.popitem(last=False)
        return events


async def read_events(tx: OrgTransaction) -> OrgEvents:
    """The events of the transaction's organisation as they are stored."""
    switches = await repository.all_switches(tx)
    custom = await repository.all_custom_events(tx)
    events = {
        name: KnownEvent(definition, switched=switches.get(name))
        for name, definition in built_in_events().items()
    }
    for name, event in custom.items():
        # A built-in event that came with an upgrade has the name of an older one of theirs.
        events.setdefault(name, KnownEvent(event.definition, event, switches.get(name)))
    return OrgEvents(events)
