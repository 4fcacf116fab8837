"""SQL that reads entities and their relations."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from tieline.database import OrgTransaction
from tieline.database.conditions import Parameters
from tieline.entities.repository import COLUMNS
from tieline.entities.search.conditions import EVERYTHING, Condition
from tieline.entities.search.models import Deleted, TitledEntity
from tieline.entities.search.predicates import where
from tieline.entities.search.repository import deleted_filter, titled


class Direction(StrEnum):
    """Which relations of an entity are meant: its own, those of others to it, or both."""

    DIRECT = "direct"
    REVERSE = "reverse"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class RelatedQuery:
    """Which related entities are wanted, and which part of the list."""

    direction: Direction = Direction.DIRECT
    include_schemas: Sequence[str] = ()
    exclude_schemas: Sequence[str] = ()
    deleted: Deleted = Deleted.EXCLUDED
    condition: Condition = EVERYTHING
    offset: int = 0
    size: int = 100


@dataclass(frozen=True, slots=True)
class Related:
    """A relation together with the entity at its other end."""

    target: TitledEntity
    attribute: str
    tags: Sequence[str]
    reverse: bool


@dataclass(frozen=True, slots=True)
class RelatedPage:
    """A page of relations, and how many there are in all."""

    hits: int
    related: Sequence[Related]


_OWN = (
    "SELECT target_id AS id, attribute, tags, false AS reverse, position "
    "FROM entity_relations WHERE org_id = $1 AND entity_id = {id}"
)
_OTHERS = (
    "SELECT entity_id AS id, attribute, tags, true AS reverse, position "
    "FROM entity_relations WHERE org_id = $1 AND target_id = {id}"
)
_SOURCES = {
    Direction.DIRECT: (_OWN,),
    Direction.REVERSE: (_OTHERS,),
    Direction.BOTH: (_OWN, _OTHERS),
}


async def find_entity(tx: OrgTransaction, schema: str, entity_id: UUID) -> TitledEntity | None:
    """An entity, deleted or not; None when it does not exist or has another schema."""
    sql = (
        f"SELECT {COLUMNS}, e.title FROM entities e "
        "WHERE e.org_id = $1 AND e.id = $2 AND e.schema = $3"
    )
    row = await tx.fetchrow(sql, entity_id, schema)
    return None if row is None else titled(row)


async def live_entities(tx: OrgTransaction, ids: Collection[UUID]) -> list[TitledEntity]:
    """Those of the entities that exist and are not deleted, in no particular order."""
    sql = (
        f"SELECT {COLUMNS}, e.title FROM entities e "
        "WHERE e.org_id = $1 AND e.id = ANY($2) AND e.deleted_at IS NULL"
    )
    return [titled(row) for row in await tx.fetch(sql, list(ids))] if ids else []


async def entity_sizes(tx: OrgTransaction, ids: Collection[UUID]) -> dict[UUID, int]:
    """How many bytes of JSON the attributes of some entities have; without those that are gone."""
    rows = await tx.fetch(
        "SELECT id, octet_length(attributes::text) AS size FROM entities "
        "WHERE org_id = $1 AND id = ANY($2) AND deleted_at IS NULL",
        list(ids),
    )
    return {row["id"]: row["size"] for row in rows}


async def lock_entities(tx: OrgTransaction, ids: Collection[UUID]) -> None:
    """Wait for everybody who is changing these entities; until the transaction ends, nobody else.

    In one order by all, so that two callers never wait for each other.
    """
    sql = "SELECT FROM entities WHERE org_id = $1 AND id = ANY($2) ORDER BY id FOR UPDATE"
    await tx.fetch(sql, list(ids))


async def related_entities(tx: OrgTransaction, entity_id: UUID, query: RelatedQuery) -> RelatedPage:
    """The relations of an entity with the entities at their other ends."""
    parameters = Parameters()
    joined = _related(entity_id, query, parameters)
    size, offset = parameters.bind(query.size), parameters.bind(query.offset)
    sql = (
        f"SELECT r.attribute, r.tags, r.reverse, count(*) OVER () AS hits, {COLUMNS}, e.title "
        f"{joined} ORDER BY r.reverse, r.attribute, r.position, e.id "
        f"LIMIT {size}::bigint OFFSET {offset}::bigint"
    )
    rows = await tx.fetch(sql, *parameters.values)
    found = [Related(titled(r), r["attribute"], r["tags"], r["reverse"]) for r in rows]
    if rows or not query.offset:
        return RelatedPage(rows[0]["hits"] if rows else 0, found)
    parameters = Parameters()
    sql = f"SELECT count(*) {_related(entity_id, query, parameters)}"
    return RelatedPage(await tx.fetchval(sql, *parameters.values), found)


async def count_related(tx: OrgTransaction, entity_id: UUID, exclude: Sequence[str]) -> int:
    """How many different entities an entity is related to, in either direction."""
    query = RelatedQuery(direction=Direction.BOTH, exclude_schemas=exclude)
    parameters = Parameters()
    sql = f"SELECT count(DISTINCT e.id) {_related(entity_id, query, parameters)}"
    count: int = await tx.fetchval(sql, *parameters.values)
    return count


def _related(entity_id: UUID, query: RelatedQuery, parameters: Parameters) -> str:
    """FROM and WHERE of the relations `r` and the entities `e` at their other ends."""
    placeholder = f"{parameters.bind(entity_id)}::uuid"
    sources = " UNION ALL ".join(s.format(id=placeholder) for s in _SOURCES[query.direction])
    filters = ["e.org_id = $1", deleted_filter(query.deleted), where(query.condition, parameters)]
    if query.include_schemas:
        filters.append(f"e.schema = ANY({parameters.bind(list(query.include_schemas))}::text[])")
    if query.exclude_schemas:
        filters.append(f"e.schema <> ALL({parameters.bind(list(query.exclude_schemas))}::text[])")
    return f"FROM ({sources}) r JOIN entities e ON e.id = r.id WHERE {' AND '.join(filters)}"
