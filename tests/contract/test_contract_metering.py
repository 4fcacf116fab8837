"""Meter readings, as the published SDK deals with them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from contract_sdk import Sdk


@pytest.fixture
def ids(sdk: Sdk) -> dict[str, str]:
    """A contract and a contact with a meter that has one counter."""

    def create(slug: str, **attributes: Any) -> str:
        return str(sdk.entity("createEntity", {"slug": slug}, attributes, expect=201).data["_id"])

    def related(entity_id: str) -> dict[str, Any]:
        return {"$relation": [{"entity_id": entity_id}]}

    contract = create("contract", _title="Contract")
    customer = create("contact", _title="Jane")
    meter = create(
        "meter",
        _title="Meter",
        meter_number="J-1",
        status="active",
        sector="power",
        contract=related(contract),
        customer=related(customer),
    )
    counter = create(
        "meter_counter", _title="1.8.0", obis_number="1.8.0", unit="kWh", meter=related(meter)
    )
    return {"meter": meter, "counter": counter, "contract": contract, "customer": customer}


def reading(ids: dict[str, str], **more: Any) -> dict[str, Any]:
    return {
        "meter_id": ids["meter"],
        "counter_id": ids["counter"],
        "timestamp": "2026-01-31T08:00:00.000Z",
        "value": 100,
        "source": "ERP",
        "external_id": uuid4().hex,
        **more,
    }


def place(ids: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"meter_id": ids["meter"], "counter_id": ids["counter"], **more}


def stored(sdk: Sdk, ids: dict[str, str], **query: Any) -> list[Any]:
    found = sdk.metering("getReadingsByInterval", place(ids, type="cumulative", **query)).data
    return list(found["results"])


def test_a_reading_is_created_read_changed_and_deleted(sdk: Sdk, ids: dict[str, str]) -> None:
    sent = reading(ids, direction="feed-in", reason="regular", status="valid", read_by="Jane")
    assert sdk.metering("createMeterReading", None, sent).data["data"] == sent
    moment = {"timestamp": "2026-01-31T08:00:00.000Z"}
    body = {"meter_id": ids["meter"], "value": 101.5, "source": "360", "remark": "corrected"}
    changed = sdk.metering("updateMeterReading", place(ids, **moment), body).data["data"]
    assert changed == {**sent, **body}
    assert stored(sdk, ids) == [changed]
    gone = sdk.metering("deleteMeterReading", place(ids, **moment)).data["data"]
    assert gone["counterId"] == ids["counter"]
    assert stored(sdk, ids) == []
    sdk.metering("deleteMeterReading", place(ids, **moment), expect=404, undocumented=True)


def test_many_readings_are_created_and_shown_as_consumption(sdk: Sdk, ids: dict[str, str]) -> None:
    sent = [reading(ids, timestamp=f"2026-01-{d:02}T00:00:00Z", value=d * 10) for d in (1, 2, 4)]
    created = sdk.metering(
        "createMeterReadings", {"async": True, "skip_validation": False}, {"readings": sent}
    )
    assert created.data["data"] == sent
    query = place(ids, type="relative", start_date="2026-01-02", end_date="2026-01-04", sort="desc")
    found = sdk.metering("getReadingsByInterval", query).data
    assert [item["value"] for item in found["results"]] == [20, 10]
    assert found["hits"] == 2
    assert found["firstRecordCreatedAt"] == "2026-01-01T00:00:00Z"


def test_a_batch_creates_updates_and_deletes(sdk: Sdk, ids: dict[str, str]) -> None:
    first = reading(ids, timestamp="2026-01-01T00:00:00Z", value=1)
    second = reading(ids, timestamp="2026-01-02T00:00:00Z", value=2)
    sdk.metering("batchWriteMeterReadings", None, {"readings": [first, second]})
    body = {
        "identifiers": ["external_id"],
        "readings": [
            {**first, "value": 1.5, "operation": "update"},
            {**second, "operation": "delete"},
        ],
    }
    sdk.metering("batchWriteMeterReadings", {"skip_validation": True}, body)
    assert stored(sdk, ids) == [{**first, "value": 1.5}]


def test_refusals_have_the_reasons_of_the_definition(sdk: Sdk, ids: dict[str, str]) -> None:
    sdk.metering("createMeterReading", None, reading(ids))
    less = reading(ids, timestamp="2026-02-01T00:00:00Z", value=1)
    refused = sdk.metering("createMeterReading", None, less, expect=400)
    assert refused.data["reason"] == "less_than_previous"
    refused = sdk.metering("createMeterReadings", None, {"readings": [reading(ids)]}, expect=400)
    assert refused.data["reason"] == "duplicate_reading"
    more = reading(ids, timestamp="2026-01-01T00:00:00Z", value=1000)
    refused = sdk.metering("createMeterReadings", None, {"readings": [more]}, expect=400)
    assert "reason" not in refused.data
    refused = sdk.metering("createMeterReading", None, more, expect=400)
    assert refused.data["reason"] == "greater_than_subsequent"
    sdk.metering("createMeterReading", None, reading(ids, value="12,5"), expect=400)
    sdk.metering(
        "createMeterReading",
        None,
        reading(ids, meter_id=str(uuid4())),
        expect=404,
        undocumented=True,
    )
    sdk.metering("createMeterReading", None, reading(ids), expect=401, token=None)


def test_meters_and_counters_are_read(sdk: Sdk, ids: dict[str, str]) -> None:
    sdk.metering("createMeterReading", None, reading(ids))
    meter = sdk.metering("getMeter", {"id": ids["meter"]}).data["data"]
    assert meter["entity"]["meter_number"] == "J-1"
    assert {item["_schema"] for item in meter["relations"]} == {
        "contract",
        "contact",
        "meter_counter",
    }
    updated = sdk.metering("updateMeter", {"id": ids["meter"]}, {"used_for": "Heating"}).data
    assert updated["data"]["used_for"] == "Heating"
    counters = sdk.metering("getMeterCounters", {"meter_id": ids["meter"]}).data["data"]
    assert [item["last_reading"] for item in counters] == ["2026-01-31T08:00:00.000Z"]
    counter = sdk.metering("getCounterDetails", {"counter_id": ids["counter"]}).data["data"]
    assert counter == counters[0]
    by_contract = sdk.metering("getMetersByContractId", {"contract_id": ids["contract"]}).data
    by_customer = sdk.metering("getCustomerMeters", {"customer_id": ids["customer"]}).data
    for found in (by_contract, by_customer):
        assert [item["_id"] for item in found["data"]] == [ids["meter"]]


def test_a_reading_brings_its_meter_along(sdk: Sdk) -> None:
    body = {
        "ma_lo_id": uuid4().hex,
        "obis_number": "1.8.0",
        "value": 5,
        "source": "ECP",
        "timestamp": "2026-01-31T08:00:00.000Z",
    }
    created = sdk.metering("createReadingWithMeter", None, body).data["data"]
    meter = sdk.metering("getMeter", {"id": created["meter_id"]}).data["data"]
    assert meter["entity"]["ma_lo_id"] == body["ma_lo_id"]
    refused = sdk.metering("createReadingWithMeter", None, {"value": 5}, expect=400)
    assert refused.data["code"] == "INVALID_METER_READING"
