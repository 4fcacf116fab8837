"""Attributes that refer to single items of related entities' attributes, such as one address."""

from __future__ import annotations

from tieline.expressions.models import UNDEFINED
from tieline.expressions.scope import Scope
from tieline.mapping.blocks import ReferenceItem, References
from tieline.mapping.errors import RelationRefValueUndefined
from tieline.mapping.event import Event
from tieline.mapping.models import RelationOperation, RelationRefTarget, RelationRefUpdate
from tieline.mapping.reader import MAX_SCHEMA_LENGTH, Reader
from tieline.mapping.relations import computed_items, item_unique_ids
from tieline.mapping.sources import SOURCE_KEYS, parse_expression, parse_source, parse_unique_ids

_REFERENCES_KEYS = {"operation", "items", "jsonataExpression"}
_ITEM_KEYS = {"entity_schema", "unique_ids", "path", "value"}
_VALUE_KEYS = {"attribute", "operation", *SOURCE_KEYS}


def parse_references(reader: Reader, label: str) -> References:
    """The value of an attribute of references."""
    reader.warn_unknown(_REFERENCES_KEYS)
    if not reader.has("operation"):
        raise reader.fail("operation", "is required. Choose _set, _append or _append_all.")
    expression = parse_expression(reader, "jsonataExpression", label)
    if expression is None and not reader.has("items"):
        raise reader.fail("items", "is required unless there is a jsonataExpression. Add it.")
    if expression is not None and reader.has("items"):
        reader.warn("items", "has no effect, because jsonataExpression comes first.")
    items = [] if expression is not None else reader.children("items")
    return References(
        operation=reader.choice("operation", RelationOperation, RelationOperation.SET),
        items=tuple(parse_reference_item(item, label) for item in items),
        expression=expression,
        path=reader.path,
    )


def parse_reference_item(reader: Reader, label: str) -> ReferenceItem:
    """One reference, with the value that it refers to."""
    reader.warn_unknown(_ITEM_KEYS)
    schema = reader.name("entity_schema", MAX_SCHEMA_LENGTH)
    path = reader.name("path")
    value = reader.child("value")
    value.warn_unknown(_VALUE_KEYS)
    attribute = value.name("attribute")
    label = f'{label}, reference to {schema} "{attribute}"'
    source = parse_source(value, label)
    if source is None:
        raise value.fail("field", "is required unless there is a constant or an expression.")
    if path != attribute:
        reader.warn("path", f'differs from value.attribute, "{attribute}": it will lead elsewhere.')
    if not value.has("operation"):
        value.warn("operation", "is missing; _set is taken, which replaces what is there.")
    return ReferenceItem(
        schema=schema,
        unique_ids=parse_unique_ids(reader, "unique_ids", label),
        path=path,
        attribute=attribute,
        operation=value.choice("operation", RelationOperation, RelationOperation.SET),
        value=source,
        place=value.path,
    )


def map_references(
    event: Event, references: References, scope: Scope, *, schema: str, attribute: str, label: str
) -> RelationRefUpdate | None:
    """What becomes of an attribute of references; None leaves it as it is.

    An item whose identifying value is missing is left out with a warning, as with relations. One
    that is identified must have a value: raises `RelationRefValueUndefined`.
    """
    items = references.items
    if references.expression is not None:
        computed = computed_items(event, references.expression, scope, label, parse_reference_item)
        if computed is None:
            return None
        items = computed
    targets: list[RelationRefTarget] = []
    for item in items:
        unique_ids = item_unique_ids(event, item, scope, schema=schema, attribute=attribute)
        if unique_ids is None:
            continue
        value = event.value(item.value, scope)
        if value is UNDEFINED or value is None:
            raise RelationRefValueUndefined(
                f'{label}: the reference to {item.schema} has no value for "{item.attribute}". '
                f"Send it, or correct the source of the value at {item.place}.",
                item.place,
            )
        targets.append(
            RelationRefTarget(
                item.schema, unique_ids, item.path, item.attribute, item.operation, value
            )
        )
    return RelationRefUpdate(references.operation, targets)
