"""Relation attributes: which entities an entity is to be related to."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

from tieline.expressions.models import UNDEFINED
from tieline.expressions.scope import Scope
from tieline.mapping.blocks import (
    Expression,
    ReferenceItem,
    RelationItem,
    Relations,
    RepeatableType,
    UniqueIdField,
)
from tieline.mapping.errors import AttributeTypeMismatch, ExpressionFailed, InvalidConfiguration
from tieline.mapping.event import Event
from tieline.mapping.models import ARRAY_OPERATIONS, RelationTarget, RelationUpdate, UniqueId
from tieline.mapping.reader import Reader, kind_of
from tieline.mapping.sources import parse_relation_item

Item = TypeVar("Item", RelationItem, ReferenceItem)

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


def stored(value: Any, repeatable: RepeatableType | None) -> Any:
    """The value in the form of its attribute: a repeatable one is a list of objects."""
    if repeatable is None or value is None:
        return value
    if isinstance(value, dict):
        if len(value) == 1 and (operation := next(iter(value))) in ARRAY_OPERATIONS:
            return {operation: stored(value[operation], repeatable)}
        return value
    values = value if isinstance(value, list) else [value]
    return [item if isinstance(item, dict) else {repeatable.value: item} for item in values]


def map_relations(
    event: Event, relations: Relations, scope: Scope, *, schema: str, attribute: str, label: str
) -> RelationUpdate | None:
    """What becomes of a relation attribute; None leaves it as it is.

    An item whose identifying value is missing is left out with a warning: payloads often have
    optional references. With `_set` and no item left, the relation is cleared.
    """
    items = relations.items
    if relations.expression is not None:
        computed = computed_items(event, relations.expression, scope, label, parse_relation_item)
        if computed is None:
            return None
        items = computed
    targets: list[RelationTarget] = []
    for item in items:
        unique_ids = item_unique_ids(event, item, scope, schema=schema, attribute=attribute)
        if unique_ids is not None:
            targets.append(RelationTarget(item.schema, item.tags, unique_ids))
    return RelationUpdate(relations.operation, targets)


def item_unique_ids(
    event: Event, item: RelationItem | ReferenceItem, scope: Scope, *, schema: str, attribute: str
) -> list[UniqueId] | None:
    """What identifies the target of an item; None, and a warning, when a value is missing."""
    unique_ids = resolve_unique_ids(event, item.unique_ids, scope)
    if isinstance(unique_ids, UniqueIdField):
        event.warn(
            schema,
            attribute,
            f"The relation to {item.schema} is left out, because its unique id "
            f'"{unique_ids.attribute}" has no value.',
        )
        return None
    return unique_ids


def computed_items(
    event: Event,
    expression: Expression,
    scope: Scope,
    label: str,
    parse: Callable[[Reader, str], Item],
) -> tuple[Item, ...] | None:
    """The items that an expression returns: a list of them, a single one, or null for none.

    None when the result is undefined. Raises `ExpressionFailed` when it is something else.
    """
    computed = event.evaluate(expression, scope)
    if computed is UNDEFINED:
        return None
    if computed is None:
        return ()
    items = computed if isinstance(computed, list) else [computed]
    # Their places, as if the expression were the list that it yields.
    place = expression.path
    try:
        return tuple(
            parse(Reader(item, f"{place}[{index}]", []), label) for index, item in enumerate(items)
        )
    except InvalidConfiguration as error:
        raise ExpressionFailed(
            f"{label}: the expression returned something that is no relation: {error.message}",
            expression.path,
        ) from None
