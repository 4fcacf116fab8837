"""The mapping itself: an event's payload and a configuration become updates."""

from __future__ import annotations

from typing import Any

from tieline.expressions.evaluator import Evaluator
from tieline.expressions.models import UNDEFINED
from tieline.expressions.scope import Scope
from tieline.mapping.blocks import (
    EntityBlock,
    Field,
    InboundConfiguration,
    MeterReadingBlock,
    Relations,
    RepeatableType,
    Unavailable,
    UniqueIdField,
)
from tieline.mapping.errors import FeatureNotAvailable, MissingUniqueIdentifiers
from tieline.mapping.event import Event, Purpose
from tieline.mapping.models import (
    ARRAY_OPERATIONS,
    EntityMode,
    EntityUpdate,
    MappingResult,
    MeterReadingUpdate,
    RelationUpdate,
    UniqueId,
)
from tieline.mapping.relations import (
    identifier,
    is_empty,
    map_relations,
    resolve_unique_ids,
    search_path,
)

METER_READING = "meter_reading"


def map_event(
    configuration: InboundConfiguration,
    payload: Any,
    evaluator: Evaluator,
    *,
    purpose: Purpose = Purpose.EVENT,
    text: bytes | None = None,
) -> MappingResult:
    """The updates that an event stands for, in the order of the configuration.

    `text` is the payload's JSON text where there is one; expressions start faster from it. Raises
    `MappingError`: an event is mapped as a whole or not at all.
    """
    event = Event(evaluator, payload, text, purpose)
    entities: list[EntityUpdate] = []
    for block in configuration.entities:
        entities.extend(_map_entities(event, block))
    readings: list[MeterReadingUpdate] = []
    for reading in configuration.meter_readings:
        readings.extend(_map_readings(event, reading))
    return MappingResult(entities, readings, event.warnings)


def _map_entities(event: Event, block: EntityBlock) -> list[EntityUpdate]:
    if block.enabled is False:
        return []
    whole, items = event.scopes(block.expression)
    # Undefined has no form that an expression could look at, and nothing would come of it.
    if whole.value is UNDEFINED or not event.is_enabled(block.enabled, whole):
        return []
    if block.pruning is not None:
        _refuse(event, block.pruning, block.schema, "", block.label)
    return [_map_entity(event, block, item) for item in items]


def _map_entity(event: Event, block: EntityBlock, scope: Scope) -> EntityUpdate:
    identifying: dict[str, tuple[Any, Field]] = {}
    attributes: dict[str, Any] = {}
    relations: dict[str, RelationUpdate] = {}
    removing = block.mode is not EntityMode.UPSERT
    for field in block.fields:
        attribute = field.attribute
        if removing and attribute not in block.unique_ids:
            continue
        if not event.is_enabled(field.enabled, scope):
            continue
        if isinstance(field.value, Relations):
            update = _map_relation_field(event, block, field, field.value, scope)
            if update is not None:
                relations[attribute] = update
        elif isinstance(field.value, Unavailable):
            _refuse(event, field.value, block.schema, attribute, field.label)
        else:
            value = event.value(field.value, scope)
            if value is not UNDEFINED:
                identifying[attribute] = value, field
                attributes[attribute] = _stored(value, field.repeatable)
    unique_ids = [_entity_id(block, name, identifying) for name in block.unique_ids]
    return EntityUpdate(block.index, block.schema, block.mode, unique_ids, attributes, relations)


def _map_relation_field(
    event: Event, block: EntityBlock, field: Field, relations: Relations, scope: Scope
) -> RelationUpdate | None:
    return map_relations(
        event,
        relations,
        scope,
        schema=block.schema,
        attribute=field.attribute,
        label=field.label,
    )


def _stored(value: Any, repeatable: RepeatableType | None) -> Any:
    """The value in the form of its attribute: a repeatable one is a list of objects."""
    if repeatable is None or value is None:
        return value
    if isinstance(value, dict):
        if len(value) == 1 and (operation := next(iter(value))) in ARRAY_OPERATIONS:
            return {operation: _stored(value[operation], repeatable)}
        return value
    values = value if isinstance(value, list) else [value]
    return [item if isinstance(item, dict) else {repeatable.value: item} for item in values]


def _entity_id(
    block: EntityBlock, attribute: str, identifying: dict[str, tuple[Any, Field]]
) -> UniqueId:
    value, field = identifying.get(attribute, (UNDEFINED, None))
    if field is None or is_empty(value):
        raise MissingUniqueIdentifiers(
            f'{block.label}: the unique id "{attribute}" has no value. Send it, or correct the '
            f"field that produces it at {block.path}.fields.",
            block.path,
        )
    path = search_path(attribute, field.repeatable)
    return identifier(attribute, path, value, field.label, field.path)


def _refuse(event: Event, part: Unavailable, schema: str, attribute: str, label: str) -> None:
    """Fail an event that needs what this release lacks; a simulation shows everything else."""
    if event.purpose is Purpose.EVENT:
        raise FeatureNotAvailable(
            f"{label}: {part.feature} is not available in this release. Remove it at {part.path} "
            "or disable the use case until it is.",
            part.path,
        )
    if not part.silent:
        event.warn(
            schema,
            attribute,
            f"{part.feature} is not simulated, and an event fails because of it: it is not "
            f"available in this release. See {part.path}.",
        )


def _map_readings(event: Event, block: MeterReadingBlock) -> list[MeterReadingUpdate]:
    _, items = event.scopes(block.expression)
    return [_map_reading(event, block, item) for item in items]


def _map_reading(event: Event, block: MeterReadingBlock, scope: Scope) -> MeterReadingUpdate:
    attributes: dict[str, Any] = {}
    for field in block.fields:
        # The configuration admits neither here; the type does not know that.
        if isinstance(field.value, Relations | Unavailable) or not event.is_enabled(
            field.enabled, scope
        ):
            continue
        value = event.value(field.value, scope)
        if value is not UNDEFINED:
            attributes[field.attribute] = _stored(value, field.repeatable)
    return MeterReadingUpdate(
        block=block.index,
        mode=block.mode,
        reading_matching=block.reading_matching,
        scope_source=block.scope_source,
        meter=_meter_ids(event, block, block.meter, scope),
        meter_counter=(
            None
            if block.meter_counter is None
            else _meter_ids(event, block, block.meter_counter, scope)
        ),
        attributes=attributes,
    )


def _meter_ids(
    event: Event, block: MeterReadingBlock, fields: tuple[UniqueIdField, ...], scope: Scope
) -> list[UniqueId]:
    unique_ids = resolve_unique_ids(event, fields, scope)
    if isinstance(unique_ids, UniqueIdField):
        raise MissingUniqueIdentifiers(
            f"{unique_ids.label}: there is no value. Send it, or correct the source of its value "
            f"at {unique_ids.path}.",
            unique_ids.path,
        )
    return unique_ids
