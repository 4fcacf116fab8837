"""The ways through an entity graph, and what is found on them."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from tieline.catalogue.definitions import Cardinality, Edge, Graph, Node
from tieline.catalogue.hydration import MAX_PER_EVENT, MAX_PER_NODE, Hydration
from tieline.catalogue.journeys import reachable, steps_from

ONE, MANY = Cardinality.ONE, Cardinality.MANY


def graph(nodes: str, *edges: str) -> Graph:
    """A graph of nodes `a+ b` (with + for many) whose schemas have their names."""
    made = [
        Node(id=each.rstrip("+"), schema=each.rstrip("+"), cardinality=MANY if "+" in each else ONE)
        for each in nodes.split()
    ]
    return Graph(tuple(made), tuple(Edge(*edge.split("-")) for edge in edges))


def walked(hydration: Hydration, related: dict[UUID, list[tuple[str, UUID]]]) -> Hydration:
    """The hydration after all its steps; `related` says what each entity is related to."""
    for _ in range(20):
        asked = hydration.asked()
        if not asked:
            break
        hydration.take(
            {
                (entity, schema): [i for kind, i in related.get(entity, []) if kind == schema]
                for entity, schema in asked
            }
        )
    assert not hydration.asked()
    return hydration


def test_edges_lead_away_from_the_seed_whichever_way_they_are_written():
    chain = graph("a b c", "b-a", "b-c")
    assert steps_from(chain, ("a",)) == {"a": ("b",), "b": ("c",)}
    assert steps_from(chain, ("c",)) == {"c": ("b",), "b": ("a",)}
    assert reachable(chain, "a") == {"a": 0, "b": 1, "c": 2}


def test_between_equally_distant_nodes_an_edge_is_followed_as_it_is_written():
    triangle = graph(
        "meter contract contact", "meter-contract", "meter-contact", "contract-contact"
    )
    assert steps_from(triangle, ("meter",)) == {
        "meter": ("contract", "contact"),
        "contract": ("contact",),
    }


def test_an_edge_that_is_written_twice_is_followed_once():
    assert steps_from(graph("a b", "a-b", "b-a"), ("a",)) == {"a": ("b",)}


def test_what_cannot_be_reached_is_left_alone():
    apart = graph("a b c d", "a-b", "c-d")
    assert steps_from(apart, ("a",)) == {"a": ("b",)}


def test_several_nodes_are_filled_along_their_edges():
    a, b, c = uuid4(), uuid4(), uuid4()
    hydration = Hydration(graph("a b c", "a-b", "b-c"), {"a": [a]})
    walked(hydration, {a: [("b", b)], b: [("c", c), ("a", uuid4())]})
    assert hydration.found == {"a": [a], "b": [b], "c": [c]}


def test_a_node_for_one_takes_the_first_that_is_found_and_goes_on_from_it():
    a, first, second, c = uuid4(), uuid4(), uuid4(), uuid4()
    hydration = Hydration(graph("a b c+", "a-b", "b-c"), {"a": [a]})
    walked(
        hydration, {a: [("b", first), ("b", second)], first: [("c", c)], second: [("c", uuid4())]}
    )
    assert hydration.found == {"a": [a], "b": [first], "c": [c]}


def test_a_node_that_stays_empty_is_filled_by_the_next_edge():
    meter, contract, contact = uuid4(), uuid4(), uuid4()
    triangle = graph(
        "meter contract contact", "meter-contract", "meter-contact", "contract-contact"
    )
    hydration = Hydration(triangle, {"meter": [meter]})
    walked(hydration, {meter: [("contract", contract)], contract: [("contact", contact)]})
    assert hydration.found["contact"] == [contact]


def test_an_entity_is_in_a_node_once():
    a, x, y, shared = uuid4(), uuid4(), uuid4(), uuid4()
    hydration = Hydration(graph("a b+ c+", "a-b", "b-c"), {"a": [a]})
    walked(hydration, {a: [("b", x), ("b", y)], x: [("c", shared)], y: [("c", shared)]})
    assert hydration.found["c"] == [shared]


def test_what_is_in_a_seed_is_known_and_nothing_is_added():
    meter, counter = uuid4(), uuid4()
    two = graph("meter counter", "meter-counter")
    known = Hydration(two, {"meter": [meter], "counter": [counter]})
    assert known.asked() == []
    none = Hydration(two, {"meter": [meter], "counter": []})
    assert none.asked() == []
    assert none.shown({meter: {"_id": "m"}}) == {"meter": {"_id": "m"}}


def test_a_node_holds_no_more_than_its_bound():
    a = uuid4()
    hydration = Hydration(graph("a b+", "a-b"), {"a": [a]})
    walked(hydration, {a: [("b", uuid4()) for _ in range(MAX_PER_NODE + 50)]})
    assert len(hydration.found["b"]) == MAX_PER_NODE


def test_an_event_holds_no_more_than_its_bound():
    a = uuid4()
    names = [f"n{i}" for i in range(8)]
    star = graph("a " + " ".join(f"{name}+" for name in names), *(f"a-{name}" for name in names))
    hydration = Hydration(star, {"a": [a]})
    walked(hydration, {a: [(name, uuid4()) for name in names for _ in range(MAX_PER_NODE)]})
    assert sum(map(len, hydration.found.values())) == MAX_PER_EVENT


def test_circles_end():
    a, b, c, d = (uuid4() for _ in range(4))
    circle = graph("a b+ c+ d+", "a-b", "a-c", "a-d", "b-c", "c-d", "d-b")
    hydration = Hydration(circle, {"a": [a]})
    related: dict[UUID, list[tuple[str, UUID]]] = {a: [("b", b)]}
    related[b], related[c], related[d] = [("c", c)], [("d", d)], [("b", uuid4()), ("b", b)]
    walked(hydration, related)
    assert hydration.found["c"] == [c]
    assert len(hydration.found["b"]) == 2


def test_nodes_are_shown_by_their_cardinality_and_their_fields():
    a, b = uuid4(), uuid4()
    nodes = (
        Node(id="a", schema="a", cardinality=ONE, fields=("name", "address.*")),
        Node(id="b", schema="b", fields=("!secret",)),
        Node(id="c", schema="c"),
        Node(id="d", schema="d", cardinality=ONE),
    )
    edges = tuple(Edge("a", target) for target in "bcd")
    hydration = walked(Hydration(Graph(nodes, edges), {"a": [a]}), {a: [("b", b)]})
    entity: dict[str, Any] = {"_id": "1", "_schema": "a", "_org": "o"}
    shown = hydration.shown(
        {
            a: {**entity, "name": "A", "address": {"city": "Köln"}, "more": 1},
            b: {**entity, "secret": "x", "name": "B"},
        }
    )
    assert shown == {
        "a": {**entity, "name": "A", "address": {"city": "Köln"}},
        "b": [{**entity, "name": "B"}],
        "c": [],
    }


def test_a_skipped_node_is_passed_through_and_not_shown():
    a, b, c = uuid4(), uuid4(), uuid4()
    hydration = Hydration(graph("a b c", "a-b", "b-c"), {"a": [a]}, frozenset({"b"}))
    walked(hydration, {a: [("b", b)], b: [("c", c)]})
    assert hydration.wanted() == [a, c]
    assert set(hydration.shown({a: {"_id": "a"}, b: {"_id": "b"}, c: {"_id": "c"}})) == {"a", "c"}


def test_a_state_that_is_given_counts_and_not_what_is_stored():
    a = uuid4()
    hydration = Hydration(graph("a"), {"a": [a]}, own={a: {"_id": "given"}})
    assert hydration.wanted() == []
    assert hydration.shown({a: {"_id": "stored"}}) == {"a": {"_id": "given"}}
