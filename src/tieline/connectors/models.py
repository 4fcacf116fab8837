"""A connector, and what may be written of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, StrictInt

from tieline.records.columns import ApplicationId, WebhookId
from tieline.records.drafts import (
    Address,
    Document,
    Flag,
    Moment,
    Prose,
    RecordDraft,
    Texts,
    Word,
    reference,
)
from tieline.records.envelope import Record
from tieline.records.identifiers import UuidForm
from tieline.records.table import RecordTable

_LARGEST_COUNT = 2**53 - 1


class ConnectorScope(StrEnum):
    """For whom a connector is."""

    ORG = "org"
    USER = "user"
    GROUP = "group"


@dataclass(frozen=True, kw_only=True)
class Connector(Record):
    """A source or sink of data outside.

    `config` says how to reach it and holds no secrets: these are in the vault at `vault_path`, or
    named in `config` as `{{env.key}}`. The fields from `sync_status` to `metrics` say how it fares;
    whoever runs the connector writes them.
    """

    type: str | None = None
    provider: str | None = None
    name: str | None = None
    scope: ConnectorScope = ConnectorScope.ORG
    owner_id: str | None = None
    group_id: str | None = None
    user_id: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    vault_path: str | None = None
    auth_type: str | None = None
    oauth_refresh_needed: bool = False
    oauth_token_expires_at: datetime | None = None
    enabled: bool = True
    sync_status: str | None = None
    last_sync_at: datetime | None = None
    consecutive_errors: int = 0
    last_error: str | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    event_types: tuple[str, ...] = ()
    webhook_endpoint_id: WebhookId | None = None
    credential_last_rotated_at: datetime | None = None
    next_rotation_due: datetime | None = None
    tags: tuple[str, ...] = ()
    application_id: ApplicationId | None = None


CONNECTORS = RecordTable.of(Connector, name="connectors", noun="connector", id_form=UuidForm("cnn"))


class ConnectorDraft(RecordDraft):
    """What callers write of a connector."""

    type: Word | None = Field(default=None, description="What kind of thing it connects to.")
    provider: Word | None = Field(default=None, description="Whose product, such as `jira`.")
    name: Word | None = Field(default=None, description="Its name for people.")
    scope: ConnectorScope | None = Field(
        default=None,
        description="For whom it is: the whole organisation (`org`, the default), a `user`, which "
        "needs user_id or owner_id, or a `group`, which needs group_id.",
    )
    owner_id: Word | None = Field(default=None, description="The user to whom it belongs.")
    group_id: Word | None = Field(default=None, description="The group for which it is.")
    user_id: Word | None = Field(default=None, description="The user for whom it is.")
    config: Document | None = Field(
        default=None,
        description="How to reach it: addresses, regions, account numbers. What a name such as "
        "`password` or `apiKey` calls a secret must be a reference like `{{env.key}}`. "
        "At most 64,000 bytes.",
    )
    vault_path: Address | None = Field(
        default=None,
        description="Where in the vault its secrets are; within the organisation's own part of it.",
    )
    auth_type: Word | None = Field(default=None, description="How it authenticates itself.")
    oauth_refresh_needed: Flag | None = Field(
        default=None, description="Whether its OAuth token has to be refreshed."
    )
    oauth_token_expires_at: Moment | None = Field(
        default=None, description="When its OAuth token expires."
    )
    enabled: Flag | None = Field(
        default=None, description="Whether it is to work; true by default."
    )
    sync_status: Word | None = Field(default=None, description="How its syncs fare at present.")
    last_sync_at: Moment | None = Field(
        default=None, description="When a sync succeeded for the last time."
    )
    consecutive_errors: Annotated[StrictInt, Field(ge=0, le=_LARGEST_COUNT)] | None = Field(
        default=None, description="How many syncs have failed since one succeeded."
    )
    last_error: Prose | None = Field(default=None, description="What the last error said.")
    metrics: Document | None = Field(
        default=None,
        description="Figures of its syncs, such as totalSynced, last24h and avgLatencyMs. "
        "At most 64,000 bytes.",
    )
    event_types: Texts | None = Field(
        default=None, description="The types of events that it brings."
    )
    webhook_endpoint_id: reference(UuidForm("whk")) | None = Field(  # type: ignore[valid-type]
        default=None, description="The webhook over which it is fed or feeds others."
    )
    credential_last_rotated_at: Moment | None = Field(
        default=None, description="When its credentials were replaced last."
    )
    next_rotation_due: Moment | None = Field(
        default=None, description="By when its credentials have to be replaced."
    )
    tags: Texts | None = Field(default=None, description="Words to find it by.")
    application_id: reference(UuidForm("app")) | None = Field(  # type: ignore[valid-type]
        default=None, description="The application to which it belongs."
    )
