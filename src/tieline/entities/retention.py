"""Empties the recycle bin."""

from __future__ import annotations

from datetime import datetime

from tieline.database import Transaction

_AT_ONCE = 5_000


async def purge_recycle_bin(tx: Transaction, before: datetime) -> int:
    """Purge entities of all organisations that were deleted before that; how many went.

    Takes the oldest few thousand; what is left goes with the next pass.
    """
    rows = await tx.fetch(
        # Asked twice: whoever is being restored at this moment is looked at again after that.
        "DELETE FROM entities WHERE deleted_at < $1 AND (org_id, id) IN (SELECT org_id, id "
        "FROM entities WHERE deleted_at < $1 ORDER BY deleted_at LIMIT $2) "
        "RETURNING org_id, id, schema",
        before,
        _AT_ONCE,
    )
    if not rows:
        return 0
    gone = [[row["org_id"] for row in rows], [row["id"] for row in rows]]
    for table in ("entity_relations", "entity_operations", "activity_attachments"):
        await tx.execute(
            f"DELETE FROM {table} t USING unnest($1::text[], $2::uuid[]) AS g (org_id, entity_id) "
            "WHERE t.org_id = g.org_id AND t.entity_id = g.entity_id",
            *gone,
        )
    await tx.execute(
        "DELETE FROM meter_readings r USING unnest($1::text[], $2::uuid[]) AS g (org_id, meter_id) "
        "WHERE r.org_id = g.org_id AND r.meter_id = g.meter_id",
        *gone,
    )
    await tx.execute(
        "DELETE FROM entity_index i "
        "USING unnest($1::text[], $2::uuid[], $3::text[]) AS g (org_id, entity_id, schema), "
        "indexed_attributes a WHERE a.org_id = g.org_id AND a.schema = g.schema "
        "AND i.org_id = g.org_id AND i.schema = g.schema AND i.attribute = a.attribute "
        "AND i.entity_id = g.entity_id",
        *gone,
        [row["schema"] for row in rows],
    )
    return len(rows)
