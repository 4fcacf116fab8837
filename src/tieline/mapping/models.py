"""What a mapping yields: updates for the entity store and the meter readings, not yet applied."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

# In place of a schema, for what concerns readings: they are no entities.
METER_READING = "meter_reading"


class PayloadFormat(StrEnum):
    """How a payload is written."""

    JSON = "json"
    XML = "xml"


class EntityMode(StrEnum):
    """What happens to the entity that an update identifies."""

    UPSERT = "upsert"
    DELETE = "delete"
    PURGE = "purge"


class MeterReadingMode(StrEnum):
    """What happens to the readings that an update identifies."""

    UPSERT = "upsert"
    DELETE = "delete"
    UPSERT_PRUNE_SCOPE = "upsert-prune-scope"


class ReadingMatching(StrEnum):
    """How an incoming reading finds the stored one."""

    EXTERNAL_ID = "external_id"
    STRICT_DATE = "strict-date"


class RelationOperation(StrEnum):
    """How mapped relations join the existing ones."""

    SET = "_set"
    APPEND = "_append"
    APPEND_ALL = "_append_all"


# What an array value may be wrapped in to say how it joins the existing ones.
ARRAY_OPERATIONS = frozenset(operation.value for operation in RelationOperation)


class UniqueId(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One identifying value: `path` is where to search for it, such as `email.email`."""

    attribute: str
    path: str
    value: Any


class RelationTarget(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The entity that a relation leads to, by what identifies it. `tags` None: not configured."""

    schema: str
    tags: list[str] | None
    unique_ids: list[UniqueId]


class RelationUpdate(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What becomes of one relation attribute."""

    operation: RelationOperation
    items: list[RelationTarget]


class RelationRefTarget(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One item of a repeatable attribute of a related entity, made there if it is missing.

    `value` joins the target's `attribute` by `operation`; `path` is what the reference names. A
    list as `value` stands for several items.
    """

    schema: str
    unique_ids: list[UniqueId]
    path: str
    attribute: str
    operation: RelationOperation
    value: Any


class RelationRefUpdate(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What becomes of one attribute that refers to items of related entities."""

    operation: RelationOperation
    items: list[RelationRefTarget]


class EntityUpdate(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One entity to create, update or remove.

    `block` is the position of the entity block in the configuration. `attributes` keeps the order
    of the fields; an array operation such as `{"_append": [...]}` stays as it was given. Relation
    attributes are in `relations` only, references to items of related entities in `relation_refs`.
    """

    block: int
    schema: str
    mode: EntityMode
    unique_ids: list[UniqueId]
    attributes: dict[str, Any]
    relations: dict[str, RelationUpdate]
    relation_refs: dict[str, RelationRefUpdate] = {}


class PruneScope(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The entities that an event speaks of completely: those that it did not upsert are removed.

    With `anchor_schema` they are the entities of `schema` related, in either direction, to the one
    entity that `unique_ids` identify; without it those of `schema` that have all of `unique_ids`.
    `removal` is `DELETE` or `PURGE`.
    """

    block: int
    schema: str
    removal: EntityMode
    anchor_schema: str | None
    unique_ids: list[UniqueId]


class MeterReadingUpdate(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One meter reading; its values are not checked here."""

    block: int
    mode: MeterReadingMode
    reading_matching: ReadingMatching
    scope_source: str | None
    meter: list[UniqueId]
    meter_counter: list[UniqueId] | None
    attributes: dict[str, Any]


class ReadingScope(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The readings of a meter and counter, maybe of one source, that an event sends completely.

    Those whose external id is not among the readings that the event sends of them are removed.
    """

    block: int
    meter: list[UniqueId]
    meter_counter: list[UniqueId] | None
    source: str | None


class FileProxyContext(msgspec.Struct, frozen=True, gc=False):
    """Where files of an integration are served: `<base_url>/download`; no slash at its end."""

    base_url: str
    org_id: str
    integration_id: str


class MappingWarning(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Something that did not stop the mapping but that its author should know."""

    entity_schema: str
    field: str
    message: str


class MappingResult(msgspec.Struct, frozen=True, array_like=True, tag="result", gc=False):
    """All that one event is mapped to, in the order of the configuration."""

    entities: list[EntityUpdate]
    meter_readings: list[MeterReadingUpdate]
    warnings: list[MappingWarning]
    scopes: list[PruneScope] = []
    reading_scopes: list[ReadingScope] = []


class ConfigurationWarning(msgspec.Struct, frozen=True, gc=False):
    """Something in a configuration that has no effect, or not the one it seems to have."""

    path: str
    message: str
