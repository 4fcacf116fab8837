"""SQL that follows the relations of many entities at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from uuid import UUID

from tieline.database import OrgTransaction

# An entity's own relations come first, in their order, then those of others to it, the oldest
# first. Each branch ends early: something may be related to all that an organisation has.
# `OFFSET 0` keeps the planner from beginning with all entities of the schema.
_RELATED = """
SELECT a.entity_id, a.schema, f.id
FROM unnest($2::uuid[], $3::text[]) AS a (entity_id, schema)
CROSS JOIN LATERAL (
    SELECT e.id, min(r.no) AS no FROM (
        (SELECT o.target_id AS id, row_number() OVER () AS no FROM (
            SELECT target_id FROM entity_relations
            WHERE org_id = $1 AND entity_id = a.entity_id ORDER BY attribute, position LIMIT $5) o)
        UNION ALL
        (SELECT o.entity_id, $5 + row_number() OVER () FROM (
            SELECT entity_id FROM entity_relations
            WHERE org_id = $1 AND target_id = a.entity_id ORDER BY entity_id LIMIT $5) o)
    ) r CROSS JOIN LATERAL (
        SELECT * FROM entities x WHERE x.org_id = $1 AND x.id = r.id OFFSET 0) e
    WHERE e.schema = a.schema AND e.deleted_at IS NULL
    GROUP BY e.id ORDER BY no LIMIT $4) f
"""


async def related_ids(
    tx: OrgTransaction, asked: Collection[tuple[UUID, str]], *, each: int, relations: int
) -> dict[tuple[UUID, str], list[UUID]]:
    """The entities of a schema that an entity is related to, either way, of each so many at most.

    `asked` are pairs of entity and schema. So many `relations` of an entity are looked at in each
    direction. Those that are deleted are left out.
    """
    pairs = sorted(asked)
    rows = await tx.fetch(
        _RELATED, [entity for entity, _ in pairs], [schema for _, schema in pairs], each, relations
    )
    found: dict[tuple[UUID, str], list[UUID]] = defaultdict(list)
    for row in rows:
        found[row["entity_id"], row["schema"]].append(row["id"])
    return dict(found)
