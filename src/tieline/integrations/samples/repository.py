"""SQL about samples."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import asyncpg

from tieline.database import OrgTransaction
from tieline.integrations.samples.models import Sample, StoredSample
from tieline.kit import json
from tieline.mapping.models import PayloadFormat
from tieline.monitoring.models import EventType


async def list_samples(
    tx: OrgTransaction, use_case_ids: Iterable[UUID]
) -> dict[UUID, list[StoredSample]]:
    """The samples of use cases by name; use cases without any are left out."""
    rows = await tx.fetch(
        "SELECT * FROM use_case_samples WHERE org_id = $1 AND use_case_id = ANY($2::uuid[]) "
        'ORDER BY use_case_id, name COLLATE "C"',
        list(use_case_ids),
    )
    found: dict[UUID, list[StoredSample]] = {}
    for row in rows:
        found.setdefault(row["use_case_id"], []).append(_sample(row))
    return found


async def list_all_samples(tx: OrgTransaction) -> dict[UUID, list[StoredSample]]:
    """The samples of all use cases of the organisation by name."""
    rows = await tx.fetch("SELECT id FROM use_cases WHERE org_id = $1")
    return await list_samples(tx, [row["id"] for row in rows])


async def find_sample(tx: OrgTransaction, use_case_id: UUID, name: str) -> StoredSample | None:
    """A sample by its name."""
    row = await tx.fetchrow(
        "SELECT * FROM use_case_samples WHERE org_id = $1 AND use_case_id = $2 AND name = $3",
        use_case_id,
        name,
    )
    return _sample(row) if row else None


async def other_samples(tx: OrgTransaction, use_case_id: UUID, name: str) -> tuple[int, int]:
    """How many samples of other names a use case has, and how many bytes they are."""
    row = await tx.fetchrow(
        "SELECT count(*) AS samples, coalesce(sum(octet_length(payload::text) "
        "+ octet_length(expected::text)), 0)::bigint AS bytes FROM use_case_samples "
        "WHERE org_id = $1 AND use_case_id = $2 AND name <> $3",
        use_case_id,
        name,
    )
    assert row is not None
    return row["samples"], row["bytes"]


async def put_sample(
    tx: OrgTransaction, use_case_id: UUID, sample: Sample, now: datetime
) -> StoredSample:
    """Store a sample in place of the one of that name, if there is one."""
    row = await tx.fetchrow(
        "INSERT INTO use_case_samples AS s (org_id, use_case_id, name, format, payload, "
        "event_type, expected, created_at, updated_at) "
        "VALUES ($1, $2, $3, $4, $5::json, $6, $7::json, $8, $8) "
        "ON CONFLICT (org_id, use_case_id, name) DO UPDATE SET format = excluded.format, "
        "payload = excluded.payload, event_type = excluded.event_type, "
        "expected = excluded.expected, updated_at = excluded.updated_at RETURNING *",
        use_case_id,
        sample.name,
        sample.format,
        json.dumps_str(sample.payload),
        sample.event_type,
        json.dumps_str(sample.expected),
        now,
    )
    assert row is not None
    return _sample(row)


async def delete_sample(tx: OrgTransaction, use_case_id: UUID, name: str) -> bool:
    """Remove a sample; whether there was one."""
    deleted = await tx.execute(
        "DELETE FROM use_case_samples WHERE org_id = $1 AND use_case_id = $2 AND name = $3",
        use_case_id,
        name,
    )
    return deleted > 0


def _sample(row: asyncpg.Record) -> StoredSample:
    event_type: str | None = row["event_type"]
    sample = Sample(
        name=row["name"],
        format=PayloadFormat(row["format"]),
        payload=json.loads(row["payload"]),
        expected=json.loads(row["expected"]),
        event_type=EventType(event_type) if event_type else None,
    )
    return StoredSample(sample, row["created_at"], row["updated_at"])
