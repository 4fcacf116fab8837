"""Meters and counters: entities whose readings have a store of their own.

A counter belongs to a meter by a relation, whichever of the two holds it.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tieline.database import Database, OrgTransaction
from tieline.entities.errors import EntityNotFound
from tieline.entities.queries import (
    Direction,
    RelatedQuery,
    live_entities,
    lock_entities,
    related_entities,
)
from tieline.entities.readings.errors import CounterNotFound, InvalidReading, MeterNotFound
from tieline.entities.readings.models import COUNTER, METER
from tieline.entities.readings.queries import Latest, latest_of
from tieline.entities.search.models import TitledEntity
from tieline.entities.service import EntityService, WriteOptions

MAX_RELATED = 1_000


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter, and the entities that it is related to, each once."""

    found: TitledEntity
    related: Sequence[TitledEntity]


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter, and its latest reading if it has one."""

    found: TitledEntity
    latest: Latest | None


@dataclass(frozen=True, slots=True)
class MeterPlace:
    """The meter and counter of a reading, by what an installer knows of them.

    `meter_id` wins over `ma_lo_id`. `counter` holds the attributes of a counter that is made.
    """

    meter_id: UUID | None
    ma_lo_id: str | None
    obis_number: str | None
    counter: Mapping[str, Any]


class MeterService:
    """The meters and counters of all organisations."""

    def __init__(self, database: Database, entities: EntityService) -> None:
        self._database = database
        self._entities = entities

    async def get(self, org_id: str, meter_id: UUID) -> Meter:
        """A meter with what it is related to. Raises `MeterNotFound`."""
        async with self._database.reading(org_id) as tx:
            found = await _known_meter(tx, meter_id)
            page = await related_entities(
                tx, meter_id, RelatedQuery(direction=Direction.BOTH, size=MAX_RELATED)
            )
        related = {item.target.entity.id: item.target for item in page.related}
        return Meter(found, list(related.values()))

    async def counters(self, org_id: str, meter_id: UUID) -> list[Counter]:
        """The counters of a meter. Raises `MeterNotFound`."""
        async with self._database.reading(org_id) as tx:
            await _known_meter(tx, meter_id)
            found = await _related(tx, meter_id, COUNTER)
            latest = await latest_of(tx, meter_id, [item.entity.id for item in found])
        return [Counter(item, latest.get(item.entity.id)) for item in found]

    async def counter(self, org_id: str, counter_id: UUID) -> Counter:
        """A counter. Raises `CounterNotFound`."""
        async with self._database.reading(org_id) as tx:
            known = await live_entities(tx, [counter_id])
            if not known or known[0].entity.schema != COUNTER:
                raise CounterNotFound(f"There is no meter_counter {counter_id}. Check the id.")
            latest = None
            for meter in await _related(tx, counter_id, METER):
                found = await latest_of(tx, meter.entity.id, [counter_id])
                latest = found.get(counter_id, latest)
        return Counter(known[0], latest)

    async def meters_of(self, org_id: str, entity_id: UUID) -> list[TitledEntity]:
        """The meters of a contract or a customer. Raises `EntityNotFound`."""
        async with self._database.reading(org_id) as tx:
            if not await live_entities(tx, [entity_id]):
                raise EntityNotFound(f"There is no entity {entity_id}. Check the id.")
            return await _related(tx, entity_id, METER)

    @contextlib.asynccontextmanager
    async def placed(
        self, org_id: str, place: MeterPlace, options: WriteOptions
    ) -> AsyncIterator[tuple[UUID, UUID | None]]:
        """The meter and the counter of a place, made where they are missing.

        What happens inside, such as storing a reading, is part of the same transaction. Raises
        `MeterNotFound`, `InvalidReading` when nothing identifies the meter.
        """
        async with self._joined():
            meter_id = await self._meter(org_id, place, options)
            yield meter_id, await self._counter(org_id, meter_id, place, options)

    @contextlib.asynccontextmanager
    async def _joined(self) -> AsyncIterator[None]:
        """One transaction for all that happens inside, or the one that the request has already."""
        if self._database.inside_request():
            yield
        else:
            async with self._database.request():
                yield

    async def _meter(self, org_id: str, place: MeterPlace, options: WriteOptions) -> UUID:
        if place.meter_id is not None:
            async with self._database.organisation(org_id) as tx:
                await lock_entities(tx, [place.meter_id])
                return (await _known_meter(tx, place.meter_id)).entity.id
        if not place.ma_lo_id:
            raise InvalidReading(
                "meter_id: is missing, and so is ma_lo_id. Send one of them.",
                reason="missing_params",
            )
        # Found or made, the meter stays locked: nobody else adds a counter to it meanwhile.
        body = {"ma_lo_id": place.ma_lo_id}
        written = await self._entities.upsert(org_id, METER, ["ma_lo_id"], body, options)
        return written.found.entity.id

    async def _counter(
        self, org_id: str, meter_id: UUID, place: MeterPlace, options: WriteOptions
    ) -> UUID | None:
        if not place.obis_number:
            return None
        async with self._database.organisation(org_id) as tx:
            for found in await _related(tx, meter_id, COUNTER):
                if found.entity.attributes.get("obis_number") == place.obis_number:
                    return found.entity.id
        attributes = {
            **place.counter,
            "obis_number": place.obis_number,
            "meter": {"$relation": [{"entity_id": str(meter_id)}]},
        }
        written = await self._entities.create(org_id, COUNTER, attributes, options)
        return written.found.entity.id


async def _known_meter(tx: OrgTransaction, meter_id: UUID) -> TitledEntity:
    found = await live_entities(tx, [meter_id])
    if not found or found[0].entity.schema != METER:
        raise MeterNotFound(f"There is no meter {meter_id}. Create it first, or check the id.")
    return found[0]


async def _related(tx: OrgTransaction, entity_id: UUID, schema: str) -> list[TitledEntity]:
    """The entities of a schema that are related to an entity, either way, each once."""
    query = RelatedQuery(direction=Direction.BOTH, include_schemas=(schema,), size=MAX_RELATED)
    page = await related_entities(tx, entity_id, query)
    return list({item.target.entity.id: item.target for item in page.related}.values())
