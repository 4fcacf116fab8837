"""The columns of a record, derived from the annotations of its dataclass."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Annotated, Any, Union, get_args, get_origin
from uuid import UUID

from tieline.kit import json
from tieline.kit.errors import InvalidInput
from tieline.kit.time import from_wire, to_exact_wire, to_wire
from tieline.records.identifiers import IdForm, UuidForm

ApplicationId = Annotated[UUID, UuidForm("app")]
ConnectorId = Annotated[UUID, UuidForm("cnn")]
WebhookId = Annotated[UUID, UuidForm("whk")]

_NUMBER = re.compile(r"-?\d{1,20}(?:\.\d{1,20})?(?:[eE][+-]?\d{1,3})?")


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    FLAG = "boolean"
    NUMBER = "number"
    MOMENT = "date-time"
    ID = "id"
    TEXTS = "list of texts"
    DOCUMENT = "json"


SCALARS = frozenset({Kind.TEXT, Kind.FLAG, Kind.NUMBER, Kind.MOMENT, Kind.ID})
RANGES = frozenset({Kind.NUMBER, Kind.MOMENT})

_SQL_TYPES = {
    Kind.TEXT: "text",
    Kind.FLAG: "boolean",
    Kind.NUMBER: "numeric",
    Kind.MOMENT: "timestamptz",
    Kind.TEXTS: "text[]",
    Kind.DOCUMENT: "json",
}


@dataclass(frozen=True)
class Column:
    """A field of a record and where its value stands.

    `sql` is the column, or an expression over the columns when the value is computed.
    """

    field: str
    wire_name: str
    kind: Kind
    nullable: bool
    sql: str
    computed: bool = False
    values: type[Enum] | None = None
    id_form: IdForm | None = None

    @property
    def sql_type(self) -> str:
        """The type that a value has in a condition on this column."""
        return self.id_form.sql_type if self.id_form else _SQL_TYPES[self.kind]

    def encode(self, value: Any) -> Any:
        """The value as the database driver takes it."""
        if value is None:
            return None
        match self.kind:
            case Kind.DOCUMENT:
                return json.dumps_str(value)
            case Kind.TEXTS:
                return list(value)
            case Kind.TEXT | Kind.FLAG | Kind.NUMBER | Kind.MOMENT | Kind.ID:
                return value

    def decode(self, value: Any) -> Any:
        """The value as the dataclass holds it."""
        if value is None:
            return None
        match self.kind:
            case Kind.DOCUMENT:
                return json.loads(value)
            case Kind.TEXTS:
                return tuple(value)
            case Kind.TEXT:
                return self.values(value) if self.values else value
            case Kind.FLAG | Kind.NUMBER | Kind.MOMENT | Kind.ID:
                return value

    def show(self, value: Any) -> Any:
        """The value in JSON types."""
        if value is None:
            return None
        match self.kind:
            case Kind.MOMENT:
                return to_wire(value)
            case Kind.ID:
                assert self.id_form is not None
                return self.id_form.to_wire(value)
            case Kind.TEXTS:
                return list(value)
            case Kind.TEXT | Kind.FLAG | Kind.NUMBER | Kind.DOCUMENT:
                return value

    def write(self, value: Any) -> str | None:
        """A scalar value as a text that `read` understands; nothing is rounded."""
        if value is None:
            return None
        match self.kind:
            case Kind.MOMENT:
                return to_exact_wire(value)
            case Kind.FLAG:
                return "true" if value else "false"
            case _:
                return str(self.show(value))

    def read(self, text: str) -> Any:
        """The value that a text stands for in a filter. Raises `InvalidInput` naming the field."""
        match self.kind:
            case Kind.TEXT | Kind.TEXTS:
                return self._known(text)
            case Kind.FLAG:
                return self._one_of(text, {"true": True, "false": False})
            case Kind.NUMBER:
                if _NUMBER.fullmatch(text):
                    return Decimal(text)
                raise InvalidInput(f"{self.wire_name}: {text[:40]!r} is not a number.")
            case Kind.MOMENT:
                return self._moment(text)
            case Kind.ID:
                return self._id(text)
            case Kind.DOCUMENT:
                raise InvalidInput(f"{self.wire_name}: JSON cannot be filtered by.")

    def _known(self, text: str) -> str:
        if self.values is None:
            return text
        return str(self._one_of(text, {each.value: each.value for each in self.values}))

    def _one_of(self, text: str, known: Mapping[str, Any]) -> Any:
        if text not in known:
            names = ", ".join(known)
            raise InvalidInput(f"{self.wire_name}: {text[:40]!r} is none of {names}.")
        return known[text]

    def _moment(self, text: str) -> datetime:
        try:
            return from_wire(text).astimezone(UTC)
        except (ValueError, OverflowError):
            raise InvalidInput(
                f"{self.wire_name}: {text[:40]!r} is no date and time such as "
                "2026-01-31T08:00:00Z. A + has to be written as %2B in an address."
            ) from None

    def _id(self, text: str) -> Any:
        assert self.id_form is not None
        value = self.id_form.from_wire(text)
        if value is None:
            raise InvalidInput(
                f"{self.wire_name}: {text[:40]!r} is no id such as "
                f"{self.id_form.prefix}_01J00000000000000000000000."
            )
        return value


def column_of(
    field: str,
    annotation: Any,
    *,
    wire_name: str,
    sql: str | None = None,
    id_form: IdForm | None = None,
) -> Column:
    """The column of a field with this annotation; `sql` is set when its value is computed."""
    inner, nullable, form = _taken_apart(annotation)
    kind, values = _kind(inner)
    return Column(
        field=field,
        wire_name=wire_name,
        kind=Kind.ID if id_form or form else kind,
        nullable=nullable,
        sql=sql or field,
        computed=sql is not None,
        values=values,
        id_form=id_form or form,
    )


def _taken_apart(annotation: Any) -> tuple[Any, bool, IdForm | None]:
    """The type within an annotation, whether None is allowed besides, and the form of its ids."""
    form: IdForm | None = None
    nullable = False
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *notes = get_args(annotation)
            form = next((note for note in notes if hasattr(note, "from_wire")), form)
        elif get_origin(annotation) in (Union, types.UnionType):
            [annotation] = [each for each in get_args(annotation) if each is not types.NoneType]
            nullable = True
        else:
            return annotation, nullable, form


def _kind(annotation: Any) -> tuple[Kind, type[Enum] | None]:
    if get_origin(annotation) is tuple:
        return Kind.TEXTS, None
    if get_origin(annotation) is Mapping or annotation is Any:
        return Kind.DOCUMENT, None
    if issubclass(annotation, Enum):
        return Kind.TEXT, annotation
    kinds = {
        str: Kind.TEXT,
        bool: Kind.FLAG,
        int: Kind.NUMBER,
        float: Kind.NUMBER,
        Decimal: Kind.NUMBER,
        datetime: Kind.MOMENT,
        UUID: Kind.ID,
    }
    return kinds[annotation], None
