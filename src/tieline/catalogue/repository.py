"""SQL about the events of organisations and what they have switched."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import asyncpg

from tieline.catalogue.definitions import EventDefinition, Status
from tieline.catalogue.known import CustomEvent, Switches
from tieline.catalogue.parsing import stored_definition
from tieline.database import OrgTransaction
from tieline.kit import json
from tieline.kit.ids import new_uuid


async def catalogue_version(tx: OrgTransaction) -> UUID | None:
    """What the present state of the organisation's catalogue is known by; None before the first."""
    version: UUID | None = await tx.fetchval(
        "SELECT version FROM event_catalogues WHERE org_id = $1"
    )
    return version


async def begin_change(tx: OrgTransaction) -> None:
    """Give the catalogue a new version; others wait with theirs until the transaction ends.

    A number that counts would be given away again after a transaction that is rolled back.
    """
    await tx.execute(
        "INSERT INTO event_catalogues (org_id, version) VALUES ($1, $2) "
        "ON CONFLICT (org_id) DO UPDATE SET version = excluded.version",
        new_uuid(),
    )


async def all_switches(tx: OrgTransaction) -> dict[str, Switches]:
    """What the organisation has switched, by event."""
    rows = await tx.fetch(
        "SELECT name, enabled, auto_trigger, automation_trigger, version FROM event_switches "
        "WHERE org_id = $1"
    )
    return {
        row["name"]: Switches(
            row["enabled"], row["auto_trigger"], row["automation_trigger"], row["version"]
        )
        for row in rows
    }


async def store_switches(tx: OrgTransaction, name: str, switches: Switches, now: datetime) -> None:
    """Set what an organisation has switched of an event."""
    await tx.execute(
        "INSERT INTO event_switches "
        "(org_id, name, enabled, auto_trigger, automation_trigger, version, updated_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (org_id, name) DO UPDATE SET "
        "enabled = excluded.enabled, auto_trigger = excluded.auto_trigger, "
        "automation_trigger = excluded.automation_trigger, version = excluded.version, "
        "updated_at = excluded.updated_at",
        name,
        switches.enabled,
        switches.auto_trigger,
        switches.automation_trigger,
        switches.version,
        now,
    )


async def all_custom_events(tx: OrgTransaction) -> dict[str, CustomEvent]:
    """The organisation's own events by name, oldest first."""
    rows = await tx.fetch(
        "SELECT status, definition, version, created_at, updated_at FROM custom_events "
        "WHERE org_id = $1 ORDER BY created_at, name"
    )
    found = [_custom_event(row) for row in rows]
    return {event.definition.name: event for event in found}


async def insert_custom_event(tx: OrgTransaction, event: CustomEvent) -> None:
    """Add an event of the organisation's own."""
    await tx.execute(
        "INSERT INTO custom_events "
        "(org_id, name, status, definition, version, created_at, updated_at) "
        "VALUES ($1, $2, $3, $4::text::json, $5, $6, $7)",
        *_columns(event),
        event.created_at,
        event.updated_at,
    )


async def update_custom_event(tx: OrgTransaction, event: CustomEvent) -> None:
    """Store the present state of an event of the organisation's own."""
    await tx.execute(
        "UPDATE custom_events SET status = $3, definition = $4::text::json, version = $5, "
        "updated_at = $6 WHERE org_id = $1 AND name = $2",
        *_columns(event),
        event.updated_at,
    )


def _columns(event: CustomEvent) -> tuple[str, str, str, int]:
    definition = event.definition
    document: Mapping[str, object] = {
        **definition.document(),
        "event_version": definition.version,
    }
    return definition.name, event.status.value, json.dumps_str(document), event.version


def _custom_event(row: asyncpg.Record) -> CustomEvent:
    definition: EventDefinition = stored_definition(json.loads(row["definition"]))
    return CustomEvent(
        definition=definition,
        status=Status(row["status"]),
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
