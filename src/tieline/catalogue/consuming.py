"""Reacts to changes: those that trigger events make them happen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog

from tieline import metrics
from tieline.catalogue.happening import Happening
from tieline.catalogue.known import Triggers
from tieline.catalogue.occurrences import candidates, occurrences
from tieline.catalogue.remembered import RememberedEvents
from tieline.database import OrgTransaction
from tieline.entities.activity_repository import activity_types
from tieline.entities.changes.models import READINGS, Change, ChangeKind, EntityChange
from tieline.entities.changes.repository import operation_sizes, operations_of
from tieline.entities.models import Diff
from tieline.kit.portions import portions
from tieline.kit.time import Clock

log = structlog.get_logger(__name__)

_MOST_NOTED = 10
_MOST_BYTES = 16_000_000  # of changed entities that are in memory at once


class ChangeReactions:
    """What the catalogue does with the changes of entities and readings."""

    def __init__(self, known: RememberedEvents, happening: Happening, clock: Clock) -> None:
        self._known = known
        self._happening = happening
        self._clock = clock

    async def consume(self, tx: OrgTransaction, changes: Sequence[Change]) -> None:
        """Let the events happen that changes trigger, in their order.

        What is read of the changes themselves are only those that some event asks for.
        """
        events = await self._known.of(tx)
        triggers = events.heard(await self._happening.sink.listened_to(tx))
        concerned = candidates(triggers, changes)
        if not concerned:
            return
        sizes = await operation_sizes(tx, concerned)
        for portion in portions(concerned, sizes, _MOST_BYTES):
            await self._react(tx, triggers, portion)

    async def _react(
        self, tx: OrgTransaction, triggers: Triggers, changes: Sequence[Change]
    ) -> None:
        known = await _with_operations(tx, changes)
        types = await activity_types(tx, {each.activity_id for each in changes if each.activity_id})
        some = list(occurrences(triggers, known, types, self._clock()))
        happened = self._happening.let_happen(tx, some)
        _note_faults(tx.org_id, [past.event.id async for past in happened if past.fault])


async def _with_operations(tx: OrgTransaction, changes: Sequence[Change]) -> list[EntityChange]:
    """The changes with the states after them, in their order; a reading is its own state."""
    entities = [change for change in changes if change.schema != READINGS]
    found: Mapping[int, EntityChange] = {
        each.change.seq: each for each in await operations_of(tx, entities)
    }
    known: list[EntityChange] = []
    for change in changes:
        if change.schema == READINGS and change.reading is not None:
            known.append(EntityChange(change, change.reading, None))
        elif change.seq in found:
            known.append(found[change.seq])
        elif change.kind is ChangeKind.SOFT_DELETED:
            known.append(_of_the_gone(tx.org_id, change))
    return known


def _of_the_gone(org_id: str, change: Change) -> EntityChange:
    """A deletion of which nothing is left, for the entity was purged since, with its history.

    Receivers must still hear of it: the purge of what was deleted is no event of its own.
    """
    remains = {"_id": str(change.subject_id), "_org": org_id, "_schema": change.schema}
    return EntityChange(change, remains, Diff({}, {}, {}))


def _note_faults(org_id: str, ids: Sequence[str]) -> None:
    if ids:
        metrics.CATALOGUE_EVENTS.labels("fault").inc(len(ids))
        # What is wrong stands in the history: it may repeat a value, which no log may hold.
        log.warning("events.faulty", org=org_id, count=len(ids), ids=ids[:_MOST_NOTED])
