"""A mapping's result in the words of the simulation API."""

from __future__ import annotations

from typing import Any

from tieline.mapping.models import (
    METER_READING,
    EntityMode,
    EntityUpdate,
    MappingResult,
    MeterReadingMode,
    MeterReadingUpdate,
    PruneScope,
    ReadingScope,
    RelationRefUpdate,
    RelationUpdate,
    UniqueId,
)
from tieline.mapping.pruning import ScopeMode
from tieline.mapping.readings import reading_warnings


def render(result: MappingResult) -> dict[str, Any]:
    """The body that the simulation answers with. Relations stay unresolved, nothing is stored.

    Values that the meter reading rules would refuse become warnings here. What an event would also
    remove is in `prune_scopes` and `meter_reading_prune_scopes`, which are left out when empty.
    """
    warnings = list(result.warnings)
    for update in result.meter_readings:
        warnings.extend(reading_warnings(METER_READING, update))
    body: dict[str, Any] = {
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
    if result.scopes:
        body["prune_scopes"] = [_scope(scope) for scope in result.scopes]
    if result.reading_scopes:
        body["meter_reading_prune_scopes"] = [
            _reading_scope(scope) for scope in result.reading_scopes
        ]
    return body


def _entity(update: EntityUpdate) -> dict[str, Any]:
    relations = {name: _relation(relation) for name, relation in update.relations.items()}
    references = {name: _references(refs) for name, refs in update.relation_refs.items()}
    rendered = {
        "entity_slug": update.schema,
        "unique_identifiers": _values(update.unique_ids),
        "attributes": {**update.attributes, **relations, **references},
    }
    if update.mode is not EntityMode.UPSERT:
        rendered["mode"] = update.mode.value
    return rendered


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


def _references(update: RelationRefUpdate) -> dict[str, Any]:
    items = [
        {
            "$entity_unique_ids": _values(target.unique_ids),
            "_schema": target.schema,
            "path": target.path,
            "value": {
                "attribute": target.attribute,
                "operation": target.operation.value,
                "value": target.value,
            },
        }
        for target in update.items
    ]
    return {"$relation_ref": {update.operation.value: items}}


def _scope(scope: PruneScope) -> dict[str, Any]:
    rendered: dict[str, Any] = {"entity_slug": scope.schema, "mode": scope.removal.value}
    if scope.anchor_schema is None:
        rendered["scope_mode"] = ScopeMode.QUERY.value
    else:
        rendered["scope_mode"] = ScopeMode.RELATIONS.value
        rendered["schema"] = scope.anchor_schema
    rendered["unique_identifiers"] = _values(scope.unique_ids)
    return rendered


def _reading(update: MeterReadingUpdate) -> dict[str, Any]:
    rendered = {**_meter(update), "attributes": update.attributes}
    if update.mode is MeterReadingMode.DELETE:
        rendered["mode"] = update.mode.value
    return rendered


def _reading_scope(scope: ReadingScope) -> dict[str, Any]:
    rendered = _meter(scope)
    if scope.source is not None:
        rendered["source"] = scope.source
    return rendered


def _meter(part: MeterReadingUpdate | ReadingScope) -> dict[str, Any]:
    rendered = {"meter": {"$entity_unique_ids": _values(part.meter)}}
    if part.meter_counter is not None:
        rendered["meter_counter"] = {"$entity_unique_ids": _values(part.meter_counter)}
    return rendered


def _values(unique_ids: list[UniqueId]) -> dict[str, Any]:
    return {unique_id.attribute: unique_id.value for unique_id in unique_ids}
