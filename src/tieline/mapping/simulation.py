"""A mapping's result in the words of the simulation API."""

from __future__ import annotations

from typing import Any

from tieline.mapping.engine import METER_READING
from tieline.mapping.models import (
    EntityUpdate,
    MappingResult,
    MeterReadingUpdate,
    RelationUpdate,
    UniqueId,
)
from tieline.mapping.readings import reading_warnings


def render(result: MappingResult) -> dict[str, Any]:
    """The body that the simulation answers with. Relations stay unresolved, nothing is stored.

    Values that the meter reading rules would refuse become warnings here.
    """
    warnings = list(result.warnings)
    for update in result.meter_readings:
        warnings.extend(reading_warnings(METER_READING, update))
    return {
        "entity_updates": [_entity(update) for update in result.entities],
        "meter_readings_updates": [_reading(update) for update in result.meter_readings],
        "warnings": [
            {
                "entity_schema": warning.entity_schema,
                "field": warning.field,
                "message": warning.message,
            }
            for warning in warnings
        ],
    }


def _entity(update: EntityUpdate) -> dict[str, Any]:
    relations = {name: _relation(relation) for name, relation in update.relations.items()}
    return {
        "entity_slug": update.schema,
        "unique_identifiers": _values(update.unique_ids),
        "attributes": {**update.attributes, **relations},
    }


def _relation(update: RelationUpdate) -> dict[str, Any]:
    items: list[dict[str, Any]] = []
    for target in update.items:
        item: dict[str, Any] = {
            "$entity_unique_ids": _values(target.unique_ids),
            "_schema": target.schema,
        }
        if target.tags is not None:
            item["_tags"] = target.tags
        items.append(item)
    return {"$relation": {update.operation.value: items}}


def _reading(update: MeterReadingUpdate) -> dict[str, Any]:
    rendered: dict[str, Any] = {"meter": {"$entity_unique_ids": _values(update.meter)}}
    if update.meter_counter is not None:
        rendered["meter_counter"] = {"$entity_unique_ids": _values(update.meter_counter)}
    rendered["attributes"] = update.attributes
    return rendered


def _values(unique_ids: list[UniqueId]) -> dict[str, Any]:
    return {unique_id.attribute: unique_id.value for unique_id in unique_ids}
