"""Meters and counters beside their readings."""

import asyncio

WITH_METER = "/metering/v1/metering/reading/with-meter"


async def test_a_meter_comes_with_what_it_is_related_to(client, place):
    data = (await client.get(f"/metering/v1/metering/meter/{place.meter}")).json()["data"]
    assert data["entity"]["meter_number"] == "M1"
    assert {item["_id"] for item in data["relations"]} == {
        place.counter,
        place.other_counter,
        place.contract,
        place.customer,
    }


async def test_a_meter_is_changed(client, place):
    url = f"/metering/v1/metering/meter/{place.meter}"
    changed = await client.patch(url, json={"status": "decommissioned"})
    assert changed.json()["data"]["status"] == "decommissioned"
    assert changed.json()["data"]["meter_number"] == "M1"
    stale = {"status": "active", "_updated_at": "2020-01-01T00:00:00Z"}
    assert (await client.patch(url, json=stale)).status_code == 409
    unknown = await client.patch(f"/metering/v1/metering/meter/{place.counter}", json={})
    assert unknown.status_code == 404


async def test_counters_show_their_latest_reading(client, place, write):
    await write(
        place.reading(timestamp="2026-01-01", value=100),
        place.reading(timestamp="2026-01-31", value=130.5),
    )
    url = "/metering/v1/metering/counter"
    counters = (await client.get(url, params={"meter_id": place.meter})).json()["data"]
    by_id = {counter["_id"]: counter for counter in counters}
    assert set(by_id) == {place.counter, place.other_counter}
    assert by_id[place.counter]["last_reading"] == "2026-01-31T00:00:00.000Z"
    assert by_id[place.counter]["current_consumption"] == 30.5
    assert "last_reading" not in by_id[place.other_counter]
    one = (await client.get(f"{url}/{place.counter}")).json()["data"]
    assert one == by_id[place.counter]


async def test_meters_are_found_by_contract_and_customer(client, place):
    by_contract = await client.get(f"/metering/v1/metering/contract/meters/{place.contract}")
    by_customer = await client.get(
        "/metering/v1/metering/meter", params={"customer_id": place.customer}
    )
    for answer in (by_contract, by_customer):
        assert [meter["_id"] for meter in answer.json()["data"]] == [place.meter]
    nobody = await client.get("/metering/v1/metering/meter")
    assert nobody.status_code == 400
    assert "customer_id" in nobody.json()["message"]


async def test_a_reading_brings_its_meter_and_counter_along(client, place):
    sent = {
        "ma_lo_id": "DE2",
        "obis_number": "1.8.0",
        "direction": "feed-in",
        "value": 1,
        "source": "journey-submission",
        "timestamp": "2026-01-01",
    }
    created = (await client.post(WITH_METER, json=sent)).json()["data"]
    assert created["meter_id"] != place.meter
    again = await client.post(WITH_METER, json={**sent, "timestamp": "2026-01-02", "value": 2})
    assert again.json()["data"]["counter_id"] == created["counter_id"]
    counter = await client.get(f"/metering/v1/metering/counter/{created['counter_id']}")
    assert counter.json()["data"]["obis_number"] == "1.8.0"
    assert counter.json()["data"]["direction"] == "feed-in"


async def test_a_reading_joins_the_meter_and_counter_that_are_there(client, place, stored):
    sent = {"ma_lo_id": "DE1", "obis_number": "1.8.0", "value": 7, "source": "ECP"}
    created = (await client.post(WITH_METER, json=sent)).json()["data"]
    assert (created["meter_id"], created["counter_id"]) == (place.meter, place.counter)
    assert [r["value"] for r in await stored()] == [7]


async def test_a_refused_reading_leaves_no_meter_behind(client, place):
    sent = {"ma_lo_id": "DE3", "obis_number": "1.8.0", "value": "x", "source": "ECP"}
    assert (await client.post(WITH_METER, json=sent)).status_code == 400
    found = await client.post("/entity/v1/entity:search", json={"q": "_schema:meter"})
    assert [meter["_id"] for meter in found.json()["results"]] == [place.meter]


async def test_readings_at_the_same_moment_make_one_meter_and_counter(client, place):
    sent = {"ma_lo_id": "DE4", "obis_number": "1.8.0", "value": 1, "source": "ECP"}
    answers = await asyncio.gather(
        *(
            client.post(WITH_METER, json={**sent, "timestamp": f"2026-01-0{day}"})
            for day in range(1, 7)
        )
    )
    assert {a.status_code for a in answers} == {200}
    places = {(r["meter_id"], r["counter_id"]) for r in (a.json()["data"] for a in answers)}
    assert len(places) == 1


async def test_a_meter_without_a_name_in_the_request_is_refused(client):
    answer = await client.post(WITH_METER, json={"value": 1, "source": "ECP"})
    assert answer.status_code == 400
    assert answer.json()["reason"] == "missing_params"


async def test_the_readings_of_a_purged_meter_go_with_it(client, database, org, place, write):
    await write(place.reading())
    await client.delete(f"/entity/v1/entity/meter/{place.meter}", params={"purge": True})
    async with database.organisation(org) as tx:
        assert await tx.fetchval("SELECT count(*) FROM meter_readings WHERE org_id = $1") == 0
