"""What the operations on records share: the form of answers, of lists and of refusals."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictInt
from pydantic.config import JsonDict

from tieline.http.pagination import encode_cursor
from tieline.http.refusals import CodedError, Refusals
from tieline.records.envelope import SourceType
from tieline.records.listing import Listing, Page
from tieline.records.table import R, RecordTable

Version = Annotated[
    StrictInt,
    Field(
        ge=1,
        le=2**53 - 1,
        description="The version that the change is about; 409 when there is a newer one.",
    ),
]


def _all_but_app_id(schema: JsonDict) -> None:
    schema["required"] = [name for name in schema["properties"] if name != "app_id"]  # type: ignore[union-attr]


class RecordReply(BaseModel):
    """What every record shows of itself."""

    model_config = ConfigDict(json_schema_extra=_all_but_app_id)

    id: str = Field(description="A prefix that names the type, and a ULID.")
    tenant_id: str = Field(description="The organisation.")
    app_id: str = Field(
        default="",
        description="The slug of the application that created it; absent unless one did.",
    )
    created_at: datetime = Field(description="When it was created.")
    created_by: str | None = Field(description="The person, key or application that created it.")
    updated_at: datetime = Field(description="When it was stored last.")
    updated_by: str | None = Field(description="Who changed it last.")
    source: str = Field(description="Where it comes from, as its sender said.")
    source_type: SourceType = Field(description="What kind of sender wrote it.")
    is_deleted: bool = Field(description="Whether it was deleted; lists leave those out.")
    deleted_at: datetime | None = Field(description="When it was deleted; null otherwise.")
    deleted_by: str | None = Field(description="Who deleted it; null otherwise.")
    schema_version: int = Field(description="The version of the record's form.")
    version: int = Field(description="Grows by one with every change; a change has to name it.")


class PageReply(BaseModel):
    """What every list says besides its items."""

    nextCursor: str | None = Field(  # noqa: N815 - the envelope of this surface
        description="The `cursor` of the next page; null on the last one."
    )
    total: int = Field(description="How many records fit, on all pages.")


def page_reply(table: RecordTable[R], listing: Listing, page: Page[R]) -> dict[str, Any]:
    """A page of a list."""
    return {
        "items": [table.document(record) for record in page.records],
        "nextCursor": cursor_after(table, listing, page),
        "total": page.total,
    }


def cursor_after(table: RecordTable[R], listing: Listing, page: Page[R]) -> str | None:
    """The cursor with which the list goes on after a page; `read_listing` understands it."""
    if page.next_after is None:
        return None
    values = zip(listing.order, page.next_after, strict=True)
    place = [order.column.write(value) for order, value in values]
    return encode_cursor([list_identity(table, listing), place])


def list_identity(table: RecordTable[R], listing: Listing) -> str:
    """What a cursor belongs to: the records and their order."""
    order = ",".join(f"{'-' * each.descending}{each.column.wire_name}" for each in listing.order)
    return f"{table.name}:{order}"


refusals = Refusals(
    CodedError,
    {
        403: "The caller lacks the scope for this call, or the right to do this.",
        404: "There is no such record in this organisation.",
        409: "The change contradicts what is stored, such as a newer version.",
    },
)
