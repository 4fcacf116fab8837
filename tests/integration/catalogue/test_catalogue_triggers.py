"""Changes of entities and readings become events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from catalogue_definitions import definition
from catalogue_world import KeepingSink, World, related

from tieline.catalogue.past import HistoryQuery
from tieline.entities.changes.models import READINGS, Change, ChangeKind


async def history(world: World, name: str) -> list[Any]:
    page = await world.catalogue.history.search(world.org, HistoryQuery(name=name, limit=25))
    return list(page.events)


# The change that is the natural cause of each built-in event: schema, what is there before (None:
# nothing), what is changed.
CAUSES: dict[str, tuple[str, dict[str, Any] | None, dict[str, Any]]] = {
    "EntityCreated": ("anything", None, {"a": 1}),
    "EntityUpdated": ("anything", {"a": 1}, {"a": 2}),
    "ServiceMeterReadingAdded": ("ticket", None, {"meter_reading_value": 5}),
    "CustomerDetailsUpdated": ("contact", {"last_name": "A"}, {"email": [{"email": "a@b.test"}]}),
    "BillingAddressUpdated": ("billing_account", {}, {"billing_address": "Street 1"}),
    "PaymentMethodUpdated": ("billing_account", {}, {"payment_method": "sepa"}),
    "InstallmentUpdated": ("contract", {"installment_amount": 50}, {"installment_amount": 60}),
    "TariffChange": ("contract", {"tariff_name": "A"}, {"tariff_name": "B"}),
    "BillingAccountConnectionRemoved": (
        "contract",
        {"billing_account": related(uuid4())},
        {"billing_account": {"$relation": []}},
    ),
    "CustomerRequestSubmitted": ("ticket", None, {"description": "Hello"}),
    "GeneralRequestCreated": ("ticket", None, {"_purpose": ["Allgemeine Anfrage"]}),
    "LocationMoveRequested": ("ticket", None, {"_purpose": ["Umzug"]}),
    "TerminateContractRequested": ("ticket", None, {"_purpose": ["Kündigung"]}),
    "OrderSubmission": ("order", None, {"order_number": "O-1"}),
    "FileCreated": ("file", None, {"filename": "a.pdf"}),
}


@pytest.mark.parametrize("name", list(CAUSES))
async def test_a_built_in_event_happens_by_its_natural_cause(
    world: World, sink: KeepingSink, name: str
) -> None:
    schema, before, changed = CAUSES[name]
    if before is None:
        entity_id = await world.create(schema, **changed)
    else:
        entity_id = await world.create(schema, **before)
        await world.forget()
        await world.patch(schema, entity_id, **changed)
    await world.react()
    [event] = [event for event in sink.events if event.name == name]
    assert event.entity_id == entity_id
    assert event.trigger_source_type == "operation"
    assert event.fields["trigger_entity"]["_id"] == str(entity_id)
    assert event.fields["activity_id"] == event.trigger_source
    assert event.fields["activity_type"].startswith("Entity")
    assert event.change is not None
    [kept] = await history(world, name)
    assert kept.fault is None
    assert kept.document() == event.document()


async def test_connecting_a_billing_account_is_no_removal(world: World, sink: KeepingSink) -> None:
    contract = await world.create("contract", number="1")
    await world.patch("contract", contract, billing_account=related(uuid4()))
    await world.react()
    assert "BillingAccountConnectionRemoved" not in sink.names()


async def test_a_deletion_happens_once_and_a_restored_entity_was_created(
    world: World, sink: KeepingSink
) -> None:
    entity_id = await world.create("thing", name="A")
    await world.delete("thing", entity_id)
    await world.restore("thing", entity_id)
    await world.react()
    await world.delete("thing", entity_id)
    await world.react()
    await world.delete("thing", entity_id, purge=True)
    await world.react()
    assert sink.names() == ["EntityCreated", "EntityDeleted", "EntityCreated", "EntityDeleted"]
    assert [event.fields["operation"] for event in sink.events] == [
        *("createEntity", "deleteEntity", "createEntity", "deleteEntity")
    ]


async def test_a_deletion_is_heard_of_even_if_the_entity_was_purged_since(
    world: World, sink: KeepingSink
) -> None:
    entity_id = await world.create("thing", name="A")
    await world.react()
    await world.delete("thing", entity_id)
    changes = await world.changes()
    await world.delete("thing", entity_id, purge=True)
    await world.consume([*changes, *await world.changes()])
    assert sink.names() == ["EntityCreated", "EntityDeleted"]
    assert sink.events[1].fields["entity_id"] == str(entity_id)


async def test_a_purge_without_the_recycle_bin_is_a_deletion(
    world: World, sink: KeepingSink
) -> None:
    entity_id = await world.create("thing", name="A")
    await world.forget()
    await world.delete("thing", entity_id, purge=True)
    await world.react()
    [event] = sink.events
    assert event.name == "EntityDeleted"
    assert event.fields["entity_id"] == str(entity_id)


async def test_events_come_in_the_order_of_the_changes_with_the_states_of_then(
    world: World, sink: KeepingSink
) -> None:
    sink.listened = {"CustomerDetailsUpdated"}
    contact = await world.create("contact", last_name="0")
    for number in range(1, 6):
        await world.patch("contact", contact, last_name=str(number))
    await world.react()
    assert [event.fields["last_name"] for event in sink.events] == ["1", "2", "3", "4", "5"]
    kept = [past.event.id for past in await history(world, "CustomerDetailsUpdated")]
    assert kept == [event.id for event in reversed(sink.events)]
    assert kept == sorted(kept, reverse=True)


async def test_nothing_happens_that_nobody_waits_for(world: World, sink: KeepingSink) -> None:
    sink.listened = {"OrderSubmission"}
    await world.create("contact", last_name="A")
    order = await world.create("order", order_number="1")
    await world.react()
    assert sink.names() == ["OrderSubmission"]
    assert sink.events[0].entity_id == order
    assert await history(world, "EntityCreated") == []


async def test_what_the_organisation_has_switched_happens_even_when_nobody_waits(
    world: World, sink: KeepingSink
) -> None:
    sink.listened = ()
    await world.catalogue.patch_event(world.org, "OrderSubmission", enabled=True)
    await world.create("order", order_number="1")
    await world.react()
    assert sink.names() == ["OrderSubmission"]


@pytest.mark.parametrize("switch", ["enabled", "auto_trigger"])
async def test_a_change_does_not_trigger_what_is_switched_off(
    world: World, sink: KeepingSink, switch: str
) -> None:
    await world.catalogue.patch_event(world.org, "EntityCreated", **{switch: False})
    await world.create("contact", last_name="A")
    await world.react()
    assert sink.names() == []
    await world.catalogue.patch_event(world.org, "EntityCreated", **{switch: True})
    await world.create("contact", last_name="A")
    await world.react()
    assert sink.names() == ["EntityCreated"]


async def test_events_of_ones_own_happen_once_they_are_published(
    world: World, sink: KeepingSink
) -> None:
    sink.listened = ()
    own = world.catalogue.custom
    await own.create(world.org, definition())
    await world.create("contract", number="1")
    await world.react()
    assert sink.take() == []
    await own.publish(world.org, "ContractChanged", {}, base_auto=None)
    await world.create("contract", number="2")
    await world.react()
    [event] = sink.take()
    assert event.fields["number"] == "2"
    await own.deprecate(world.org, "ContractChanged")
    await world.create("contract", number="3")
    await world.react()
    assert sink.take() == []


async def test_an_event_that_misses_a_field_is_noted_and_keeps_no_other_from_happening(
    world: World, sink: KeepingSink
) -> None:
    sink.listened = {"EntityCreated"}
    await world.catalogue.custom.create(world.org, definition())
    await world.catalogue.custom.publish(world.org, "ContractChanged", {}, base_auto=None)
    await world.create("contract", name="without a number")
    await world.create("contract", number=5)
    await world.create("contract", number="C-1")
    await world.react()
    assert sink.names() == [*["EntityCreated"] * 3, "ContractChanged"]
    good, wrong, missing = await history(world, "ContractChanged")
    assert good.fault is None
    assert "fields.number does not fit its schema" in wrong.fault
    assert missing.fault == "fields.number is required and has no value."
    assert missing.document()["_fault"] == missing.fault
    assert missing.event.fields["contract"]["name"] == "without a number"


async def test_only_awaited_events_carry_an_id_to_acknowledge(
    world: World, sink: KeepingSink
) -> None:
    sink.awaited = {"OrderSubmission"}
    await world.create("order", order_number="1")
    await world.react()
    carried = {event.name: event.document().get("_ack_id") for event in sink.events}
    assert carried["EntityCreated"] is None
    assert carried["OrderSubmission"]


def reading_change(kind: ChangeKind, reading: dict[str, Any], meter: Any) -> Change:
    return Change(1, kind, READINGS, meter, 1, None, datetime.now(UTC), reading)


async def test_a_reading_is_an_event_with_its_own_counter(world: World, sink: KeepingSink) -> None:
    contact = await world.create("contact", last_name="A")
    contract = await world.create("contract", contact=related(contact))
    meter = await world.create("meter", meter_number="M-1", contract=related(contract))
    other = await world.create("meter_counter", obis_number="1.8.0", meter=related(meter))
    counter = await world.create(
        "meter_counter", obis_number="2.8.0", unit="kWh", meter=related(meter)
    )
    assert other < counter
    reading = {
        "meter_id": str(meter),
        "counter_id": str(counter),
        "timestamp": "2026-01-31",
        "value": 12.5,
        "source": "ECP",
        "reason": None,
    }
    async with world.services.database.organisation(world.org) as tx:
        changes = [
            reading_change(ChangeKind.READING_CREATED, reading, meter),
            reading_change(ChangeKind.READING_UPDATED, reading, meter),
            reading_change(ChangeKind.READING_DELETED, reading, meter),
        ]
        await world.catalogue.consume(tx, changes)
    [event] = sink.events
    assert event.name == "MeterReadingAdded"
    assert event.entity_id == meter
    assert event.change is None
    expected = {
        "reading_value": 12.5,
        "reading_date": "2026-01-31",
        "source": "ECP",
        "reason": None,
        "meter_id": str(meter),
        "counter_id": str(counter),
        "meter_number": "M-1",
        "obis_number": "2.8.0",
        "unit": "kWh",
        "contract_id": str(contract),
        "customer_id": str(contact),
        "operation": "createEntity",
    }
    assert {name: event.fields[name] for name in expected} == expected
    assert "trigger_entity" not in event.fields


async def test_a_reading_without_a_counter_has_none(world: World, sink: KeepingSink) -> None:
    meter = await world.create("meter", meter_number="M-1")
    await world.create("meter_counter", obis_number="1.8.0", meter=related(meter))
    reading = {"meter_id": str(meter), "timestamp": "2026-01-31", "value": 1, "source": "ERP"}
    async with world.services.database.organisation(world.org) as tx:
        made = reading_change(ChangeKind.READING_CREATED, reading, meter)
        await world.catalogue.consume(tx, [made])
    [event] = sink.events
    assert "meter_counter" not in event.fields
    assert "obis_number" not in event.fields


async def test_what_one_organisation_does_is_nothing_to_another(
    world: World, sink: KeepingSink, services: Any
) -> None:
    other = World(services, world.catalogue, f"{world.org}-b")
    await services.identity.create_key(other.org, name="test")
    await other.catalogue.custom.create(other.org, definition())
    await other.catalogue.custom.publish(other.org, "ContractChanged", {}, base_auto=None)
    await other.catalogue.patch_event(other.org, "EntityCreated", enabled=False)
    await world.create("contract", number="1")
    await world.react()
    assert sink.names() == ["EntityCreated"]
    assert sink.take()[0].org_id == world.org
    await other.create("contract", number="2")
    await other.react()
    assert [(event.name, event.org_id) for event in sink.take()] == [("ContractChanged", other.org)]
