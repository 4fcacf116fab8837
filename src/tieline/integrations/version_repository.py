"""SQL about the versions of use cases. A version never changes; it is archived when it is over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from tieline.database import OrgTransaction
from tieline.integrations.models import UseCase, UseCaseVersion
from tieline.integrations.repository import use_case_columns, use_case_from
from tieline.kit.ids import new_uuid

_EMPTY_CONFIGURATION = b"{}"


async def insert_versions(tx: OrgTransaction, use_cases: Sequence[UseCase]) -> None:
    """Store each use case as it is now as the version that is in force."""
    await tx.execute(
        """
        INSERT INTO use_case_versions (
            org_id, use_case_id, integration_id, version, name, slug, type, enabled,
            change_description, configuration, created_at, updated_at, history_id
        )
        SELECT $1, n.use_case_id, n.integration_id, n.version, n.name, n.slug, n.type, n.enabled,
            n.change_description, n.configuration::json, n.created_at, n.updated_at, n.history_id
        FROM unnest(
            $2::uuid[], $3::uuid[], $4::integer[], $5::text[], $6::text[], $7::text[],
            $8::boolean[], $9::text[], $10::text[], $11::timestamptz[], $12::timestamptz[],
            $13::uuid[]
        ) AS n (
            use_case_id, integration_id, version, name, slug, type, enabled, change_description,
            configuration, created_at, updated_at, history_id
        )
        """,
        *use_case_columns(use_cases),
        [new_uuid() for _ in use_cases],
    )


async def archive_versions(
    tx: OrgTransaction, use_case_ids: Iterable[UUID], moment: datetime
) -> None:
    """End the versions that are in force."""
    await tx.execute(
        "UPDATE use_case_versions SET archived_at = $3 "
        "WHERE org_id = $1 AND use_case_id = ANY($2::uuid[]) AND archived_at IS NULL",
        list(use_case_ids),
        moment,
    )


async def last_versions(tx: OrgTransaction, use_case_ids: Iterable[UUID]) -> dict[UUID, int]:
    """The highest version that each id ever had; ids that were never used are left out."""
    rows = await tx.fetch(
        "SELECT use_case_id, max(version) AS version FROM use_case_versions "
        "WHERE org_id = $1 AND use_case_id = ANY($2::uuid[]) GROUP BY use_case_id",
        list(use_case_ids),
    )
    return {row["use_case_id"]: row["version"] for row in rows}


async def list_archived(
    tx: OrgTransaction, use_case: UseCase, *, before: int | None, count: int
) -> list[UseCaseVersion]:
    """Up to `count` earlier versions of a use case, newest first, from below `before`.

    An id may have belonged to a use case that was deleted: only versions of this one count.
    """
    rows = await tx.fetch(
        "SELECT *, use_case_id AS id FROM use_case_versions "
        "WHERE org_id = $1 AND use_case_id = $2 AND created_at = $3 AND archived_at IS NOT NULL "
        "AND version < $4 ORDER BY version DESC LIMIT $5",
        use_case.id,
        use_case.created_at,
        use_case.version if before is None else min(before, use_case.version),
        count,
    )
    return [
        UseCaseVersion(row["history_id"], use_case_from(row), row["archived_at"]) for row in rows
    ]


async def find_configurations(
    tx: OrgTransaction, versions: Sequence[tuple[UUID, int]]
) -> dict[tuple[UUID, int], bytes]:
    """The configurations of versions as JSON texts, exactly as stored; unknown ones left out."""
    rows = await tx.fetch(
        "SELECT v.use_case_id, v.version, v.configuration::text AS configuration "
        "FROM unnest($2::uuid[], $3::integer[]) AS wanted (use_case_id, version) "
        "JOIN use_case_versions v ON v.org_id = $1 AND v.use_case_id = wanted.use_case_id "
        "AND v.version = wanted.version",
        [use_case_id for use_case_id, _ in versions],
        [version for _, version in versions],
    )
    return {
        (row["use_case_id"], row["version"]): (
            row["configuration"].encode() if row["configuration"] else _EMPTY_CONFIGURATION
        )
        for row in rows
    }
