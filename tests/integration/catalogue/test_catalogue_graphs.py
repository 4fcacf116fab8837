"""Entity graphs are filled from the store: both directions, many events, bounds."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from catalogue_definitions import definition
from catalogue_world import KeepingSink, World, related

from tieline.catalogue import assembly, consuming, graph_repository, hydration
from tieline.catalogue.graph_repository import related_ids
from tieline.catalogue.hydration import MAX_PER_NODE
from tieline.catalogue.past import HistoryQuery
from tieline.database import Database

GRAPH = {
    "nodes": [
        {"id": "contract", "schema": "contract", "cardinality": "one"},
        {"id": "customer", "schema": "contact", "cardinality": "one"},
        {"id": "accounts", "schema": "billing_account"},
        {"id": "meters", "schema": "meter"},
    ],
    "edges": [
        {"from": "contract", "to": "customer"},
        {"from": "customer", "to": "accounts"},
        {"from": "contract", "to": "meters"},
    ],
}


async def publish(world: World, sent: dict[str, Any]) -> None:
    await world.catalogue.custom.create(world.org, sent)
    await world.catalogue.custom.publish(world.org, sent["event_name"], {}, base_auto=None)


def ids(found: Any) -> list[str]:
    return [entity["_id"] for entity in found]


async def test_relations_are_followed_in_both_directions(world: World, sink: KeepingSink) -> None:
    sink.listened = ()
    await publish(world, definition(entity_graph=GRAPH))
    customer = await world.create("contact", last_name="Doe")
    first = await world.create("billing_account", number="1", customer=related(customer))
    second = await world.create("billing_account", number="2", customer=related(customer))
    gone = await world.create("billing_account", number="3", customer=related(customer))
    await world.delete("billing_account", gone)
    contract = await world.create("contract", number="C-1", contact=related(customer))
    meter = await world.create("meter", number="M", contract=related(contract))
    await world.react()
    [event] = sink.events
    assert event.fields["contract"]["_id"] == str(contract)
    assert event.fields["customer"]["last_name"] == "Doe"
    assert ids(event.fields["accounts"]) == [str(first), str(second)]
    assert ids(event.fields["meters"]) == [str(meter)]


async def test_an_entitys_own_relations_come_first_and_in_their_order(
    world: World, sink: KeepingSink
) -> None:
    sink.listened = ()
    nodes = [
        {"id": "contract", "schema": "contract", "cardinality": "one"},
        {"id": "contacts", "schema": "contact"},
    ]
    edges = [{"from": "contacts", "to": "contract"}]
    await publish(world, definition(entity_graph={"nodes": nodes, "edges": edges}))
    old, first, second = [await world.create("contact", n=n) for n in range(3)]
    contract = await world.create("contract", number="1", contacts=related(second, first))
    await world.patch("contact", old, contract=related(contract))
    await world.patch("contact", first, contract=related(contract))
    await world.react()
    [event] = sink.events
    assert ids(event.fields["contacts"]) == [str(second), str(first), str(old)]


async def test_many_events_are_filled_with_a_few_statements(
    world: World, sink: KeepingSink, monkeypatch: Any
) -> None:
    sink.listened = ()
    await publish(world, definition(entity_graph=GRAPH))
    asked: list[int] = []

    async def counted(*arguments: Any, **options: Any) -> Any:
        asked.append(len(arguments[1]))
        return await related_ids(*arguments, **options)

    monkeypatch.setattr(hydration, "related_ids", counted)
    customers = [await world.create("contact", last_name=f"{n}") for n in range(30)]
    for n, customer in enumerate(customers):
        await world.create("contract", number=f"{n}", contact=related(customer))
    await world.react()
    assert [event.fields["customer"]["last_name"] for event in sink.events] == [
        f"{n}" for n in range(30)
    ]
    assert asked == [60, 30]


async def test_nodes_are_bounded(world: World, sink: KeepingSink) -> None:
    sink.listened = ()
    await publish(world, definition(entity_graph=GRAPH))
    meters = [await world.create("meter", n=n) for n in range(MAX_PER_NODE + 5)]
    await world.create("contract", number="1", meters=related(*meters))
    await world.react()
    [event] = sink.events
    assert ids(event.fields["meters"]) == [str(meter) for meter in meters[:MAX_PER_NODE]]


async def test_an_event_that_is_too_large_is_noted(
    world: World, sink: KeepingSink, monkeypatch: Any
) -> None:
    sink.listened = ()
    monkeypatch.setattr(assembly, "MAX_EVENT_BYTES", 5_000)
    await publish(world, definition())
    await world.create("contract", number="small")
    await world.create("contract", number="large", text="x" * 5_000)
    await world.react()
    assert [event.fields["number"] for event in sink.events] == ["small"]
    page = await world.catalogue.history.search(world.org, HistoryQuery(name="ContractChanged"))
    large = page.events[0]
    assert "5,000 are allowed" in (large.fault or "")
    assert large.event.fields == {"number": "large"}


async def test_the_state_of_the_change_counts_and_not_the_newest(
    world: World, sink: KeepingSink
) -> None:
    sink.listened = ()
    await publish(world, definition())
    contract = await world.create("contract", number="first")
    await world.patch("contract", contract, number="second")
    await world.react()
    [event] = sink.events
    assert event.fields["number"] == "first"
    assert event.fields["contract"]["number"] == "first"


async def test_fields_can_hold_entities_of_the_graph(world: World, sink: KeepingSink) -> None:
    sink.listened = ()
    fields = {
        "contract": {"entity_schema": "contract", "required": True},
        "meter": {"entity_schema": "meter"},
        "owner": {"entity_schema": "contact"},
    }
    await publish(world, definition(schema_fields=fields, entity_graph=GRAPH))
    meter = await world.create("meter", n=1)
    contract = await world.create("contract", number="1", meters=related(meter))
    await world.react()
    [event] = sink.events
    assert event.fields["contract"]["_id"] == str(contract)
    assert event.fields["meter"]["_id"] == str(meter)
    assert "owner" not in event.fields


async def test_relations_of_another_organisation_lead_nowhere(
    world: World, database: Database, services: Any
) -> None:
    customer = await world.create("contact", last_name="Doe")
    stranger = f"{world.org}-b"
    await services.identity.create_key(stranger, name="test")
    asked: list[tuple[UUID, str]] = [(customer, "contract"), (uuid4(), "contract")]
    contract = await world.create("contract", contact=related(customer))
    async with database.reading(world.org) as tx:
        mine = await graph_repository.related_ids(tx, asked, each=10, relations=10)
    async with database.reading(stranger) as tx:
        theirs = await graph_repository.related_ids(tx, asked, each=10, relations=10)
    assert mine == {(customer, "contract"): [contract]}
    assert theirs == {}


async def test_only_so_many_relations_of_an_entity_are_looked_at(
    world: World, database: Database
) -> None:
    contacts = [await world.create("contact", n=n) for n in range(4)]
    hub = await world.create("hub", contacts=related(*contacts))
    async with database.reading(world.org) as tx:
        found = await related_ids(tx, [(hub, "contact")], each=10, relations=3)
        few = await related_ids(tx, [(hub, "contact")], each=2, relations=10)
    assert found == {(hub, "contact"): contacts[:3]}
    assert few == {(hub, "contact"): contacts[:2]}


async def test_large_graphs_are_cut_where_memory_ends(
    world: World, sink: KeepingSink, monkeypatch: Any
) -> None:
    sink.listened = ()
    monkeypatch.setattr(hydration, "MAX_READ_BYTES", 2_500)
    await publish(world, definition(entity_graph=GRAPH))
    meters = [await world.create("meter", text="x" * 1_000) for _ in range(4)]
    await world.create("contract", number="1", meters=related(*meters))
    await world.react()
    [event] = sink.events
    assert ids(event.fields["meters"]) == [str(meter) for meter in meters[:2]]


async def test_what_is_too_much_at_once_happens_in_parts_and_in_order(
    world: World, sink: KeepingSink, monkeypatch: Any
) -> None:
    sink.listened = ()
    monkeypatch.setattr(hydration, "MAX_BYTES_AT_ONCE", 3_000)
    monkeypatch.setattr(consuming, "_MOST_BYTES", 4_000)
    await publish(world, definition(entity_graph=GRAPH))
    for n in range(12):
        meter = await world.create("meter", text="x" * 1_000)
        await world.create("contract", number=f"{n}", meters=related(meter), text="y" * 500)
    sizes: list[int] = []
    take = sink.publish

    async def counted(tx: Any, events: Any) -> None:
        sizes.append(len(events))
        await take(tx, events)

    monkeypatch.setattr(sink, "publish", counted)
    await world.react()
    assert [event.fields["number"] for event in sink.events] == [f"{n}" for n in range(12)]
    assert all(len(event.fields["meters"]) == 1 for event in sink.events)
    assert max(sizes) <= 3
