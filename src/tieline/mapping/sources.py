"""The parts of a configuration that say where a value comes from."""

from __future__ import annotations

from tieline.expressions.jsonpath import plain_steps
from tieline.mapping.blocks import (
    Constant,
    Enabled,
    Expression,
    Property,
    Query,
    RelationItem,
    Relations,
    RepeatableType,
    Source,
    UniqueIdField,
)
from tieline.mapping.models import RelationOperation
from tieline.mapping.reader import MAX_SCHEMA_LENGTH, Reader, kind_of

SOURCE_KEYS = ("constant", "jsonataExpression", "field")

_UNIQUE_ID_KEYS = {"attribute", "_type", *SOURCE_KEYS}
_RELATION_ITEM_KEYS = {"entity_schema", "_tags", "unique_ids"}
_RELATIONS_KEYS = {"operation", "items", "jsonataExpression"}


def parse_expression(reader: Reader, key: str, label: str) -> Expression | None:
    """The JSONata expression under a key."""
    source = reader.text(key)
    return None if source is None else Expression(source, reader.at(key), label)


def parse_enabled(reader: Reader, label: str) -> Enabled:
    """The switch of a block or a field; on when it is absent."""
    value = reader.raw.get("enabled")
    if value is None:
        return True
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise reader.fail(
            "enabled", f"must be true, false or a JSONata expression, not {kind_of(value)}."
        )
    return parse_expression(reader, "enabled", label) or True


def parse_source(reader: Reader, label: str) -> Source | None:
    """Where a value comes from: constant before jsonataExpression before field."""
    given = [key for key in SOURCE_KEYS if key in reader.raw]
    field = reader.text("field")
    expression = parse_expression(reader, "jsonataExpression", label)
    chosen: Source | None = None
    if "constant" in reader.raw:
        chosen = Constant(reader.raw["constant"])
    elif expression is not None:
        chosen = expression
    elif field is not None:
        chosen = parse_field_source(reader, field, label)
    if chosen is not None and len(given) > 1:
        used = next(key for key in given if key == "constant" or reader.text(key) is not None)
        for key in given[given.index(used) + 1 :]:
            reader.warn(key, f"has no effect, because {used} comes first. Remove one of them.")
    return chosen


def parse_field_source(reader: Reader, field: str, label: str) -> Property | Query:
    """A plain name, a JSONPath on the item (`$...`) or on the payload (`$$...`)."""
    if not field.startswith("$"):
        return Property(field)
    from_root = field.startswith("$$")
    source = field[1:] if from_root else field
    return Query(source, from_root, plain_steps(source), reader.at("field"), label)


def parse_repeatable(reader: Reader) -> RepeatableType | None:
    """The `_type` hint of a field or a unique id."""
    if not reader.has("_type"):
        return None
    return reader.choice("_type", RepeatableType, RepeatableType.EMAIL)


def parse_unique_id(reader: Reader, label: str) -> UniqueIdField:
    """An identifying attribute with the source of its value."""
    reader.warn_unknown(_UNIQUE_ID_KEYS)
    attribute = reader.name("attribute")
    label = f'{label}, unique id "{attribute}"'
    source = parse_source(reader, label)
    if source is None:
        raise reader.fail("field", "is required unless there is a constant or an expression.")
    return UniqueIdField(attribute, parse_repeatable(reader), source, reader.path, label)


def parse_unique_ids(reader: Reader, key: str, label: str) -> tuple[UniqueIdField, ...]:
    """A list of identifying attributes; at least one."""
    children = reader.children(key, required=True)
    if not children:
        raise reader.fail(key, "must not be empty. Name at least one identifying attribute.")
    return tuple(parse_unique_id(child, label) for child in children)


def parse_relation_item(reader: Reader, label: str) -> RelationItem:
    """One target of a relation."""
    reader.warn_unknown(_RELATION_ITEM_KEYS)
    return RelationItem(
        schema=reader.name("entity_schema", MAX_SCHEMA_LENGTH),
        tags=reader.texts("_tags") if reader.has("_tags") else None,
        unique_ids=parse_unique_ids(reader, "unique_ids", label),
        path=reader.path,
    )


def parse_relations(reader: Reader, label: str) -> Relations:
    """The value of a relation attribute."""
    reader.warn_unknown(_RELATIONS_KEYS)
    expression = parse_expression(reader, "jsonataExpression", label)
    if expression is None and not reader.has("items"):
        raise reader.fail("items", "is required unless there is a jsonataExpression. Add it.")
    if expression is not None and reader.has("items"):
        reader.warn("items", "has no effect, because jsonataExpression comes first.")
    if not reader.has("operation"):
        reader.warn("operation", "is missing; _set is taken, which replaces what is there.")
    items = [] if expression is not None else reader.children("items")
    return Relations(
        operation=reader.choice("operation", RelationOperation, RelationOperation.SET),
        items=tuple(parse_relation_item(item, label) for item in items),
        expression=expression,
        path=reader.path,
    )
