"""Fills the entity graphs of many events at once: one statement for each step away from the seeds.

Bounds: `MAX_PER_NODE` entities in a node, `MAX_PER_EVENT` in an event, with `MAX_READ_BYTES` of
JSON. Of an entity the first `MAX_RELATIONS` relations in each direction are looked at. What is
beyond is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tieline.catalogue.definitions import Cardinality, Graph, Node
from tieline.catalogue.graph_repository import related_ids
from tieline.catalogue.journeys import steps_from
from tieline.database import OrgTransaction
from tieline.entities.projection import Projection
from tieline.entities.queries import entity_sizes, live_entities
from tieline.entities.reads import wire_document

MAX_PER_NODE = 100
MAX_PER_EVENT = 500
MAX_RELATIONS = 2_000
MAX_READ_BYTES = 16_000_000
MAX_BYTES_AT_ONCE = 64_000_000  # of all entities that are read together

_MAX_STEPS = 40  # of edges that lead in circles, only so many are followed
_INTERNAL = ("_id", "_schema", "_org")

Document = dict[str, Any]
Asked = tuple[UUID, str]  # an entity, and the schema of the related ones that are wanted


class TooMuchAtOnce(Exception):
    """The graphs of these events together would take too much memory. Fill fewer at once."""


@dataclass(eq=False)
class Hydration:
    """One event's graph: where it begins, and what has been found for each node so far.

    `seeds` are the nodes whose entities are known beforehand, which may be none. `own` are states
    of entities that are to be shown as they are given, not as they are stored.
    """

    graph: Graph
    seeds: Mapping[str, Sequence[UUID]]
    skipped: frozenset[str] = frozenset()
    own: Mapping[UUID, Document] = field(default_factory=dict)
    found: dict[str, list[UUID]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.found = {node_id: list(ids) for node_id, ids in self.seeds.items()}
        self._steps = steps_from(self.graph, tuple(self.seeds))
        self._nodes = {node.id: node for node in self.graph.nodes}
        self._frontier = {node_id: list(ids) for node_id, ids in self.seeds.items()}

    def asked(self) -> list[Asked]:
        """What has to be known for the next step."""
        return [
            (entity_id, self._nodes[target].schema)
            for source, ids in self._frontier.items()
            for target in self._targets(source)
            for entity_id in ids
        ]

    def take(self, answers: Mapping[Asked, Sequence[UUID]]) -> None:
        """Go one step further with what was asked."""
        frontier: dict[str, list[UUID]] = defaultdict(list)
        for source, ids in self._frontier.items():
            for target in self._targets(source):
                schema = self._nodes[target].schema
                for entity_id in ids:
                    for found in answers.get((entity_id, schema), ()):
                        if self._add(target, found):
                            frontier[target].append(found)
        self._frontier = frontier

    def shown(self, entities: Mapping[UUID, Document]) -> dict[str, Document | list[Document]]:
        """The nodes with their entities; a node for one entity is left out when it has none."""
        filled: dict[str, Document | list[Document]] = {}
        for node in self.graph.nodes:
            if node.id in self.skipped:
                continue
            documents = [
                _projected(node, document)
                for entity_id in self.found.get(node.id, ())
                if (document := self.own.get(entity_id) or entities.get(entity_id)) is not None
            ]
            if node.cardinality is Cardinality.MANY:
                filled[node.id] = documents
            elif documents:
                filled[node.id] = documents[0]
        return filled

    def wanted(self) -> list[UUID]:
        """The entities that have to be read to be shown, those nearest to the seeds first."""
        return list(
            dict.fromkeys(
                entity_id
                for node_id, ids in self.found.items()
                if node_id not in self.skipped
                for entity_id in ids
                if entity_id not in self.own
            )
        )

    def affordable(self, sizes: Mapping[UUID, int]) -> set[UUID]:
        """Those of the wanted entities that are within the bound of bytes."""
        chosen: set[UUID] = set()
        left = MAX_READ_BYTES
        for entity_id in self.wanted():
            left -= sizes.get(entity_id, 0)
            if left < 0:
                break
            chosen.add(entity_id)
        return chosen

    def _targets(self, source: str) -> list[str]:
        """The nodes that are next to one, and have room; what is in a seed is known already."""
        return [
            node
            for node in self._steps.get(source, ())
            if node not in self.seeds and self._has_room(node)
        ]

    def _has_room(self, node_id: str) -> bool:
        one = self._nodes[node_id].cardinality is Cardinality.ONE
        limit = 1 if one else MAX_PER_NODE
        total = sum(map(len, self.found.values()))
        return len(self.found.get(node_id, ())) < limit and total < MAX_PER_EVENT

    def _add(self, node_id: str, entity_id: UUID) -> bool:
        if not self._has_room(node_id) or entity_id in self.found.get(node_id, ()):
            return False
        self.found.setdefault(node_id, []).append(entity_id)
        return True


async def hydrate(
    tx: OrgTransaction, hydrations: Sequence[Hydration]
) -> list[dict[str, Document | list[Document]]]:
    """The filled nodes of each graph by their ids. Raises `TooMuchAtOnce`."""
    for _ in range(_MAX_STEPS):
        asked = {each for hydration in hydrations for each in hydration.asked()}
        if not asked:
            break
        answers = await related_ids(tx, asked, each=MAX_PER_NODE, relations=MAX_RELATIONS)
        for hydration in hydrations:
            hydration.take(answers)
    wanted = {entity_id for hydration in hydrations for entity_id in hydration.wanted()}
    sizes = await entity_sizes(tx, wanted) if wanted else {}
    chosen = [hydration.affordable(sizes) for hydration in hydrations]
    ids = set().union(*chosen)
    if len(hydrations) > 1 and sum(sizes.get(each, 0) for each in ids) > MAX_BYTES_AT_ONCE:
        raise TooMuchAtOnce
    entities = await documents_of(tx, ids)
    return [
        hydration.shown({each: entities[each] for each in some if each in entities})
        for hydration, some in zip(hydrations, chosen, strict=True)
    ]


async def documents_of(tx: OrgTransaction, ids: set[UUID]) -> dict[UUID, Document]:
    """Entities that exist and are not deleted, in their wire form."""
    found = await live_entities(tx, ids)
    return {each.entity.id: wire_document(tx.org_id, each) for each in found}


def _projected(node: Node, document: Document) -> Document:
    if not node.fields:
        return document
    kept = Projection(node.fields)(document)
    return {**{name: document[name] for name in _INTERNAL if name in document}, **kept}
