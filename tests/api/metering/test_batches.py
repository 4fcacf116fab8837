"""Many readings at once: created, written by identifiers, pruned."""

import pytest

MANY = "/metering/v1/metering/readings"
PRUNE = "/metering/v2/metering/readings/prune"


async def test_readings_are_created_together(client, place, stored):
    readings = [place.reading(timestamp=f"2026-01-{d:02}", value=d) for d in (2, 1, 3)]
    answer = await client.post(MANY, json={"readings": readings})
    assert [r["value"] for r in answer.json()["data"]] == [2, 1, 3]
    assert [r["value"] for r in await stored()] == [1, 2, 3]


async def test_one_bad_reading_refuses_all(client, place, stored):
    readings = [place.reading(), place.reading(timestamp="2026-02-01", value="1.234,5")]
    answer = await client.post(MANY, json={"readings": readings})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("readings[1].value:")
    assert await stored() == []


async def test_readings_of_one_request_are_neighbours_of_each_other(client, place, stored):
    readings = [place.reading(value=10), place.reading(timestamp="2026-02-01", value=9)]
    answer = await client.post(MANY, json={"readings": readings})
    assert answer.json()["reason"] == "less_than_previous"
    assert await stored() == []
    answer = await client.post(MANY, json={"readings": readings}, params={"skip_validation": True})
    assert answer.status_code == 200


async def test_more_than_a_hundred_readings_are_refused(client, place):
    readings = [
        place.reading(timestamp=f"2025-01-01T00:{n // 60:02}:{n % 60:02}Z") for n in range(101)
    ]
    answer = await client.post(MANY, json={"readings": readings})
    assert answer.status_code == 400
    assert answer.json()["reason"] == "too_many_records"


async def test_a_reading_that_is_there_is_refused_or_overwritten(place, write, stored):
    await write(place.reading(value=1))
    refused = await write(place.reading(value=2), expect=400)
    assert refused["reason"] == "duplicate_reading"
    await write(place.reading(value=2), skip_validation=True)
    assert [r["value"] for r in await stored()] == [2]


async def test_an_update_of_nothing_has_no_effect(place, write, stored):
    assert await write(place.reading(operation="update")) == []
    assert await stored() == []


async def test_a_batch_creates_updates_and_deletes(place, write, stored):
    await write(
        place.reading(timestamp="2026-01-01", value=1),
        place.reading(timestamp="2026-01-02", value=2),
    )
    changed = await write(
        place.reading(timestamp="2026-01-01", value=1.5, operation="update"),
        {
            "meter_id": place.meter,
            "counter_id": place.counter,
            "timestamp": "2026-01-02T00:00:00Z",
            "operation": "delete",
        },
        place.reading(timestamp="2026-01-03", value=3),
    )
    assert [r["value"] for r in changed] == [1.5, 2, 3]
    assert [r["value"] for r in await stored()] == [1.5, 3]


async def test_identifiers_find_a_reading_by_its_metadata(place, write, stored):
    def reading(registration, **more):
        metadata = {"registration_id": registration, "business_unit": "A"}
        return place.reading(metadata=metadata, **more)

    await write(reading("1", timestamp="2026-01-01", value=1))
    await write(reading("2", timestamp="2026-01-02", value=2))
    by = ("metadata.registration_id", "metadata.business_unit")
    await write(reading("2", timestamp="2026-01-05", value=5, operation="update"), identifiers=by)
    assert [(r["timestamp"][:10], r["value"]) for r in await stored()] == [
        ("2026-01-01", 1),
        ("2026-01-05", 5),
    ]
    await write(
        {
            "meter_id": place.meter,
            "metadata": {"registration_id": 1, "business_unit": "A"},
            "operation": "delete",
        },
        identifiers=by,
    )
    assert [r["value"] for r in await stored()] == [5]


async def test_identifiers_find_a_reading_by_its_external_id(place, write, stored):
    await write(place.reading(external_id="r1", value=1))
    await write(
        place.reading(external_id="r1", value=2, timestamp="2026-03-01", operation="update"),
        identifiers=("external_id",),
    )
    [found] = await stored()
    assert (found["value"], found["timestamp"]) == (2, "2026-03-01T00:00:00.000Z")


@pytest.mark.parametrize(
    ("identifiers", "reason"),
    [
        (("value",), "invalid_identifiers"),
        (("metadata.",), "invalid_identifiers"),
        (("meter_id",), "invalid_identifiers"),
        (("external_id",), "invalid_identifiers"),
        (("direction",), "multiple_readings_found"),
    ],
)
async def test_identifiers_that_identify_nothing_are_refused(place, write, identifiers, reason):
    given = {"direction": "feed-in"}
    await write(place.reading(timestamp="2026-01-01", **given), place.reading(**given))
    refused = await write(
        place.reading(operation="update", **given), identifiers=identifiers, expect=400
    )
    assert refused["reason"] == reason


async def test_pruning_keeps_what_is_named(client, place, write, stored):
    await write(
        *(place.reading(external_id=f"r{d}", timestamp=f"2026-01-0{d}", value=d) for d in (1, 2, 3))
    )
    body = {"meter_id": place.meter, "keep_external_ids": ["r2"]}
    tried = await client.post(PRUNE, json=body, params={"dry_run": True})
    assert tried.json()["data"] == {"deleted_count": 2, "kept_count": 1}
    assert len(await stored()) == 3
    done = await client.post(PRUNE, json=body)
    assert done.json() == tried.json()
    assert [r["external_id"] for r in await stored()] == ["r2"]


async def test_pruning_stays_within_the_counter_and_the_source(client, place, write, stored):
    await write(
        place.reading(external_id="erp"),
        place.reading(external_id="portal", source="ECP", timestamp="2026-02-01"),
        place.reading(external_id="other", counter_id=place.other_counter),
    )
    body = {"meter_id": place.meter, "counter_id": place.counter, "source": "ERP"}
    done = await client.post(PRUNE, json={**body, "keep_external_ids": []})
    assert done.json()["data"] == {"deleted_count": 1, "kept_count": 0}
    assert [r["external_id"] for r in await stored()] == ["portal"]


@pytest.mark.parametrize(("source", "left"), [("ERP", 0), (None, 1)])
async def test_readings_without_an_external_id_go_only_with_their_source(
    client, place, write, stored, source, left
):
    await write(place.reading())
    body = {"meter_id": place.meter, "keep_external_ids": [], "source": source}
    await client.post(PRUNE, json=body)
    assert len(await stored()) == left


async def test_a_batch_shows_in_the_feeds_of_meter_and_counter(client, place, write):
    body = {"type": "Import", "title": "Import", "message": "Readings were imported"}
    activity = (await client.post("/entity/v1/entity/activity", json=body)).json()["_id"]
    await write(place.reading(), activity_id=activity)
    for where in (f"meter/{place.meter}", f"meter_counter/{place.counter}"):
        feed = (await client.get(f"/entity/v1/entity/{where}/activity?type=Import")).json()
        assert [item["_id"] for item in feed["results"]] == [activity]


async def test_an_unknown_activity_refuses_the_batch(place, write, stored):
    await write(place.reading(), activity_id="01" + "0" * 24, expect=404)
    assert await stored() == []
