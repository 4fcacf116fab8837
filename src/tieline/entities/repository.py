"""SQL that fills a workspace and writes it back. Everything is set-based."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from uuid import UUID

import asyncpg

from tieline.database import OrgTransaction, Transaction
from tieline.entities.models import StoredEntity
from tieline.entities.workspace import ID_PATH, Key, Workspace
from tieline.kit import json

COLUMNS = "e.id, e.schema, e.attributes, e.version, e.created_at, e.updated_at, e.deleted_at"

# Of a value that thousands share, more than a few matches would fill the memory and say no more.
# Living ones come first, the oldest at the head; then those that were deleted last.
_MATCHES_PER_KEY = 100
_FIRST_MATCHES = "ORDER BY e.deleted_at DESC NULLS FIRST, e.created_at, e.id LIMIT"

# Entities that match several keys at once are found through the rarest of them: the others are
# then only probed. Without this, `source = ERP AND number = 4711` would read all of `ERP`.
_FIND_BY_KEYS = f"""
WITH key AS (
    SELECT * FROM unnest($2::int[], $3::text[], $4::text[], $5::text[])
        AS k (no, schema, path, value)
), rarest AS (
    SELECT DISTINCT ON (no) no, schema, path, value FROM (
        SELECT k.*, (SELECT count(*) FROM (
            SELECT FROM entity_index i WHERE i.org_id = $1 AND i.schema = k.schema
                AND i.attribute = k.path AND i.value = k.value LIMIT 50) AS few) AS matches
        FROM key k) AS counted
    ORDER BY no, matches
)
SELECT {COLUMNS} FROM rarest r CROSS JOIN LATERAL (
    SELECT e.* FROM entity_index i JOIN entities e ON e.org_id = $1 AND e.id = i.entity_id
    WHERE i.org_id = $1 AND i.schema = r.schema AND i.attribute = r.path AND i.value = r.value
    AND NOT EXISTS (
        SELECT FROM key o WHERE o.no = r.no AND (o.path, o.value) <> (r.path, r.value)
        AND NOT EXISTS (
            SELECT FROM entity_index p WHERE p.org_id = $1 AND p.schema = o.schema
                AND p.attribute = o.path AND p.value = o.value AND p.entity_id = i.entity_id))
    {_FIRST_MATCHES} $6) e
"""

_FIND_BY_SINGLE_KEYS = f"""
SELECT {COLUMNS} FROM unnest($2::text[], $3::text[], $4::text[]) AS k (schema, path, value)
CROSS JOIN LATERAL (
    SELECT e.* FROM entity_index i JOIN entities e ON e.org_id = $1 AND e.id = i.entity_id
    WHERE i.org_id = $1 AND i.schema = k.schema AND i.attribute = k.path AND i.value = k.value
    {_FIRST_MATCHES} $5) e
"""

# An anchor's own relations and those of others to it, of each anchor and schema so many. `OFFSET 0`
# keeps the planner from beginning with all entities of the schema, anchor by anchor.
_FIND_RELATED = f"""
SELECT {COLUMNS} FROM unnest($2::uuid[], $3::text[]) AS a (anchor, schema)
CROSS JOIN LATERAL (
    SELECT e.* FROM (
        SELECT r.target_id AS id FROM entity_relations r
        WHERE r.org_id = $1 AND r.entity_id = a.anchor
        UNION
        SELECT r.entity_id FROM entity_relations r
        WHERE r.org_id = $1 AND r.target_id = a.anchor) AS related
    CROSS JOIN LATERAL (
        SELECT * FROM entities x WHERE x.org_id = $1 AND x.id = related.id OFFSET 0) e
    WHERE e.schema = a.schema AND e.deleted_at IS NULL LIMIT $4) e
