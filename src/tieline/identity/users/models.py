"""A user, and what one token tells of a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tieline.identity.roles import Role, scopes_of_roles
from tieline.records.envelope import Envelope
from tieline.records.identifiers import TextForm
from tieline.records.table import RecordTable

USER_ID = TextForm("per", stored_prefix="per")


@dataclass(frozen=True, kw_only=True)
class User(Envelope):
    """A person of one organisation, known by the issuer and its name for them (`subject`).

    `roles` are those in force. While `roles_given` is false they follow the tokens of the issuer;
    once somebody has given roles here, they stay. `profile_as_of` is when the token was issued that
    email, name and roles were last taken from: an older token changes nothing any more.
    """

    id: str
    issuer: str
    subject: str
    email: str | None = None
    name: str | None = None
    roles: tuple[str, ...] = ()
    roles_given: bool = False
    disabled: bool = False
    last_seen_at: datetime
    profile_as_of: datetime | None = None

    @property
    def scopes(self) -> frozenset[str]:
        """What the user may do."""
        return scopes_of_roles(self.roles)

    @property
    def is_acting_admin(self) -> bool:
        """Whether the user may do everything at present."""
        return Role.ADMIN in self.roles and not self.disabled


USERS = RecordTable.of(
    User,
    name="users",
    noun="user",
    id_form=USER_ID,
    second_names={"first_seen_at": "created_at"},
)


@dataclass(frozen=True)
class Sighting:
    """What a verified token tells of a person."""

    issuer: str
    subject: str
    email: str | None
    name: str | None
    roles: tuple[str, ...]
    issued_at: datetime


@dataclass(frozen=True)
class UserChange:
    """What somebody wants to change about a user; None leaves it as it is.

    `follow_issuer` gives up roles given by hand: the next token decides again.
    """

    roles: tuple[str, ...] | None = None
    follow_issuer: bool = False
    disabled: bool | None = None
