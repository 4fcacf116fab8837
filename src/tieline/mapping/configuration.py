"""Checks a use case's inbound configuration and prepares it for mapping."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from tieline.mapping.blocks import (
    Composed,
    EntityBlock,
    Field,
    InboundConfiguration,
    MeterReadingBlock,
    Pruning,
    UniqueIdField,
)
from tieline.mapping.errors import InvalidConfiguration
from tieline.mapping.file_address import parse_file_address
from tieline.mapping.models import (
    ConfigurationWarning,
    EntityMode,
    MeterReadingMode,
    ReadingMatching,
)
from tieline.mapping.pruning import parse_pruning
from tieline.mapping.reader import MAX_SCHEMA_LENGTH, Reader
from tieline.mapping.readings import REQUIRED, SOURCES
from tieline.mapping.references import parse_references
from tieline.mapping.sources import (
    SOURCE_KEYS,
    parse_enabled,
    parse_expression,
    parse_relations,
    parse_repeatable,
    parse_source,
    parse_unique_ids,
)

_SPECIAL_KEYS = ("relations", "relation_refs", "file_proxy_url")
_FIELD_KEYS = {"attribute", "_type", "enabled", *SOURCE_KEYS, *_SPECIAL_KEYS}
_ENTITY_KEYS = {
    "entity_schema",
    "unique_ids",
    "jsonataExpression",
    "enabled",
    "mode",
    "scope",
    "fields",
}
_READING_KEYS = {
    "jsonataExpression",
    "reading_matching",
    "mode",
    "scope",
    "meter",
    "meter_counter",
    "fields",
}


class _ConfiguredMode(StrEnum):
    """The modes as a configuration spells them."""

    UPSERT = "upsert"
    DELETE = "delete"
    PURGE = "purge"
    UPSERT_PRUNE_SCOPE_PURGE = "upsert-prune-scope-purge"
    UPSERT_PRUNE_SCOPE_DELETE = "upsert-prune-scope-delete"


def parse_configuration(raw: Any) -> tuple[InboundConfiguration, list[ConfigurationWarning]]:
    """The configuration ready to be applied, and what in it has no effect.

    Expressions are not compiled here: that happens in the sandbox. Raises `InvalidConfiguration`
    for anything that could never work.
    """
    warnings: list[ConfigurationWarning] = []
    reader = Reader(raw, "", warnings)
    reader.warn_unknown({"entities", "meter_readings"})
    entities = reader.children("entities")
    readings = reader.children("meter_readings")
    if not entities and not readings:
        reader.warn("entities", "is empty, as is meter_readings: events will change nothing.")
    configuration = InboundConfiguration(
        entities=tuple(_parse_entity(index, child) for index, child in enumerate(entities)),
        meter_readings=tuple(_parse_reading(index, child) for index, child in enumerate(readings)),
    )
    return configuration, warnings


def _parse_entity(index: int, reader: Reader) -> EntityBlock:
    schema = reader.name("entity_schema", MAX_SCHEMA_LENGTH)
    label = f"Entity block {index} ({schema})"
    reader.warn_unknown(_ENTITY_KEYS)
    fields = _parse_fields(reader, label)
    mode, pruning = _parse_mode(reader, label)
    return EntityBlock(
        index=index,
        schema=schema,
        unique_ids=_parse_entity_ids(reader, fields),
        expression=parse_expression(reader, "jsonataExpression", label),
        enabled=parse_enabled(reader, label),
        mode=mode,
        pruning=pruning,
        fields=fields,
        path=reader.path,
        label=label,
    )


def _parse_mode(reader: Reader, label: str) -> tuple[EntityMode, Pruning | None]:
    match reader.choice("mode", _ConfiguredMode, _ConfiguredMode.UPSERT):
        case _ConfiguredMode.UPSERT_PRUNE_SCOPE_PURGE:
            return EntityMode.UPSERT, parse_pruning(reader, label, EntityMode.PURGE)
        case _ConfiguredMode.UPSERT_PRUNE_SCOPE_DELETE:
            return EntityMode.UPSERT, parse_pruning(reader, label, EntityMode.DELETE)
        case mode:
            if reader.has("scope"):
                reader.warn("scope", "has no effect without a mode that prunes.")
            return EntityMode(mode.value), None


def _parse_entity_ids(reader: Reader, fields: tuple[Field, ...]) -> tuple[str, ...]:
    names = reader.texts("unique_ids", required=True)
    if not names:
        raise reader.fail(
            "unique_ids", "must not be empty. Name at least one identifying attribute."
        )
    identifying = {
        field.attribute
        for field in fields
        if field.value is not None and not isinstance(field.value, Composed)
    }
    for position, name in enumerate(names):
        if name not in identifying:
            raise reader.fail(
                f"unique_ids[{position}]",
                f'names "{name}", but no field with a value of its own produces that attribute. '
                "Add such a field.",
            )
    return tuple(dict.fromkeys(names))


def _parse_fields(reader: Reader, label: str) -> tuple[Field, ...]:
    return tuple(_parse_field(child, label) for child in reader.children("fields", required=True))


def _parse_field(reader: Reader, label: str) -> Field:
    attribute = reader.name("attribute")
    label = f'{label}, field "{attribute}"'
    reader.warn_unknown(_FIELD_KEYS)
    value = _parse_field_value(reader, label)
    if value is None:
        reader.warn("field", "is missing, and so is any other source: no value will result.")
    return Field(
        attribute=attribute,
        value=value,
        repeatable=parse_repeatable(reader),
        enabled=parse_enabled(reader, label),
        path=reader.path,
        label=label,
    )


def _parse_field_value(reader: Reader, label: str) -> Any:
    special = [key for key in _SPECIAL_KEYS if reader.has(key)]
    if not special:
        return parse_source(reader, label)
    for key in (*special[1:], *(key for key in SOURCE_KEYS if key in reader.raw)):
        reader.warn(key, f"has no effect, because {special[0]} comes first. Remove one of them.")
    child = reader.child(special[0])
    match special[0]:
        case "relations":
            return parse_relations(child, label)
        case "relation_refs":
            return parse_references(child, label)
        case _:
            return parse_file_address(child, label)


def _parse_reading(index: int, reader: Reader) -> MeterReadingBlock:
    label = f"Meter reading block {index}"
    reader.warn_unknown(_READING_KEYS)
    mode = reader.choice("mode", MeterReadingMode, MeterReadingMode.UPSERT)
    matching = reader.choice("reading_matching", ReadingMatching, ReadingMatching.EXTERNAL_ID)
    fields = _parse_fields(reader, label)
    _check_reading_fields(reader, label, fields, _required_attributes(mode, matching))
    return MeterReadingBlock(
        index=index,
        expression=parse_expression(reader, "jsonataExpression", label),
        mode=mode,
        reading_matching=matching,
        scope_source=_parse_scope_source(reader, mode),
        meter=_parse_meter(reader, "meter", label),
        meter_counter=(
            _parse_meter(reader, "meter_counter", label) if reader.has("meter_counter") else None
        ),
        fields=fields,
        path=reader.path,
        label=label,
    )


def _parse_scope_source(reader: Reader, mode: MeterReadingMode) -> str | None:
    if not reader.has("scope"):
        return None
    if mode is not MeterReadingMode.UPSERT_PRUNE_SCOPE:
        reader.warn("scope", "has no effect without a mode that prunes.")
    scope = reader.child("scope")
    scope.warn_unknown({"source"})
    source = scope.text("source")
    if source is not None and source not in SOURCES:
        scope.warn("source", f"is not one of {', '.join(SOURCES)}: nothing will ever be pruned.")
    return source


def _parse_meter(reader: Reader, key: str, label: str) -> tuple[UniqueIdField, ...]:
    if not reader.has(key):
        raise reader.fail(key, "is required. Say how the meter is identified.")
    child = reader.child(key)
    child.warn_unknown({"unique_ids"})
    return parse_unique_ids(child, "unique_ids", f"{label}, {key}")


def _required_attributes(mode: MeterReadingMode, matching: ReadingMatching) -> tuple[str, ...]:
    if mode is not MeterReadingMode.DELETE:
        return REQUIRED
    return ("timestamp",) if matching is ReadingMatching.STRICT_DATE else ("external_id",)


def _check_reading_fields(
    reader: Reader, label: str, fields: tuple[Field, ...], required: tuple[str, ...]
) -> None:
    for field in fields:
        if isinstance(field.value, Composed):
            raise InvalidConfiguration(
                f"{field.label}: a meter reading holds plain values only. Use field, "
                "jsonataExpression or constant.",
                field.path,
            )
    present = {field.attribute for field in fields}
    missing = [name for name in required if name not in present]
    if missing:
        raise InvalidConfiguration(
            f"{label} lacks fields for the attributes {', '.join(missing)}. Add them.",
            reader.at("fields"),
        )
