"""SQL about applications that is not about records in general."""

from __future__ import annotations

from tieline.database import OrgTransaction, Transaction
from tieline.identity.applications.models import APPLICATIONS, Application
from tieline.identity.repository import CHANGED_CHANNEL


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


async def tell_change(tx: OrgTransaction) -> None:
    """Let every process forget whom keys and tokens stand for, once this is committed."""
    await Transaction(tx.connection).execute(
        "SELECT pg_notify($1, $2)", CHANGED_CHANNEL, f"applications of {tx.org_id}"
    )
