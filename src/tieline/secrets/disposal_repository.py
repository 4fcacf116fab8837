"""SQL about secrets that are deleted and that a vault still holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tieline.database import OrgTransaction, Transaction


async def dispose(tx: OrgTransaction, path: str, moment: datetime) -> None:
    """Note that what is at a path is to be removed."""
    await tx.execute(
        "INSERT INTO secret_disposals (org_id, path, created_at) VALUES ($1, $2, $3) "
        "ON CONFLICT DO NOTHING",
        path,
        moment,
    )


async def cancel(tx: OrgTransaction, path: str) -> None:
    """Something new is put at a path; waits until the old is removed if that has begun."""
    await tx.execute("DELETE FROM secret_disposals WHERE org_id = $1 AND path = $2", path)


async def disposed(tx: OrgTransaction, paths: Sequence[str]) -> set[str]:
    """Those of some paths at which nothing is any more."""
    rows = await tx.fetch(
        "SELECT path FROM secret_disposals WHERE org_id = $1 AND path = ANY($2)", paths
    )
    return {row["path"] for row in rows}


async def take(tx: Transaction, limit: int) -> list[tuple[str, str]]:
    """Organisations and paths to remove now, oldest first; done when the transaction commits."""
    rows = await tx.fetch(
        "DELETE FROM secret_disposals d USING ("
        "SELECT org_id, path FROM secret_disposals ORDER BY created_at LIMIT $1 "
        "FOR UPDATE SKIP LOCKED) AS oldest "
        "WHERE d.org_id = oldest.org_id AND d.path = oldest.path RETURNING d.org_id, d.path",
        limit,
    )
    return [(row["org_id"], row["path"]) for row in rows]


async def count(tx: Transaction) -> int:
    """How many secrets of all organisations are to be removed."""
    number: int = await tx.fetchval("SELECT count(*) FROM secret_disposals")
    return number
