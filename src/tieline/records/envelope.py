"""What every record carries besides its own fields, and who writes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Protocol
from uuid import UUID

from tieline.records.identifiers import ACTOR_ID

DEFAULT_SOURCE = "edm"
SCHEMA_VERSION = 1


class SourceType(StrEnum):
    """Where a write came from, as its sender says."""

    FRONTEND = "frontend"
    BACKEND = "backend"
    SERVER = "server"
    SYSTEM = "system"
    API = "api"


class Caller(Protocol):
    """Whoever reads or writes records; an identity's `Principal` is one.

    A caller with an `app_id` acts for an application: what it creates is stamped with that, and it
    sees nothing else.
    """

    @property
    def org_id(self) -> str:
        """The organisation whose records they are."""
        ...

    @property
    def actor_id(self) -> str:
        """Who is named as the author of a change."""
        ...

    @property
    def app_id(self) -> str | None:
        """The slug of the application that calls, if one does."""
        ...


@dataclass(frozen=True)
class SystemCaller:
    """Somebody who is no caller of an API, such as a command, and sees all of an organisation."""

    org_id: str
    actor_id: str
    app_id: str | None = None


ActorId = Annotated[str, ACTOR_ID]


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """The stamps of a record, without its id, whose type is the record's own affair.

    `org_id` is `tenant_id` on the wire. `version` counts the changes; whoever changes a record has
    to name the version that he has seen.
    """

    org_id: str
    app_id: str | None = None
    created_at: datetime
    created_by: ActorId | None = None
    updated_at: datetime
    updated_by: ActorId | None = None
    source: str = DEFAULT_SOURCE
    source_type: SourceType = SourceType.API
    is_deleted: bool = False
    deleted_at: datetime | None = None
    deleted_by: ActorId | None = None
    schema_version: int = SCHEMA_VERSION
    version: int = 1


@dataclass(frozen=True, kw_only=True)
class Record(Envelope):
    """A record whose id is a UUID."""

    id: UUID
