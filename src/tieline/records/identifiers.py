"""How the id of a record looks on the wire: a prefix that names its type, and a ULID.

The ULID of a row with a `uuid` is the Crockford text of the same 128 bits, so that surfaces which
show UUIDs and the one which shows ULIDs speak of the same row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from ulid import ULID

_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")


class IdForm(Protocol):
    """The two forms of an id: the value of its column, and the text on the wire."""

    @property
    def prefix(self) -> str:
        """What stands before the underscore on the wire."""
        ...

    @property
    def sql_type(self) -> str:
        """The type of the column."""
        ...

    def to_wire(self, value: Any) -> str:
        """The text that callers see."""
        ...

    def from_wire(self, text: str) -> Any:
        """The value of the column, or None when the text is no such id."""
        ...


@dataclass(frozen=True)
class UuidForm:
    """A `uuid` column, shown as `<prefix>_<ULID>`."""

    prefix: str
    sql_type: str = "uuid"

    def to_wire(self, value: UUID) -> str:
        """The prefix and the Crockford text of the UUID's 128 bits."""
        return f"{self.prefix}_{ULID.from_bytes(value.bytes)}"

    def from_wire(self, text: str) -> UUID | None:
        """The UUID behind an id, or None when the text is no id with this prefix."""
        ulid = _ulid_after(self.prefix, text)
        return None if ulid is None else UUID(bytes=ULID.from_str(ulid).bytes)


@dataclass(frozen=True)
class TextForm:
    """A `text` column that holds `<stored prefix>_<ULID>`, shown with another prefix.

    Both are understood: logs, and stamps that say who wrote something, name what is stored.
    """

    prefix: str
    stored_prefix: str
    sql_type: str = "text"

    def to_wire(self, value: str) -> str:
        """The id with the prefix of the wire."""
        return f"{self.prefix}_{value.removeprefix(f'{self.stored_prefix}_')}"

    def from_wire(self, text: str) -> str | None:
        """The id as it is stored, or None when the text is no id with either prefix."""
        ulid = _ulid_after(self.prefix, text) or _ulid_after(self.stored_prefix, text)
        return None if ulid is None else f"{self.stored_prefix}_{ulid}"


KEY_ID = TextForm("key", stored_prefix="api")


@dataclass(frozen=True)
class ActorForm:
    """Who wrote something, in a `text` column: a key is shown by the id that it has on the wire.

    Anybody else (a person, an application, somebody at the command line) has only one form.
    """

    prefix: str = "key"
    sql_type: str = "text"

    def to_wire(self, value: str) -> str:
        """The id with which the writer can be looked up."""
        return KEY_ID.to_wire(value) if KEY_ID.from_wire(value) else value

    def from_wire(self, text: str) -> str:
        """The id as it is stored."""
        return KEY_ID.from_wire(text) or text


ACTOR_ID = ActorForm()


def _ulid_after(prefix: str, text: str) -> str | None:
    start, _, ulid = text.partition("_")
    ulid = ulid.upper()
    return ulid if start == prefix and _ULID.fullmatch(ulid) else None
