"""A use case's inbound configuration, checked and ready to be applied."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from tieline.expressions.jsonpath import Step
from tieline.mapping.models import (
    EntityMode,
    MeterReadingMode,
    ReadingMatching,
    RelationOperation,
)


class RepeatableType(StrEnum):
    """Attributes that are stored as a list of objects and searched inside of them."""

    EMAIL = "email"
    PHONE = "phone"


class Constant(msgspec.Struct, frozen=True):
    """A value written in the configuration; null is one too."""

    value: Any


class Expression(msgspec.Struct, frozen=True):
    """A JSONata expression. `path` and `label` say where it stands: for machines, in words."""

    source: str
    path: str
    label: str


class Property(msgspec.Struct, frozen=True):
    """A direct property of the item, by its exact name, dots included."""

    name: str


class Query(msgspec.Struct, frozen=True):
    """A JSONPath on the item, or on the payload when `from_root`.

    `steps` holds the whole query when it consists of names and indices only.
    """

    source: str
    from_root: bool
    steps: tuple[Step, ...] | None
    path: str
    label: str


Source = Constant | Expression | Property | Query
Enabled = bool | Expression


class UniqueIdField(msgspec.Struct, frozen=True):
    """One identifying attribute of a related entity, and where its value comes from."""

    attribute: str
    repeatable: RepeatableType | None
    source: Source | None
    path: str
    label: str


class RelationItem(msgspec.Struct, frozen=True):
    """A relation target to look up."""

    schema: str
    tags: list[str] | None
    unique_ids: tuple[UniqueIdField, ...]
    path: str


class Composed(msgspec.Struct, frozen=True):
    """A value that is made of several others. It cannot identify an entity."""


class Relations(Composed, frozen=True):
    """The value of a relation attribute: written-out items, or an expression yielding items."""

    operation: RelationOperation
    items: tuple[RelationItem, ...]
    expression: Expression | None
    path: str


class ReferenceItem(msgspec.Struct, frozen=True):
    """A reference to make, and the value to find or put at the place that it refers to.

    `path` is what the reference names, `attribute` what `operation` puts the value into; `place` is
    where all this stands in the configuration.
    """

    schema: str
    unique_ids: tuple[UniqueIdField, ...]
    path: str
    attribute: str
    operation: RelationOperation
    value: Source
    place: str


class References(Composed, frozen=True):
    """The value of an attribute that refers to items of related entities' attributes."""

    operation: RelationOperation
    items: tuple[ReferenceItem, ...]
    expression: Expression | None
    path: str


class AddressParameter(msgspec.Struct, frozen=True):
    """A query parameter of a file's address."""

    name: str
    source: Source


class FileAddress(Composed, frozen=True):
    """The download address of a file: which use case serves it, named by slug or id, and how."""

    use_case_slug: str | None
    use_case_id: str | None
    parameters: tuple[AddressParameter, ...]


class Field(msgspec.Struct, frozen=True):
    """One attribute and where its value comes from; `value` None yields nothing."""

    attribute: str
    value: Source | Relations | References | FileAddress | None
    repeatable: RepeatableType | None
    enabled: Enabled
    path: str
    label: str


class Pruning(msgspec.Struct, frozen=True):
    """Which entities of a block's schema are removed when an event does not name them.

    With `anchor_schema` those related to the entity that `unique_ids` identify, without it those
    that have the values of `unique_ids`. `removal` is `DELETE` or `PURGE`.
    """

    removal: EntityMode
    anchor_schema: str | None
    unique_ids: tuple[UniqueIdField, ...]


class EntityBlock(msgspec.Struct, frozen=True):
    """One entry of `entities`. `pruning` is set for the modes that also remove entities."""

    index: int
    schema: str
    unique_ids: tuple[str, ...]
    expression: Expression | None
    enabled: Enabled
    mode: EntityMode
    pruning: Pruning | None
    fields: tuple[Field, ...]
    path: str
    label: str


class MeterReadingBlock(msgspec.Struct, frozen=True):
    """One entry of `meter_readings`."""

    index: int
    expression: Expression | None
    mode: MeterReadingMode
    reading_matching: ReadingMatching
    scope_source: str | None
    meter: tuple[UniqueIdField, ...]
    meter_counter: tuple[UniqueIdField, ...] | None
    fields: tuple[Field, ...]
    path: str
    label: str


class InboundConfiguration(msgspec.Struct, frozen=True):
    """Everything that one event of a use case is mapped to."""

    entities: tuple[EntityBlock, ...]
    meter_readings: tuple[MeterReadingBlock, ...]
