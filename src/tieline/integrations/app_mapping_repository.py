"""SQL about which integration a component of an application belongs to."""

from __future__ import annotations

from uuid import UUID

from tieline.database import OrgTransaction


async def find(tx: OrgTransaction, app_id: UUID, component_id: UUID) -> UUID | None:
    """The integration of a component, if it has one."""
    found: UUID | None = await tx.fetchval(
        "SELECT integration_id FROM app_mappings "
        "WHERE org_id = $1 AND app_id = $2 AND component_id = $3",
        app_id,
        component_id,
    )
    return found


async def list_components(tx: OrgTransaction) -> dict[UUID, list[tuple[UUID, UUID]]]:
    """The components, as application and component, that belong to each integration."""
    rows = await tx.fetch(
        "SELECT integration_id, app_id, component_id FROM app_mappings WHERE org_id = $1 "
        "ORDER BY app_id, component_id"
    )
    found: dict[UUID, list[tuple[UUID, UUID]]] = {}
    for row in rows:
        found.setdefault(row["integration_id"], []).append((row["app_id"], row["component_id"]))
    return found


async def put(
    tx: OrgTransaction, app_id: UUID, component_id: UUID, integration_id: UUID, *, overwrite: bool
) -> bool:
    """Give a component an integration; whether it could, having none or being overwritten."""
    changed = await tx.execute(
        "INSERT INTO app_mappings AS m (org_id, app_id, component_id, integration_id) "
        "VALUES ($1, $2, $3, $4) ON CONFLICT (org_id, app_id, component_id) "
        "DO UPDATE SET integration_id = excluded.integration_id WHERE $5",
        app_id,
        component_id,
        integration_id,
        overwrite,
    )
    return changed > 0


async def delete(
    tx: OrgTransaction, app_id: UUID, component_id: UUID, integration_id: UUID
) -> bool:
    """Take the integration from a component; whether it had this one."""
    deleted = await tx.execute(
        "DELETE FROM app_mappings WHERE org_id = $1 AND app_id = $2 AND component_id = $3 "
        "AND integration_id = $4",
        app_id,
        component_id,
        integration_id,
    )
    return deleted > 0
