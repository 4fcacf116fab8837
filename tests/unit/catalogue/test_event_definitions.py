"""Definitions of events: what is taken, what is refused and by which words."""

from __future__ import annotations

from typing import Any

import pytest
from event_factories import document

from tieline.catalogue.builtin import built_in_events
from tieline.catalogue.definitions import Cardinality, Operation
from tieline.catalogue.errors import InvalidDefinition
from tieline.catalogue.parsing import parse_definition, stored_definition

NODE = {"id": "contract", "schema": "contract", "cardinality": "one"}
STRING = {"json_schema": {"type": "string"}}
NAMES = {
    *("MeterReadingAdded", "ServiceMeterReadingAdded", "CustomerRequestSubmitted"),
    *("CustomerDetailsUpdated", "InstallmentUpdated", "PaymentMethodUpdated"),
    *("BillingAddressUpdated", "BillingAccountConnectionRemoved", "FileCreated"),
    *("OrderSubmission", "TariffChange", "OnDemandSyncCustomerRequested"),
    *("OnDemandSyncContractRequested", "GeneralRequestCreated", "LocationMoveRequested"),
    *("TerminateContractRequested", "EntityCreated", "EntityUpdated", "EntityDeleted"),
}


def graph(*nodes: dict[str, Any], edges: tuple[tuple[str, str], ...] = ()) -> dict[str, Any]:
    return {
        "nodes": list(nodes),
        "edges": [{"from": source, "to": target} for source, target in edges],
    }


def test_a_definition_is_read_in_full():
    definition = parse_definition(
        document(event_tags=["sales"], automation_trigger=True, event_description="It was signed.")
    )
    assert definition.name == "ContractSigned"
    assert definition.tags == ("sales",)
    assert definition.automation_trigger
    assert definition.trigger is not None
    assert definition.trigger.operations == {Operation.UPDATED}
    assert definition.graph is not None
    assert [node.cardinality for node in definition.graph.nodes] == [
        Cardinality.ONE,
        Cardinality.MANY,
    ]


@pytest.mark.parametrize(
    "sent",
    [
        document(),
        document(
            entity_operation={
                "operation": ["createEntity", "updateEntity"],
                "schema": ["contract"],
                "attribute": ["status"],
                "attribute_change": ["deleted"],
                "purpose": ["Move"],
                "purpose_filters": [{"id": "p-1", "display_name": "Move"}],
            },
            lineage={"base_event_name": "TariffChange", "base_event_version": "1.0.0"},
            example={"number": "C-1"},
            api_trigger=False,
            automation_trigger=True,
        ),
        document(
            schema_fields={"number": STRING, "customer": {"entity_schema": "contact"}},
            mapping={"mode": "jsonata", "jsonata": "{'number': contract.number}"},
        ),
        *(built.document() for built in built_in_events().values()),
    ],
)
def test_what_is_shown_can_be_sent_again(sent):
    definition = parse_definition(sent)
    shown = {
        **definition.document(),
        "event_version": "1.0.0",
        "event_status": "draft",
        "enabled": True,
    }
    assert parse_definition(shown) == definition
    assert stored_definition(shown) == definition


