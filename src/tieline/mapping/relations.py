"""Relation attributes: which entities an entity is to be related to."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tieline.expressions.models import UNDEFINED
from tieline.expressions.scope import Scope
from tieline.mapping.blocks import RelationItem, Relations, RepeatableType, UniqueIdField
from tieline.mapping.errors import AttributeTypeMismatch, ExpressionFailed, InvalidConfiguration
from tieline.mapping.event import Event
from tieline.mapping.models import RelationTarget, RelationUpdate, UniqueId
from tieline.mapping.reader import Reader, kind_of
from tieline.mapping.sources import parse_relation_item

_SCALARS = (str, bool, int, float, Decimal)


def search_path(attribute: str, repeatable: RepeatableType | None) -> str:
    """Where an identifying value is searched: inside the objects for a repeatable attribute."""
    return attribute if repeatable is None else f"{attribute}.{repeatable.value}"


def is_empty(value: Any) -> bool:
    """Whether a value cannot identify anything: undefined, null, blank, or an empty list."""
    if isinstance(value, str):
        return not value.strip()
    return value is UNDEFINED or value is None or value in ([], {})


def identifier(attribute: str, path: str, value: Any, label: str, place: str) -> UniqueId:
    """The unique id with a value that is not empty. Raises `AttributeTypeMismatch`."""
    if not isinstance(value, _SCALARS):
        raise AttributeTypeMismatch(
            f"{label}: a unique id must be a text, a number or a boolean, not {kind_of(value)}. "
            f"Correct the source of its value at {place}.",
            place,
        )
    return UniqueId(attribute, path, value)


def resolve_unique_ids(
    event: Event, fields: tuple[UniqueIdField, ...], scope: Scope
) -> list[UniqueId] | UniqueIdField:
    """The identifying values; the first field without a value when there is one."""
    unique_ids: list[UniqueId] = []
    for field in fields:
        value = event.value(field.source, scope)
        if is_empty(value):
            return field
        path = search_path(field.attribute, field.repeatable)
        unique_ids.append(identifier(field.attribute, path, value, field.label, field.path))
    return unique_ids


def map_relations(
    event: Event, relations: Relations, scope: Scope, *, schema: str, attribute: str, label: str
) -> RelationUpdate | None:
    """What becomes of a relation attribute; None leaves it as it is.

    An item whose identifying value is missing is left out with a warning: payloads often have
    optional references. With `_set` and no item left, the relation is cleared.
    """
    items = relations.items
    if relations.expression is not None:
        computed = event.evaluate(relations.expression, scope)
        if computed is UNDEFINED:
            return None
        items = _computed_items(computed, relations, label)
    targets: list[RelationTarget] = []
    for item in items:
        unique_ids = resolve_unique_ids(event, item.unique_ids, scope)
        if isinstance(unique_ids, UniqueIdField):
            event.warn(
                schema,
                attribute,
                f"The relation to {item.schema} is left out, because its unique id "
                f'"{unique_ids.attribute}" has no value.',
            )
            continue
        targets.append(RelationTarget(item.schema, item.tags, unique_ids))
    return RelationUpdate(relations.operation, targets)


def _computed_items(computed: Any, relations: Relations, label: str) -> tuple[RelationItem, ...]:
    """The items that an expression returned: a list of them, a single one, or null for none."""
    if computed is None:
        return ()
    items = computed if isinstance(computed, list) else [computed]
    place = f"{relations.path}.jsonataExpression"
    try:
        return tuple(
            parse_relation_item(Reader(item, f"item {index}", []), label)
            for index, item in enumerate(items)
        )
    except InvalidConfiguration as error:
        raise ExpressionFailed(
            f"{label}: the expression returned something that is no relation: {error.message} "
            f"Correct the expression at {place}.",
            place,
        ) from None
