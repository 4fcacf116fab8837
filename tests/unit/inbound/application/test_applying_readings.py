"""Applying meter readings, without a database."""

from decimal import Decimal

import pytest
from application_factories import NOW, apply, codes, store, unique

from tieline.entities.readings.ledger import ReadingLedger, lookup_for_scope
from tieline.entities.workspace import Workspace
from tieline.inbound.application.errors import MeterNotFound, StateNotLoaded, UnusableReading
from tieline.inbound.application.event import keys_of
from tieline.inbound.application.readings import Readings
from tieline.inbound.application.work import INFORMATION
from tieline.mapping.models import (
    EntityMode,
    EntityUpdate,
    MappingResult,
    MeterReadingMode,
    MeterReadingUpdate,
    ReadingMatching,
    ReadingScope,
)

INDEXED = {"meter": frozenset({"number", "serial"}), "meter_counter": frozenset({"register"})}
METER = [unique("number", "M1")]
COUNTER = [unique("register", "HT")]


@pytest.fixture
def workspace():
    return Workspace("acme", NOW, INDEXED)


@pytest.fixture
def ledger():
    return ReadingLedger("acme", NOW)


@pytest.fixture
def meter(workspace, ledger):
    meter = store(workspace, "meter", {"number": "M1"})
    ledger.add([], [lookup_for_scope(meter.id, None)])
    return meter


def reading(
    external_id="R1",
    mode=MeterReadingMode.UPSERT,
    matching=ReadingMatching.EXTERNAL_ID,
    meter=METER,
    counter=None,
    **attributes,
):
    values = {
        "external_id": external_id,
        "timestamp": "2026-01-31",
        "source": "ERP",
        "value": 100,
        **attributes,
    }
    return MeterReadingUpdate(0, mode, matching, None, meter, counter, values)


def new_meter(**attributes):
    attributes = {"number": "M1", **attributes}
    return EntityUpdate(0, "meter", EntityMode.UPSERT, METER, attributes, {})


def values(ledger, meter):
    return {r.external_id: r.value for r in ledger.of_meter(meter.id, None)}


def test_a_reading_is_created_and_updated(workspace, ledger, meter):
    applied = apply(workspace, readings=[reading()], ledger=ledger)
    assert [entry["operation"] for entry in applied.readings] == ["created"]
    applied = apply(workspace, readings=[reading(value=Decimal("101.50"))], ledger=ledger)
    assert [entry["operation"] for entry in applied.readings] == ["updated"]
    assert values(ledger, meter) == {"R1": Decimal("101.5")}
    assert applied.readings[0]["meter_id"] == str(meter.id)


def test_a_reading_of_an_unknown_meter_is_an_error_and_no_stub(workspace, ledger):
    with pytest.raises(MeterNotFound, match=r"meter_readings\[0\].*number = 'M1'"):
        apply(workspace, readings=[reading()], ledger=ledger)
    assert workspace.operations == []


def test_a_reading_of_an_unknown_counter_is_an_error(workspace, ledger, meter):
    with pytest.raises(MeterNotFound, match="meter_counter"):
        apply(workspace, readings=[reading(counter=COUNTER)], ledger=ledger)


def test_a_value_that_breaks_a_rule_names_its_attribute(workspace, ledger, meter):
    with pytest.raises(UnusableReading, match=r"^meter_readings\[0\]: timestamp"):
        apply(workspace, readings=[reading(timestamp="31.01.2026")], ledger=ledger)


def test_a_value_that_breaks_a_rule_names_its_item(workspace, ledger, meter):
    sent = [reading(f"R{n}", timestamp=f"2026-01-0{n}", value=n) for n in (1, 2)]
    sent.append(reading("R3", value="x"))
    with pytest.raises(UnusableReading, match=r"^In item \[2\] of 3: meter_readings\[0\]: value"):
        apply(workspace, readings=sent, ledger=ledger)


def test_a_meter_of_the_same_event_can_have_readings(workspace, ledger):
    apply(workspace, new_meter(), readings=[reading()], ledger=ledger)
    [meter] = [e for e in workspace.current.values() if e.schema == "meter"]
    assert values(ledger, meter) == {"R1": 100}


def test_a_counter_of_the_same_event_can_have_readings(workspace, ledger):
    meter = store(workspace, "meter", {"number": "M1"})
    counter = EntityUpdate(1, "meter_counter", EntityMode.UPSERT, COUNTER, {"register": "HT"}, {})
    result = MappingResult([counter], [reading(counter=COUNTER)], [])
    ledger.add([], Readings.of(result).lookups(workspace, result))
    apply(workspace, counter, readings=[reading(counter=COUNTER)], ledger=ledger)
    assert values(ledger, meter) == {"R1": 100}


def test_a_meter_that_its_own_event_makes_findable_is_looked_up_beforehand(workspace, ledger):
    meter = store(workspace, "meter", {"number": "M1"})
    by_serial = reading(meter=[unique("serial", "S1")])
    result = MappingResult([new_meter(serial="S1")], [by_serial], [])
    ledger.add([], Readings.of(result).lookups(workspace, result))
    apply(workspace, new_meter(serial="S1"), readings=[by_serial], ledger=ledger)
    assert values(ledger, meter) == {"R1": 100}


