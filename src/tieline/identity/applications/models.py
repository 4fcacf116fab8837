"""An application, and what may be written of one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from tieline.records.drafts import Address, Prose, RecordDraft, Texts, Word
from tieline.records.envelope import Record
from tieline.records.identifiers import UuidForm
from tieline.records.table import RecordTable

SLUG_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
ACTIVE = "active"
REFUSED_STATUSES = frozenset({"suspended", "retired"})

_SLUG = Annotated[str, StringConstraints(pattern=SLUG_PATTERN)]


class ApplicationKind(StrEnum):
    """What an application is."""

    APP = "app"  # people use it
    PLATFORM_SERVICE = "platform-service"
    LIBRARY = "library"  # it runs within others only, and is nobody by itself


@dataclass(frozen=True, kw_only=True)
class Application(Record):
    """A program that works with the organisation's data.

    `slug` is what its records carry as their `app_id`. A validated token whose client is
    `oauth_client_id` speaks for it. `canonical_owner_of` names the types of which it has the truth.
    """

    slug: str
    display_name: str | None = None
    kind: ApplicationKind = ApplicationKind.APP
    primary_domain: str | None = None
    description: str | None = None
    oauth_client_id: str | None = None
    status: str = ACTIVE
    canonical_owner_of: tuple[str, ...] = ()
    api_base_path: str | None = None
    repository: str | None = None

    @property
    def has_runtime_identity(self) -> bool:
        """Whether there can be keys and tokens of it."""
        return self.kind is not ApplicationKind.LIBRARY

    @property
    def may_act(self) -> bool:
        """Whether its keys and tokens are accepted at present."""
        refused = self.is_deleted or self.status in REFUSED_STATUSES
        return self.has_runtime_identity and not refused


# An application may see its own record too, whoever created that.
APPLICATIONS = RecordTable.of(
    Application,
    name="applications",
    noun="application",
    id_form=UuidForm("app"),
    owner_fields=("app_id", "slug"),
)


class ApplicationDraft(RecordDraft):
    """What callers write of an application."""

    display_name: Word | None = Field(default=None, description="Its name for people.")
    slug: _SLUG | None = Field(
        default=None,
        description="Its name for programs, made from display_name unless it is sent. Records that "
        "the application creates carry it as their app_id; it never changes.",
    )
    kind: ApplicationKind | None = Field(
        default=None,
        description="`app` is used by people, `platform-service` serves other programs, `library` "
        "runs within others only and can own no key and no OAuth client.",
    )
    primary_domain: Word | None = Field(
        default=None, description="The domain of the model that it serves above all."
    )
    description: Prose | None = Field(default=None, description="What it does.")
    oauth_client_id: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        default=None,
        description="The client under which it gets OAuth tokens. A valid token of this client "
        "speaks for the application. Unique in the organisation.",
    )
    status: Word | None = Field(
        default=None,
        description="Where it is in its life, in lower case; `active` by default. The keys and "
        "tokens of a `suspended` or `retired` one are refused.",
    )
    canonical_owner_of: Texts | None = Field(
        default=None, description="The types of entities of which it has the truth."
    )
    api_base_path: Address | None = Field(
        default=None, description="The path at which it is reached, such as /v1/deals."
    )
    repository: Address | None = Field(default=None, description="Where its source code is.")
