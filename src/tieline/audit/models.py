"""An entry of the audit log, and what one can ask about entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from tieline.audit.actor import Actor
from tieline.audit.changes import changes

Document = Mapping[str, Any]

SEVERAL = "*"  # the id of the target when an entry is about several things


class Shown(StrEnum):
    """What somebody looked at that must not be looked at unseen; the type of the entry's target."""

    EVENT = "event"
    REMAP = "remap"
    SAMPLE = "sample"
    CATALOGUE_EVENT = "catalogue_event"
    DELIVERY = "delivery"
    API_KEY = "api_key"
    ENVIRONMENT_VARIABLE = "environment_variable"
    WEBHOOK_SECRET = "webhook_secret"  # noqa: S105 - the name of a kind
    CONNECTOR_CREDENTIALS = "connector_credentials"

    @property
    def action(self) -> str:
        """The action under which looking at it is noted."""
        match self:
            case Shown.EVENT | Shown.REMAP | Shown.SAMPLE | Shown.DELIVERY | Shown.CATALOGUE_EVENT:
                return "payload.viewed"
            case _:
                return "secret_metadata.viewed"


@dataclass(frozen=True, slots=True)
class Action:
    """What was done to something: `<thing>.<what happened>`, such as `webhook.updated`.

    `before` and `after` are the target as JSON; None where it did not or does not exist.
    """

    name: str
    target_type: str
    target_id: str
    before: Document | None = None
    after: Document | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry: who did what to which thing, when and from where.

    The documents hold no secrets. Of an entry that would be too large `stored_changes` stand for
    both; `left_out` then says in words what is missing.
    """

    id: str
    org_id: str
    at: datetime
    actor: Actor
    action: str
    target_type: str
    target_id: str
    before: Document | None
    after: Document | None
    stored_changes: list[Document] | None
    left_out: str | None

    def changes(self) -> list[Document]:
        """What differs, as paths with the old and the new value."""
        if self.stored_changes is not None:
            return self.stored_changes
        return [change.document() for change in changes(self.before, self.after)]


@dataclass(frozen=True, slots=True)
class AuditCursor:
    """The place of an entry in a list."""

    at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which entries are wanted; None means any, and both dates are inclusive.

    `actor` is an actor's id. `search` is found in names, ids and documents, in any case.
    """

    actor: str | None = None
    action: str | None = None
    target_type: str | None = None
    target_id: str | None = None
    request_id: str | None = None
    from_date: datetime | None = None
    to_date: datetime | None = None
    search: str | None = None

    def document(self) -> dict[str, Any]:
        """What is asked for, as JSON."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in fields.items()
            if value is not None
        }


def logged_id(actor: str) -> str:
    """The id under which an actor is logged: a key is `key_...` in lists, and `api_...` in logs."""
    return f"api_{actor.removeprefix('key_')}" if actor.startswith("key_") else actor


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, newest first; `next_cursor` is None on the last page."""

    entries: list[AuditEntry]
    next_cursor: AuditCursor | None
