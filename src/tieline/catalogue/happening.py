"""Lets events happen: assembled, kept in the history and handed on, in one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from tieline import metrics
from tieline.catalogue import history_repository
from tieline.catalogue.assembly import Assembled, assemble
from tieline.catalogue.hydration import TooMuchAtOnce
from tieline.catalogue.models import Event
from tieline.catalogue.occurrences import Occurrence
from tieline.catalogue.past import PastEvent
from tieline.catalogue.sink import EventSink
from tieline.database import OrgTransaction
from tieline.kit.ids import new_ulid, ulids_at
from tieline.mapping.mapper import Mapper

_AT_ONCE = 100  # with their graphs they are held in memory


class Happening:
    """Turns occurrences into events."""

    def __init__(self, mapper: Mapper, sink: EventSink) -> None:
        self._mapper = mapper
        self.sink = sink

    async def let_happen(
        self, tx: OrgTransaction, some: Sequence[Occurrence]
    ) -> AsyncIterator[PastEvent]:
        """Let events happen in their order; those with a fault are only noted.

        They happen while they are taken from here, and all of them have to be taken.
        """
        if not some:
            return
        awaited = await self.sink.acknowledged(tx, {each.event.name for each in some})
        ids = ulids_at([each.time for each in some])
        start = 0
        while start < len(some):
            part, assembled = await self._assembled(tx, some[start : start + _AT_ONCE])
            past = [
                PastEvent(
                    event_of(tx.org_id, each, i, made, awaited=each.event.name in awaited),
                    made.fault,
                )
                for each, i, made in zip(part, ids[start:], assembled, strict=False)
            ]
            texts = [made.text for made in assembled]
            await history_repository.add(tx, list(zip(past, texts, strict=True)))
            good = [each.event for each in past if each.fault is None]
            if good:
                await self.sink.publish(tx, good)
                metrics.CATALOGUE_EVENTS.labels("happened").inc(len(good))
            for each in past:
                yield each
            start += len(part)

    async def _assembled(
        self, tx: OrgTransaction, some: Sequence[Occurrence]
    ) -> tuple[Sequence[Occurrence], list[Assembled]]:
        """The first of some occurrences, as many as fit into memory, and what they carry."""
        while True:
            try:
                return some, await assemble(tx, self._mapper, some)
            except TooMuchAtOnce:
                some = some[: len(some) // 2]


def event_of(
    org_id: str, each: Occurrence, event_id: str, made: Assembled, *, awaited: bool = False
) -> Event:
    """The event that an occurrence becomes."""
    return Event(
        org_id=org_id,
        id=event_id,
        name=each.event.name,
        version=each.event.definition.version,
        time=each.time,
        source=each.source,
        trigger_source_type=each.trigger_source_type,
        trigger_source=each.trigger_source,
        ack_id=new_ulid() if awaited else None,
        fields=made.fields,
        entity_id=each.entity_id,
        change=each.change,
    )