def test_the_built_in_events_are_all_there():
    assert set(built_in_events()) == NAMES
    for event in built_in_events().values():
        assert event.title
        assert event.description
        assert event.tags[0] == "builtin"
        assert event.fields
    manual = {name for name, event in built_in_events().items() if event.trigger is None}
    assert manual == {"OnDemandSyncCustomerRequested", "OnDemandSyncContractRequested"}
    assert all(built_in_events()[name].automation_trigger for name in manual)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"event_name": None}, "event_name"),
        ({"event_name": "contractSigned"}, "event_name"),
        ({"event_name": "C" * 81}, "event_name"),
        ({"event_title": None}, "event_title"),
        ({"event_title": "t" * 161}, "event_title"),
        ({"event_description": 5}, "event_description"),
        ({"event_tags": ["t"] * 1 + [str(n) for n in range(20)]}, "event_tags"),
        ({"event_tags": ["t" * 65]}, "event_tags[0]"),
        ({"surprise": 1}, "surprise"),
        ({"schema_fields": None}, "schema_fields is required. Add it."),
        ({"schema_fields": {f"f{n}": STRING for n in range(101)}}, "schema_fields"),
        ({"schema_fields": {"_id": STRING}}, "schema_fields._id"),
        ({"schema_fields": {"a b": STRING}}, "schema_fields.a b"),
        ({"schema_fields": {"entity": STRING}}, "schema_fields.entity"),
        ({"schema_fields": {"a": {}}}, "schema_fields.a.json_schema"),
        ({"schema_fields": {"a": {"json_schema": {"type": "x"}}}}, "schema_fields.a.json_schema"),
        ({"schema_fields": {"a": {**STRING, "what": 1}}}, "schema_fields.a.what"),
        ({"schema_fields": {"a": {**STRING, "required": 1}}}, "schema_fields.a.required"),
        (
            {"schema_fields": {"a": {**STRING, "graph_source": "x" * 20_001}}},
            "schema_fields.a.graph_source",
        ),
        (
            {"schema_fields": {"a": {**STRING, "required": True}}},
            "schema_fields.a.graph_source",
        ),
        ({"schema_fields": {"a": {"entity_schema": "x", "what": 1}}}, "schema_fields.a.what"),
        ({"schema_fields": {"a": {"entity_schema": "order"}}}, "schema_fields.a"),
        ({"schema_fields": {"contact": {"entity_schema": "contact"}}}, "schema_fields.contact"),
        ({"schema_fields": {"contract": STRING}}, "schema_fields.contract"),
        ({"entity_graph": {"nodes": [], "edges": []}}, "entity_graph.nodes"),
        ({"entity_graph": {**graph(NODE), "what": 1}}, "entity_graph.what"),
        ({"entity_graph": graph(*[NODE] * 21)}, "entity_graph.nodes"),
        ({"entity_graph": graph(NODE, NODE)}, "entity_graph.nodes[0].id"),
        ({"entity_graph": graph({**NODE, "id": "seed"})}, "entity_graph.nodes[0].id"),
        ({"entity_graph": graph({**NODE, "id": "a-b"})}, "entity_graph.nodes[0].id"),
        ({"entity_graph": graph({**NODE, "cardinality": "two"})}, "nodes[0].cardinality"),
        ({"entity_graph": graph({**NODE, "fields": ["f" * 600]})}, "nodes[0].fields[0]"),
        ({"entity_graph": graph(NODE, edges=(("contract", "x"),))}, "entity_graph.edges[0].to"),
        ({"entity_graph": graph(NODE, edges=(("contract", "contract"),))}, "entity_graph.edges[0]"),
        (
            {"entity_graph": graph(NODE, {"id": "x", "schema": "x"})},
            "entity_graph.nodes[1]",
        ),
        ({"entity_operation": {"operation": [], "schema": ["contract"]}}, "operation.operation"),
        ({"entity_operation": {"operation": ["createEntity"]}}, "entity_operation.schema"),
        (
            {"entity_operation": {"operation": ["x"], "schema": ["contract"]}},
            "entity_operation.operation[0]",
        ),
        (
            {"entity_operation": {"operation": ["createEntity"], "schema": ["order"]}},
            "entity_operation.schema[0]",
        ),
        (
            {"entity_operation": {"operation": ["createEntity"], "schema": ["*"]}},
            "entity_operation.schema[0]",
        ),
        (
            {"entity_operation": {"operation": ["createEntity"], "schema": ["meter_reading"]}},
            "entity_operation.schema[0]",
        ),
        (
            {
                "entity_operation": {
                    "operation": ["updateEntity"],
                    "schema": ["contract"],
                    "attribute_change": ["deleted"],
                }
            },
            "entity_operation.attribute",
        ),
        (
            {
                "entity_operation": {
                    "operation": ["createEntity"],
                    "schema": ["contract"],
                    "purpose": [f"p{n}" for n in range(101)],
                }
            },
            "entity_operation.purpose",
        ),
        ({"mapping": {"mode": "other"}}, "mapping.mode"),
        ({"mapping": {"mode": "jsonata"}}, "mapping.jsonata"),
        ({"mapping": {"mode": "jsonata", "jsonata": "{}"}}, "mapping.mode"),
        ({"automation_trigger_only": True}, "automation_trigger_only"),
        ({"automation_trigger_seed_node": "contract"}, "automation_trigger_seed_node"),
        ({"lineage": {"base_event_name": "X"}}, "lineage.base_event_version"),
        ({"example": []}, "example"),
        ({"event_description": "\x00"}, "event_description"),
    ],
)
def test_a_definition_that_cannot_work_is_refused_by_the_place(changes, place):
    with pytest.raises(InvalidDefinition) as refused:
        parse_definition(document(**changes))
    assert place in refused.value.message


def test_a_definition_has_a_size():
    fields = {f"f{n}": {"json_schema": {"description": "x" * 3_000}} for n in range(90)}
    with pytest.raises(InvalidDefinition, match="bytes"):
        parse_definition(document(schema_fields=fields))


def test_an_event_may_have_neither_graph_nor_trigger():
    sent = document(schema_fields={"a": {**STRING, "required": True}}, entity_graph=None)
    del sent["entity_operation"]
    definition = parse_definition(sent)
    assert definition.graph is None
    assert definition.trigger is None
    assert definition.sources() == {}


def test_a_field_may_have_the_name_of_the_node_that_it_is_taken_from():
    fields = {"contract": {"entity_schema": "contract", "required": True}}
    definition = parse_definition(document(schema_fields=fields))
    assert definition.graph is not None
    assert definition.graph.node("contract") is definition.graph.of_schema("contract")
    assert definition.graph.node("nothing") is None


def test_expressions_are_known_by_their_places():
    assert parse_definition(document()).sources() == {
        "schema_fields.number.graph_source": "contract.contract_number"
    }
    mapped = document(
        schema_fields={"number": STRING}, mapping={"mode": "jsonata", "jsonata": "{}"}
    )
    assert parse_definition(mapped).sources() == {"mapping.jsonata": "{}"}
    guided = document(mapping={"mode": "guided"})
    assert parse_definition(guided).mapping is None
