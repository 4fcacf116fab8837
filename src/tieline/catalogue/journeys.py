"""Ways through an entity graph: which edges are followed from where. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from functools import lru_cache

from tieline.catalogue.definitions import Graph

Steps = Mapping[str, tuple[str, ...]]  # from a node to those that its entities lead to


def reachable(graph: Graph, start: str) -> Mapping[str, int]:
    """The nodes that can be reached from one of them, each with the number of edges between."""
    return _distances(graph, (start,))


@lru_cache(2048)
def steps_from(graph: Graph, seeds: tuple[str, ...]) -> Steps:
    """Which way each edge is followed when entities of some nodes are known.

    Away from the seeds; between two nodes that are equally far, from the one that the edge is from
    to the other. So no edge is followed twice, and nothing leads back.
    """
    distances = _distances(graph, seeds)
    steps: dict[str, list[str]] = defaultdict(list)
    for edge in graph.edges:
        ends = (edge.source, edge.target)
        if edge.source == edge.target or not distances.keys() >= set(ends):
            continue
        near, far = sorted(ends, key=distances.__getitem__)
        if far not in steps[near]:
            steps[near].append(far)
    return {node: tuple(following) for node, following in steps.items()}


def _distances(graph: Graph, starts: Collection[str]) -> dict[str, int]:
    neighbours: dict[str, list[str]] = defaultdict(list)
    for edge in graph.edges:
        neighbours[edge.source].append(edge.target)
        neighbours[edge.target].append(edge.source)
    distances = dict.fromkeys(starts, 0)
    frontier = list(starts)
    while frontier:
        near = frontier.pop(0)
        for node in neighbours[near]:
            if node not in distances:
                distances[node] = distances[near] + 1
                frontier.append(node)
    return distances