LIMIT $5
"""


# A server has room for some thousand locks with its own defaults, for all transactions together.
_MOST_LOCKS = 4_000
_LOCK_KEYS = """
WITH everything AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared($1) AS locked)
SELECT count(pg_advisory_xact_lock(n)) FROM everything, unnest($2::bigint[]) AS n
"""


async def open_workspace(
    tx: OrgTransaction, workspace: Workspace, schemas: Collection[str]
) -> None:
    """Tell the workspace how the schemas make titles and which attributes are looked up by value.

    Until the transaction ends, no further attribute can be registered: rows written here would
    miss it.
    """
    # In this order: whoever begins to listen meanwhile is seen or waits for nothing written here.
    workspace.listened = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM change_listeners WHERE org_id = $1) "
        "FROM pg_advisory_xact_lock_shared($2)",
        registration_lock(tx.org_id),
    )
    rows = await tx.fetch(
        "SELECT schema, attribute FROM indexed_attributes WHERE org_id = $1 AND schema = ANY($2)",
        list(schemas),
    )
    indexed: dict[str, set[str]] = {schema: set() for schema in schemas}
    for row in rows:
        indexed[row["schema"]].add(row["attribute"])
    workspace.indexed.update((schema, frozenset(paths)) for schema, paths in indexed.items())
    rows = await tx.fetch(
        "SELECT DISTINCT ON (slug) slug, document->>'title_template' AS template "
        "FROM entity_schemas WHERE org_id = $1 AND slug = ANY($2) ORDER BY slug, version DESC",
        list(schemas),
    )
    workspace.templates.update((row["slug"], row["template"]) for row in rows)


async def load_by_keys(
    tx: OrgTransaction,
    workspace: Workspace,
    keys: Collection[Key],
    *,
    limit: int = _MATCHES_PER_KEY,
) -> None:
    """Load the entities that match one of the keys as a whole, of each key so many at most."""
    single = [key for key in keys if len(key.pairs) == 1 and key.pairs[0][0] != ID_PATH]
    several = [key for key in keys if len(key.pairs) > 1]
    if single:
        pairs = [key.pairs[0] for key in single]
        rows = await tx.fetch(
            _FIND_BY_SINGLE_KEYS,
            [key.schema for key in single],
            [path for path, _ in pairs],
            [value for _, value in pairs],
            limit,
        )
        _add(workspace, rows)
    if several:
        flat = [(no, key.schema, *pair) for no, key in enumerate(several) for pair in key.pairs]
        columns = (list(column) for column in zip(*flat, strict=True))
        rows = await tx.fetch(_FIND_BY_KEYS, *columns, limit)
        _add(workspace, rows)
    ids = [text for key in keys for path, text in key.pairs if path == ID_PATH]
    await load_by_ids(tx, workspace, [i for text in ids if (i := _uuid(text)) is not None])


async def load_by_ids(tx: OrgTransaction, workspace: Workspace, ids: Collection[UUID]) -> None:
    """Load entities by id."""
    if ids:
        sql = f"SELECT {COLUMNS} FROM entities e WHERE e.org_id = $1 AND e.id = ANY($2)"
        _add(workspace, await tx.fetch(sql, list(ids)))


async def load_related(
    tx: OrgTransaction,
    workspace: Workspace,
    anchors: Collection[tuple[UUID, str]],
    *,
    each: int,
    most: int,
) -> int:
    """Load the living entities of a schema that are related to an entity, in either direction.

    `anchors` are pairs of entity id and schema; of each so many entities are loaded at most, and
    so many in all. Returns how many that were, an entity of several anchors counted with each.
    """
    if not anchors:
        return 0
    ids, schemas = zip(*anchors, strict=True)
    rows = await tx.fetch(_FIND_RELATED, list(ids), list(schemas), each, most)
    _add(workspace, rows)
    return len(rows)


async def lock_keys(tx: OrgTransaction, keys: Iterable[Key]) -> None:
    """Wait for everybody else who is about to create entities under the same keys.

    Whoever creates an entity under a key that matched nothing locks the key first and looks
    again, so that two workers which see a new unique id at once end with one entity. The locks
    are taken in one order by all, and end with the transaction. They have a limit: whoever creates
    very many entities at once locks all keys of the organisation instead.
    """
    numbers = sorted({_lock_number(tx.org_id, key) for key in keys})
    if not numbers:
        return
    everything = _digest(f"keys\0{tx.org_id}")
    system = Transaction(tx.connection)
    if len(numbers) > _MOST_LOCKS:
        await system.execute("SELECT pg_advisory_xact_lock($1)", everything)
    else:
        await system.execute(_LOCK_KEYS, everything, numbers)


def registration_lock(org_id: str) -> int:
    """The advisory lock of everybody who relies on the list of looked-up attributes."""
    return _digest(f"registration\0{org_id}")


def entity_of(row: asyncpg.Record) -> StoredEntity:
    """The entity in a row with `COLUMNS`."""
    return StoredEntity(
        row["id"],
        row["schema"],
        json.loads(row["attributes"]),
        row["version"],
        row["created_at"],
        row["updated_at"],
        row["deleted_at"],
    )


def _add(workspace: Workspace, rows: Iterable[asyncpg.Record]) -> None:
    for row in rows:
        if row["id"] not in workspace.current:
            workspace.add(entity_of(row))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _lock_number(org_id: str, key: Key) -> int:
    return _digest("\0".join((org_id, key.schema, *(text for pair in key.pairs for text in pair))))


def _digest(text: str) -> int:
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
