"""A table of records, described by the dataclass of its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Generic, TypeVar, get_type_hints

import asyncpg

from tieline.kit.errors import InvalidInput
from tieline.records.columns import Column, Kind, column_of
from tieline.records.envelope import Envelope
from tieline.records.identifiers import IdForm

R = TypeVar("R", bound=Envelope)

_WIRE_NAMES = {"org_id": "tenant_id"}
_ENVELOPE = frozenset(field.name for field in fields(Envelope)) | {"id"}


@dataclass(frozen=True)
class RecordTable(Generic[R]):
    """Where records of one type are stored, and what they are called.

    `noun` names the type in messages and in the audit log. `columns` goes by names of the wire,
    `second_names` among them: other words for the same field. A caller that is an application sees
    the rows in which one of the fields `owner_fields` holds its slug.
    """

    name: str
    noun: str
    record: type[R]
    id_form: IdForm
    columns: Mapping[str, Column]
    second_names: Mapping[str, str]
    owner_fields: tuple[str, ...] = ("app_id",)

    @classmethod
    def of(
        cls,
        record: type[R],
        *,
        name: str,
        noun: str,
        id_form: IdForm,
        second_names: Mapping[str, str] | None = None,
        computed: Mapping[str, str] | None = None,
        owner_fields: tuple[str, ...] = ("app_id",),
    ) -> RecordTable[R]:
        """The table of a dataclass: each field is a column of the same name.

        `second_names` maps further names of the wire to other names of the wire. `computed` maps a
        field to an SQL expression over columns; such a field is read, filtered and sorted by, but
        never written.
        """
        hints = get_type_hints(record, include_extras=True)
        columns: dict[str, Column] = {}
        for field in sorted(fields(record), key=lambda each: each.name != "id"):
            wire_name = _WIRE_NAMES.get(field.name, field.name)
            columns[wire_name] = column_of(
                field.name,
                hints[field.name],
                wire_name=wire_name,
                sql=(computed or {}).get(field.name),
                id_form=id_form if field.name == "id" else None,
            )
        return cls(name, noun, record, id_form, columns, dict(second_names or {}), owner_fields)

    def column(self, wire_name: str) -> Column | None:
        """The column that a name of the wire stands for."""
        return self.columns.get(self.second_names.get(wire_name, wire_name))

    @property
    def stored(self) -> tuple[Column, ...]:
        """The columns that are written, in their order."""
        return tuple(column for column in self.columns.values() if not column.computed)

    @property
    def searched(self) -> tuple[Column, ...]:
        """The texts of the record itself, in which a search looks."""
        return tuple(
            column
            for column in self.columns.values()
            if column.kind is Kind.TEXT and column.field not in _ENVELOPE
        )

    @property
    def defaults(self) -> Mapping[str, Any]:
        """What fields that are never null hold as long as nothing is given."""
        found: dict[str, Any] = {}
        for field in fields(self.record):
            if self._of_field(field.name).nullable:
                continue
            if field.default is not MISSING:
                found[field.name] = field.default
            elif field.default_factory is not MISSING:
                found[field.name] = field.default_factory()
        return found

    def _of_field(self, field: str) -> Column:
        return self.columns[_WIRE_NAMES.get(field, field)]

    def decode(self, row: asyncpg.Record) -> R:
        """The record of a row that was read by `selection`."""
        values = {
            column.field: column.decode(row[column.field]) for column in self.columns.values()
        }
        return self.record(**values)

    def selection(self) -> str:
        """What stands between SELECT and FROM."""
        return ", ".join(f"{column.sql} AS {column.field}" for column in self.columns.values())

    def document(self, record: R) -> dict[str, Any]:
        """The record in JSON types by the names of the wire, second names included.

        `app_id` is left out unless an application wrote the record.
        """
        shown = {
            name: column.show(getattr(record, column.field))
            for name, column in self.columns.items()
        }
        for name, other in self.second_names.items():
            shown[name] = shown[other]
        if shown["app_id"] is None:
            del shown["app_id"]
        return shown

    def wire_id(self, record: R) -> str:
        """The id of a record as callers see it."""
        return self.id_form.to_wire(getattr(record, "id"))  # noqa: B009 - its type is the record's

    def stored_id(self, text: str) -> Any:
        """The id in its column. Raises `InvalidInput` when the text is no id of this type."""
        value = self.id_form.from_wire(text)
        if value is None:
            raise InvalidInput(
                f"id: {text[:40]!r} is no id of this type, such as "
                f"{self.id_form.prefix}_01J00000000000000000000000."
            )
        return value
