"""The mapping itself: an event's payload and a configuration become updates."""

from __future__ import annotations

from typing import Any

import msgspec

from tieline.expressions.evaluator import Evaluator
from tieline.expressions.models import UNDEFINED
from tieline.expressions.scope import Scope
from tieline.mapping.blocks import (
    Composed,
    EntityBlock,
    Field,
    FileAddress,
    InboundConfiguration,
    References,
    Relations,
)
from tieline.mapping.errors import MappingError, MissingUniqueIdentifiers, of_item
from tieline.mapping.event import Event
from tieline.mapping.file_address import file_address
from tieline.mapping.models import (
    EntityMode,
    EntityUpdate,
    FileProxyContext,
    MappingResult,
    MeterReadingMode,
    MeterReadingUpdate,
    PruneScope,
    ReadingScope,
    UniqueId,
)
from tieline.mapping.pruning import prune_scope
from tieline.mapping.reading_updates import map_readings
from tieline.mapping.references import map_references
from tieline.mapping.relations import identifier, is_empty, map_relations, search_path, stored


def map_event(
    configuration: InboundConfiguration,
    payload: Any,
    evaluator: Evaluator,
    *,
    text: bytes | None = None,
    file_proxy: FileProxyContext | None = None,
    removing: bool = False,
) -> MappingResult:
    """The updates that an event stands for, in the order of the configuration.

    `text` is the payload's JSON text where there is one; expressions start faster from it. Without
    `file_proxy` there are no addresses of files. `removing` is for an event that says that all it
    names is gone: whatever their modes, blocks then delete, and nothing is pruned. Raises
    `MappingError`: an event is mapped as a whole or not at all.
    """
    if removing:
        configuration = _removal(configuration)
    event = Event(evaluator, payload, text, file_proxy)
    entities: list[EntityUpdate] = []
    scopes: list[PruneScope] = []
    for block in configuration.entities:
        entities.extend(_map_entities(event, block, scopes))
    readings: list[MeterReadingUpdate] = []
    reading_scopes: list[ReadingScope] = []
    for reading in configuration.meter_readings:
        updates, pruned = map_readings(event, reading)
        readings.extend(updates)
        reading_scopes.extend(pruned)
    return MappingResult(entities, readings, event.warnings, scopes, reading_scopes)


def _removal(configuration: InboundConfiguration) -> InboundConfiguration:
    """The same configuration with every block deleting."""
    return InboundConfiguration(
        entities=tuple(
            msgspec.structs.replace(block, mode=EntityMode.DELETE, pruning=None)
            for block in configuration.entities
        ),
        meter_readings=tuple(
            msgspec.structs.replace(block, mode=MeterReadingMode.DELETE)
            for block in configuration.meter_readings
        ),
    )


def _map_entities(event: Event, block: EntityBlock, scopes: list[PruneScope]) -> list[EntityUpdate]:
    """The updates of a block; when it prunes, its scope joins `scopes`."""
    if block.enabled is False:
        return []
    whole, items = event.scopes(block.expression)
    if whole.value is UNDEFINED:
        if block.pruning is None:
            # Undefined has no form that an expression could look at, and nothing comes of it.
            return []
        # What a path finds in an empty list is undefined, and in XML there are no empty lists: the
        # block would prune nothing just when the ERP system says that there is nothing left.
        whole = Scope([])
    if not event.is_enabled(block.enabled, whole):
        return []
    if block.pruning is not None:
        scopes.append(prune_scope(event, block, block.pruning))
    updates: list[EntityUpdate] = []
    try:
        for item in items:
            updates.append(_map_entity(event, block, item))
    except MappingError as error:
        raise of_item(error, len(updates), len(items)) from None
    return updates


def _map_entity(event: Event, block: EntityBlock, scope: Scope) -> EntityUpdate:
    identifying: dict[str, tuple[Any, Field]] = {}
    update = EntityUpdate(block.index, block.schema, block.mode, [], {}, {})
    attributes = update.attributes
    removing = block.mode is not EntityMode.UPSERT
    for field in block.fields:
        attribute = field.attribute
        if removing and attribute not in block.unique_ids:
            continue
        if not event.is_enabled(field.enabled, scope):
            continue
        if isinstance(field.value, Composed):
            _compose(event, field, field.value, scope, update)
            continue
        value = event.value(field.value, scope)
        if value is not UNDEFINED:
            identifying[attribute] = value, field
            attributes[attribute] = stored(value, field.repeatable)
    update.unique_ids.extend(_entity_id(block, name, identifying) for name in block.unique_ids)
    return update


def _compose(
    event: Event,
    field: Field,
    value: Relations | References | FileAddress,
    scope: Scope,
    update: EntityUpdate,
) -> None:
    """Put a value that is made of several others into the update."""
    name = field.attribute
    about = {"schema": update.schema, "attribute": name, "label": field.label}
    if isinstance(value, Relations):
        related = map_relations(event, value, scope, **about)
        if related is not None:
            update.relations[name] = related
    elif isinstance(value, References):
        referring = map_references(event, value, scope, **about)
        if referring is not None:
            update.relation_refs[name] = referring
    elif (address := file_address(event, value, scope)) is not None:
        update.attributes[name] = address


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