def test_a_meter_and_a_counter_that_come_back_with_their_event_are_looked_up_beforehand(
    workspace, ledger
):
    meter = store(workspace, "meter", {"number": "M1"}, deleted=True)
    store(workspace, "meter_counter", {"register": "HT"}, deleted=True)
    counter = EntityUpdate(1, "meter_counter", EntityMode.UPSERT, COUNTER, {"register": "HT"}, {})
    sent = [reading(counter=COUNTER)]
    result = MappingResult([new_meter(), counter], sent, [])
    ledger.add([], Readings.of(result).lookups(workspace, result))
    apply(workspace, new_meter(), counter, readings=sent, ledger=ledger)
    assert values(ledger, meter) == {"R1": 100}


def test_meters_that_an_event_names_are_looked_at_only_if_they_may_be_meant(workspace):
    for n in range(50):
        store(workspace, "meter", {"number": f"M{n}"})
    known = [
        new_meter(),
        *(
            EntityUpdate(
                0, "meter", EntityMode.UPSERT, [unique("number", f"M{n}")], {"serial": f"S{n}"}, {}
            )
            for n in range(50)
        ),
    ]
    sent = [reading(meter=[unique("serial", f"S{n}")]) for n in (3, 70)]
    result = MappingResult(known, sent, [])
    [lookup] = Readings.of(result).lookups(workspace, result)
    assert workspace.get(lookup.meter_id).attributes["number"] == "M3"


def test_readings_that_were_not_loaded_are_told_apart(workspace, ledger):
    store(workspace, "meter", {"number": "M1"})
    with pytest.raises(StateNotLoaded):
        apply(workspace, readings=[reading()], ledger=ledger)


def test_deleting_removes_the_reading(workspace, ledger, meter):
    apply(workspace, readings=[reading()], ledger=ledger)
    applied = apply(workspace, readings=[reading(mode=MeterReadingMode.DELETE)], ledger=ledger)
    assert values(ledger, meter) == {}
    assert [entry["operation"] for entry in applied.readings] == ["deleted"]


def test_deleting_nothing_is_no_failure(workspace, ledger, meter):
    applied = apply(workspace, readings=[reading(mode=MeterReadingMode.DELETE)], ledger=ledger)
    assert set(codes(applied)) <= INFORMATION


def test_pruning_removes_what_was_not_sent(workspace, ledger, meter):
    days = ["2026-01-01", "2026-01-02", "2026-01-03"]
    sent = [reading(f"R{n}", timestamp=day) for n, day in enumerate(days)]
    scope = ReadingScope(0, METER, None, "ERP")
    apply(workspace, readings=sent, ledger=ledger)
    applied = apply(workspace, readings=sent[:1], reading_scopes=[scope], ledger=ledger)
    assert values(ledger, meter).keys() == {"R0"}
    assert "2 of 3" in applied.warnings[-1]["message"]


def test_pruning_keeps_what_was_sent_of_one_meter_under_a_number_and_a_text(workspace, ledger):
    meter = store(workspace, "meter", {"number": "4711"})
    ledger.add([], [lookup_for_scope(meter.id, None)])
    named = [[unique("number", 4711)], [unique("number", "4711")]]
    sent = [
        reading(f"R{n}", meter=ids, timestamp=f"2026-01-0{n + 1}") for n, ids in enumerate(named)
    ]
    scopes = [ReadingScope(0, ids, None, None) for ids in named]
    apply(workspace, readings=sent, reading_scopes=scopes, ledger=ledger)
    assert values(ledger, meter).keys() == {"R0", "R1"}


def test_no_readings_prune_the_whole_scope(workspace, ledger, meter):
    apply(workspace, readings=[reading()], ledger=ledger)
    apply(workspace, reading_scopes=[ReadingScope(0, METER, None, None)], ledger=ledger)
    assert values(ledger, meter) == {}


def test_what_another_block_sends_is_spared_by_pruning(workspace, ledger, meter):
    apply(workspace, readings=[reading(), reading("R2", timestamp="2026-01-30")], ledger=ledger)
    scope = ReadingScope(1, METER, None, None)
    apply(workspace, readings=[reading()], reading_scopes=[scope], ledger=ledger)
    assert values(ledger, meter).keys() == {"R1"}


def test_pruning_a_meter_spares_what_was_sent_of_its_counters(workspace, ledger, meter):
    store(workspace, "meter_counter", {"register": "HT"})
    sent = reading(counter=COUNTER)
    apply(workspace, readings=[sent, reading("R2")], ledger=ledger)
    scope = ReadingScope(1, METER, None, None)
    apply(workspace, readings=[sent], reading_scopes=[scope], ledger=ledger)
    assert values(ledger, meter).keys() == {"R1"}


def test_readings_that_fare_alike_are_noted_together(workspace, ledger, meter):
    sent = [reading(f"R{n}", timestamp=f"2026-01-{n:02d}") for n in range(1, 31)]
    [note] = apply(workspace, readings=sent, ledger=ledger).readings
    assert (note["operation"], note["count"], len(note["external_ids"])) == ("created", 30, 20)


def test_all_keys_of_readings_are_known_before_anything_is_applied():
    result = MappingResult([], [reading(counter=COUNTER)], [])
    schemas = [key.schema for key in keys_of(result)]
    assert schemas == ["meter", "meter_counter"]
