"""What somebody writes of a record: its fields with their bounds, and nothing unknown.

A draft is a pydantic model, so that a request's body and a file are checked by the same rules. It
says which fields were sent: one that is null is cleared, one that is left out stays as it is.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic.config import JsonDict

from tieline.kit import json
from tieline.kit.json import nul_place
from tieline.kit.time import stated_moment
from tieline.records.envelope import SourceType
from tieline.records.identifiers import UuidForm

MAX_DOCUMENT_BYTES = 64_000
MAX_LIST = 200

Flag = StrictBool
Word = Annotated[str, StringConstraints(max_length=200)]  # names, types, short states
Address = Annotated[str, StringConstraints(max_length=2_048)]
Prose = Annotated[str, StringConstraints(max_length=8_000)]
Texts = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=200)]],
    Field(max_length=MAX_LIST),
]

_STAMP: JsonDict = {"readOnly": True}


def _bounded(value: dict[str, Any]) -> dict[str, Any]:
    size = len(json.dumps(value))
    if size > MAX_DOCUMENT_BYTES:
        raise ValueError(f"has {size:,} bytes of JSON; {MAX_DOCUMENT_BYTES:,} are allowed")
    return value


Moment = Annotated[datetime, BeforeValidator(stated_moment)]
Document = Annotated[dict[str, Any], AfterValidator(_bounded)]


def reference(form: UuidForm) -> Any:
    """The annotation of a field that holds the id of a record of that type."""

    def read(value: Any) -> UUID:
        if isinstance(value, UUID):
            return value
        found = form.from_wire(value) if isinstance(value, str) else None
        if found is None:
            raise ValueError(f"must be an id such as {form.prefix}_01J00000000000000000000000")
        return found

    pattern = f"^{form.prefix}_[0-7][0-9A-HJKMNP-TV-Z]{{25}}$"
    return Annotated[
        UUID,
        BeforeValidator(read),
        WithJsonSchema({"type": "string", "pattern": pattern}),
    ]


def stamp(description: str) -> Any:
    """A field that the server writes, and ignores when it is sent."""
    return Field(
        default=None,
        description=f"{description} The server's; ignored when sent.",
        json_schema_extra=_STAMP,
    )


class RecordDraft(BaseModel):
    """Fields that every record has. The server's stamps may be sent, and are ignored."""

    model_config = ConfigDict(extra="forbid")

    id: Any = stamp("The record's id.")
    tenant_id: Any = stamp("The organisation.")
    app_id: Any = stamp("The slug of the application that created the record.")
    created_at: Any = stamp("When it was created.")
    created_by: Any = stamp("Who created it.")
    updated_at: Any = stamp("When it was changed last.")
    updated_by: Any = stamp("Who changed it last.")
    is_deleted: Any = stamp("Whether it was deleted.")
    deleted_at: Any = stamp("When it was deleted.")
    deleted_by: Any = stamp("Who deleted it.")
    schema_version: Any = stamp("The version of the record's form.")
    version: Any = stamp("How often it was stored.")
    source: Word | None = Field(default=None, description="Where it comes from; `edm` by default.")
    source_type: SourceType | None = Field(
        default=None, description="What kind of sender wrote it; `api` by default."
    )

    @model_validator(mode="before")
    @classmethod
    def refuse_nul(cls, value: Any) -> Any:
        """Pass the draft on unless a NUL character, which cannot be stored, is anywhere in it."""
        place = nul_place(value, "")
        if place is not None:
            where = place[:100] or "A key"
            raise ValueError(f"{where} holds the character U+0000. Remove it")
        return value

    def fields(self) -> dict[str, Any]:
        """The fields that were sent, without the server's."""
        known = type(self).model_fields
        return {
            name: _immutable(getattr(self, name))
            for name in known
            if name in self.model_fields_set and not _is_stamp(known[name].json_schema_extra)
        }


def _is_stamp(extra: Any) -> bool:
    return isinstance(extra, dict) and bool(extra.get("readOnly"))


def _immutable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
