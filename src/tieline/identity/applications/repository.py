"""SQL about applications that is not about records in general."""

from __future__ import annotations

from tieline.database import OrgTransaction
from tieline.identity.applications.models import APPLICATIONS, Application


async def find_by_client_id(tx: OrgTransaction, client_id: str) -> Application | None:
    """The application of an OAuth client."""
    return await _find(tx, "oauth_client_id", client_id)


async def find_by_slug(tx: OrgTransaction, slug: str) -> Application | None:
    """The application with that slug."""
    return await _find(tx, "slug", slug)


async def _find(tx: OrgTransaction, column: str, value: str) -> Application | None:
    row = await tx.fetchrow(
        f"SELECT {APPLICATIONS.selection()} FROM {APPLICATIONS.name} "
        f"WHERE org_id = $1 AND {column} = $2 AND NOT is_deleted",
        value,
    )
    return APPLICATIONS.decode(row) if row else None
