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


class Relations(msgspec.Struct, frozen=True):
    """The value of a relation attribute: written-out items, or an expression yielding items."""

    operation: RelationOperation
    items: tuple[RelationItem, ...]
    expression: Expression | None
    path: str


class Unavailable(msgspec.Struct, frozen=True):
    """A value that this release cannot produce. `silent`: the simulation does not mention it."""

    feature: str
    path: str
    silent: bool


class Field(msgspec.Struct, frozen=True):
    """One attribute and where its value comes from; `value` None yields nothing."""

    attribute: str
    value: Source | Relations | Unavailable | None
    repeatable: RepeatableType | None
    enabled: Enabled
    path: str
    label: str


class EntityBlock(msgspec.Struct, frozen=True):
    """One entry of `entities`. `pruning` is set for the modes that also remove entities."""

    index: int
    schema: str
    unique_ids: tuple[str, ...]
    expression: Expression | None
    enabled: Enabled
    mode: EntityMode
    pruning: Unavailable | None
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
