"""By which attributes an inbound configuration searches entities. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from tieline.entities.readings.models import COUNTER, METER
from tieline.mapping.blocks import (
    EntityBlock,
    InboundConfiguration,
    References,
    Relations,
    UniqueIdField,
)
from tieline.mapping.relations import search_path

Lookup = tuple[str, str]

_ENTITY_ID = "_id"


def lookups_of(configuration: InboundConfiguration) -> frozenset[Lookup]:
    """Pairs of schema and attribute path that must be indexed.

    Relations and references whose items an expression yields are not known before an event arrives.
    """
    found: set[Lookup] = set()
    for block in configuration.entities:
        found.update(_entity_lookups(block))
    for reading in configuration.meter_readings:
        found.update(_unique_id_lookups(METER, reading.meter))
        found.update(_unique_id_lookups(COUNTER, reading.meter_counter or ()))
    return frozenset(found)


def _entity_lookups(block: EntityBlock) -> Iterable[Lookup]:
    hints = {field.attribute: field.repeatable for field in block.fields}
    for name in block.unique_ids:
        if name != _ENTITY_ID:
            yield block.schema, search_path(name, hints[name])
    if block.pruning is not None:
        schema = block.pruning.anchor_schema or block.schema
        yield from _unique_id_lookups(schema, block.pruning.unique_ids)
    for field in block.fields:
        if isinstance(field.value, Relations | References):
            for item in field.value.items:
                yield from _unique_id_lookups(item.schema, item.unique_ids)


def _unique_id_lookups(schema: str, unique_ids: Iterable[UniqueIdField]) -> Iterable[Lookup]:
    for unique_id in unique_ids:
        if unique_id.attribute != _ENTITY_ID:
            yield schema, search_path(unique_id.attribute, unique_id.repeatable)
