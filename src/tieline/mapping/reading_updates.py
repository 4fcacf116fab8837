"""Meter reading blocks: what becomes of the readings of an event."""

from __future__ import annotations

from typing import Any

from tieline.expressions.models import UNDEFINED
from tieline.expressions.scope import Scope
from tieline.mapping.blocks import Composed, MeterReadingBlock, UniqueIdField
from tieline.mapping.errors import (
    AttributeTypeMismatch,
    ExpressionFailed,
    MappingError,
    MissingUniqueIdentifiers,
    of_item,
)
from tieline.mapping.event import Event
from tieline.mapping.models import (
    METER_READING,
    MeterReadingMode,
    MeterReadingUpdate,
    ReadingMatching,
    ReadingScope,
    UniqueId,
)
from tieline.mapping.relations import resolve_unique_ids, stored

# What finds a reading that is to be deleted, beside its meter; the rest is never evaluated.
_FINDING = {
    ReadingMatching.EXTERNAL_ID: frozenset({"external_id"}),
    ReadingMatching.STRICT_DATE: frozenset({"external_id", "timestamp", "direction"}),
}


def map_readings(
    event: Event, block: MeterReadingBlock
) -> tuple[list[MeterReadingUpdate], list[ReadingScope]]:
    """The readings of a block, and the scopes in which it prunes."""
    _, items = event.scopes(block.expression)
    updates: list[MeterReadingUpdate] = []
    try:
        for item in items:
            updates.append(_map_reading(event, block, item))
    except MappingError as error:
        raise of_item(error, len(updates), len(items)) from None
    if block.mode is not MeterReadingMode.UPSERT_PRUNE_SCOPE:
        return updates, []
    return updates, _scopes(block, updates) if updates else _scope_of_payload(event, block)


def _map_reading(event: Event, block: MeterReadingBlock, scope: Scope) -> MeterReadingUpdate:
    wanted = _FINDING[block.reading_matching] if block.mode is MeterReadingMode.DELETE else None
    attributes: dict[str, Any] = {}
    for field in block.fields:
        if wanted is not None and field.attribute not in wanted:
            continue
        # The configuration admits no composed value here; the type does not know that.
        if isinstance(field.value, Composed) or not event.is_enabled(field.enabled, scope):
            continue
        value = event.value(field.value, scope)
        if value is not UNDEFINED:
            attributes[field.attribute] = stored(value, field.repeatable)
    return MeterReadingUpdate(
        block=block.index,
        mode=block.mode,
        reading_matching=block.reading_matching,
        scope_source=block.scope_source,
        meter=_meter_ids(event, block.meter, scope),
        meter_counter=(
            None if block.meter_counter is None else _meter_ids(event, block.meter_counter, scope)
        ),
        attributes=attributes,
    )


def _meter_ids(event: Event, fields: tuple[UniqueIdField, ...], scope: Scope) -> list[UniqueId]:
    unique_ids = resolve_unique_ids(event, fields, scope)
    if isinstance(unique_ids, UniqueIdField):
        raise MissingUniqueIdentifiers(
            f"{unique_ids.label}: there is no value. Send it, or correct the source of its value "
            f"at {unique_ids.path}.",
            unique_ids.path,
        )
    return unique_ids


def _scopes(block: MeterReadingBlock, updates: list[MeterReadingUpdate]) -> list[ReadingScope]:
    """One scope for each meter and counter that has a reading."""
    found: dict[tuple[object, ...], ReadingScope] = {}
    for update in updates:
        scope = ReadingScope(block.index, update.meter, update.meter_counter, block.scope_source)
        # 1 and true are equal to Python, yet they identify different meters.
        key = tuple(
            (unique_id.attribute, type(unique_id.value), unique_id.value)
            for unique_id in (*update.meter, *(update.meter_counter or ()))
        )
        found.setdefault(key, scope)
    return list(found.values())


def _scope_of_payload(event: Event, block: MeterReadingBlock) -> list[ReadingScope]:
    """The scope of a block without readings, if the payload itself names the meter."""
    try:
        meter = _meter_ids(event, block.meter, event.root)
        counter = (
            None
            if block.meter_counter is None
            else _meter_ids(event, block.meter_counter, event.root)
        )
    except (MissingUniqueIdentifiers, AttributeTypeMismatch, ExpressionFailed):
        event.warn(
            METER_READING,
            "meter",
            f"{block.label}: nothing is pruned, because there are no readings and the payload "
            "itself does not name the meter. To have readings pruned then, take the meter from the "
            "payload, such as with $$.meter.",
        )
        return []
    return [ReadingScope(block.index, meter, counter, block.scope_source)]
