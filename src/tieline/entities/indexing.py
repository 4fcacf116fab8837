"""Which attributes are looked up by value, and the look-up rows of entities that exist already."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from tieline.database import OrgTransaction, Transaction
from tieline.entities.index_values import index_values
from tieline.entities.repository import registration_lock
from tieline.kit import json
from tieline.kit.errors import InvalidInput

_PAGE = 5_000
MAX_LOOKED_UP = 64  # attributes of one schema


class TooManyLookedUpAttributes(InvalidInput):
    """Entities of a schema are identified by too many different attributes. Use fewer."""

    code = "TOO_MANY_LOOKED_UP_ATTRIBUTES"


async def register(tx: OrgTransaction, pairs: Iterable[tuple[str, str]]) -> None:
    """Have entities of a schema looked up by an attribute path, for each (schema, path).

    Pairs that are registered already cost one query. For a new pair the rows of all existing
    entities of the schema are written in this transaction; until it ends nobody writes entities
    of the organisation, so that none is missed.
    """
    wanted = sorted(set(pairs))
    new = await _unregistered(tx, wanted)
    if not new:
        return
    number = registration_lock(tx.org_id)
    await Transaction(tx.connection).execute("SELECT pg_advisory_xact_lock($1)", number)
    new = await _unregistered(tx, wanted)
    await _refuse_too_many(tx, new)
    await tx.execute(
        "INSERT INTO indexed_attributes (org_id, schema, attribute) "
        "SELECT $1, * FROM unnest($2::text[], $3::text[]) ON CONFLICT DO NOTHING",
        [schema for schema, _ in new],
        [path for _, path in new],
    )
    paths: dict[str, list[str]] = defaultdict(list)
    for schema, path in new:
        paths[schema].append(path)
    for schema, added in paths.items():
        await _backfill(tx, schema, added)


async def _unregistered(
    tx: OrgTransaction, pairs: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    rows = await tx.fetch(
        "SELECT w.schema, w.attribute FROM unnest($2::text[], $3::text[]) AS w (schema, attribute) "
        "WHERE NOT EXISTS (SELECT FROM indexed_attributes i WHERE i.org_id = $1 "
        "AND i.schema = w.schema AND i.attribute = w.attribute)",
        [schema for schema, _ in pairs],
        [path for _, path in pairs],
    )
    return [(row["schema"], row["attribute"]) for row in rows]


async def _refuse_too_many(tx: OrgTransaction, new: Sequence[tuple[str, str]]) -> None:
    """Each looked-up attribute costs every entity of its schema rows; somewhere it must end."""
    rows = await tx.fetch(
        "SELECT schema, count(*) AS registered FROM indexed_attributes "
        "WHERE org_id = $1 AND schema = ANY($2) GROUP BY schema",
        [schema for schema, _ in new],
    )
    counts = Counter({row["schema"]: row["registered"] for row in rows})
    counts.update(schema for schema, _ in new)
    for schema, count in counts.items():
        if count > MAX_LOOKED_UP:
            raise TooManyLookedUpAttributes(
                f"The schema {schema} would be looked up by {count} different attributes; at most "
                f"{MAX_LOOKED_UP} are possible. Identify its entities by fewer."
            )


async def _backfill(tx: OrgTransaction, schema: str, paths: Sequence[str]) -> None:
    last = UUID(int=0)
    while True:
        # Only the attributes that the paths start with are read, not the whole entities.
        rows = await tx.fetch(
            "SELECT e.id, (SELECT jsonb_object_agg(a.key, a.value) FROM jsonb_each(e.attributes) a "
            "WHERE a.key = ANY($4)) AS attributes FROM entities e "
            "WHERE e.org_id = $1 AND e.schema = $2 AND e.id > $3 ORDER BY e.id LIMIT $5",
            schema,
            last,
            [name for path in paths for name in (path, path.split(".")[0])],
            _PAGE,
        )
        if not rows:
            return
        last = rows[-1]["id"]
        found = [
            (path, text, row["id"])
            for row in rows
            if row["attributes"] is not None
            for path in paths
            for text in index_values(json.loads(row["attributes"]), path)
        ]
        await tx.execute(
            "INSERT INTO entity_index (org_id, schema, attribute, value, entity_id) "
            "SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::uuid[]) "
            "ON CONFLICT DO NOTHING",
            schema,
            [path for path, _, _ in found],
            [text for _, text, _ in found],
            [entity_id for _, _, entity_id in found],
        )
