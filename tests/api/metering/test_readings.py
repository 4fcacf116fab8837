"""Readings one by one: created, read over an interval, changed, deleted."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from tests.conftest import http_client

CREATE = "/metering/v1/metering/reading"


async def test_a_reading_comes_back_as_it_was_sent(client, place, stored):
    sent = place.reading(
        value=1234.5,
        direction="feed-in",
        external_id="r1",
        reason="first",
        read_by="Jane",
        metadata={"unit_no": "7"},
        timestamp="2026-01-31T08:00:00+01:00",
    )
    answer = await client.post(CREATE, json=sent)
    assert answer.status_code == 200
    assert answer.json()["data"] == sent
    assert await stored() == [sent]


async def test_every_digit_of_a_value_survives(client, place):
    text = '{"meter_id":"%s","counter_id":"%s","source":"ERP","value":12345678901234567890.10}'
    await client.post(CREATE, content=text % (place.meter, place.counter))
    answer = await client.get(place.readings, params={"type": "cumulative"})
    assert '"value":12345678901234567890.10' in answer.text


async def test_a_reading_without_a_timestamp_was_taken_now(client, place):
    sent = place.reading()
    del sent["timestamp"]
    timestamp = (await client.post(CREATE, json=sent)).json()["data"]["timestamp"]
    age = datetime.now(UTC) - datetime.fromisoformat(timestamp)
    assert timedelta() <= age < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"value": "12,5"}, "value"),
        ({"value": None}, "value"),
        ({"value": True}, "value"),
        ({"source": "SAP"}, "source"),
        ({"reason": "because"}, "reason"),
        ({"status": "fine"}, "status"),
        ({"direction": "up"}, "direction"),
        ({"timestamp": "31.01.2026"}, "timestamp"),
        ({"timestamp": "2026-02-30"}, "timestamp"),
        ({"timestamp": 1767225600}, "timestamp"),
        ({"external_id": "a\x00b"}, "external_id"),
        ({"metadata": "x"}, "metadata"),
        ({"meter_id": "x"}, "meter_id"),
    ],
)
async def test_a_reading_against_the_rules_is_refused(client, place, stored, change, named):
    answer = await client.post(CREATE, json=place.reading(**change))
    assert answer.status_code == 400
    assert named in answer.json()["message"]
    assert await stored() == []


async def test_an_unknown_meter_is_named(client, place):
    answer = await client.post(CREATE, json=place.reading(meter_id=place.counter))
    assert answer.status_code == 404
    assert answer.json()["code"] == "METER_NOT_FOUND"
    assert place.counter in answer.json()["message"]


async def test_an_unknown_counter_is_named(client, place):
    answer = await client.post(CREATE, json=place.reading(counter_id=place.meter))
    assert answer.status_code == 404
    assert answer.json()["code"] == "METER_COUNTER_NOT_FOUND"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"timestamp": "2026-02-28", "value": 99}, "less_than_previous"),
        ({"timestamp": "2026-01-01", "value": 101}, "greater_than_subsequent"),
        ({"timestamp": "2999-01-01"}, "timestamp_future"),
        ({}, None),  # the reference has no reason for a second one at the same moment
    ],
)
async def test_a_reading_that_contradicts_those_around_it_is_refused(
    client, place, stored, change, reason
):
    await client.post(CREATE, json=place.reading(value=100))
    answer = await client.post(CREATE, json=place.reading(**change))
    assert answer.status_code == 400
    assert answer.json()["code"] == "METER_READING_REFUSED"
    assert answer.json().get("reason") == reason
    assert len(await stored()) == 1


async def test_another_direction_has_values_of_its_own(client, place, stored):
    await client.post(CREATE, json=place.reading(direction="feed-in", value=100))
    answer = await client.post(
        CREATE, json=place.reading(direction="feed-out", value=1, timestamp="2026-02-01")
    )
    assert answer.status_code == 200
    assert [r["value"] for r in await stored(direction="feed-out")] == [1]


async def test_an_interval_covers_whole_german_days(client, place, write, stored):
    moments = [
        "2026-01-30T22:59:59.000Z",  # the last second of 30 January in Germany
        "2026-01-30T23:00:00.000Z",
        "2026-01-31T22:59:59.999Z",
        "2026-01-31T23:00:00.000Z",
    ]
    await write(*(place.reading(timestamp=m, value=n) for n, m in enumerate(moments)))
    day = await stored(start_date="2026-01-31", end_date="2026-01-31")
    assert [r["timestamp"] for r in day] == moments[1:3]
    exact = await stored(start_date=moments[1], end_date=moments[1])
    assert [r["timestamp"] for r in exact] == moments[1:2]


async def test_an_interval_is_paged_and_sorted(client, place, write):
    await write(*(place.reading(timestamp=f"2026-01-{d:02}", value=d) for d in range(1, 6)))
    query = {"type": "cumulative", "sort": "desc", "size": 2, "from": 1}
    page = (await client.get(place.readings, params=query)).json()
    assert [r["value"] for r in page["results"]] == [4, 3]
    assert page["hits"] == 5
    assert page["firstRecordCreatedAt"] == "2026-01-01T00:00:00.000Z"
    everything = await client.get(place.readings, params={"type": "cumulative", "size": -1})
    assert len(everything.json()["results"]) == 5


async def test_relative_readings_are_what_was_consumed(client, place, write):
    days = ["2026-01-01", "2026-01-02", "2026-01-03"]
    await write(
        *(
            place.reading(timestamp=day, value=value, direction="feed-in")
            for day, value in zip(days, (100, 110.5, 130), strict=True)
        )
    )
    query = {"type": "relative", "start_date": "2026-01-01"}
    page = (await client.get(place.readings, params=query)).json()
    assert [r["value"] for r in page["results"]] == [10.5, 19.5]
    assert page["hits"] == 2


@pytest.mark.parametrize(
    "query",
    [
        {"start_date": "2026-02-30"},
        {"start_date": "2026-02-02", "end_date": "2026-02-01"},
        {"size": -2},
        {"from": -1},
        {"direction": "up"},
        {"type": "none"},
    ],
)
async def test_an_impossible_interval_is_refused(client, place, query):
    answer = await client.get(place.readings, params=query)
    assert answer.status_code == 400


async def test_a_reading_is_changed_in_place(client, place, stored):
    await client.post(CREATE, json=place.reading(external_id="r1", remark="kept"))
    answer = await client.put(
        place.readings,
        params={"timestamp": "2026-01-31T09:00:00+01:00"},
        json={"meter_id": place.meter, "value": 120, "source": "360", "status": "valid"},
    )
    assert answer.status_code == 200
    expected = place.reading(
        external_id="r1", remark="kept", value=120, source="360", status="valid"
    )
    assert answer.json()["data"] == expected
    assert await stored() == [expected]


async def test_a_changed_reading_can_move(client, place, stored):
    await client.post(CREATE, json=place.reading())
    await client.put(
        place.readings,
        params={"timestamp": "2026-01-31T08:00:00Z"},
        json=place.reading(timestamp="2026-02-01T08:00:00Z"),
    )
    assert [r["timestamp"] for r in await stored()] == ["2026-02-01T08:00:00Z"]


async def test_a_reading_does_not_move_onto_another_one(client, place, write, stored):
    await write(place.reading(), place.reading(timestamp="2026-02-01", value=100))
    answer = await client.put(
        place.readings,
        params={"timestamp": "2026-01-31T08:00:00Z"},
        json=place.reading(timestamp="2026-02-01"),
    )
    assert answer.status_code == 400
    assert "reading at 2026-02-01" in answer.json()["message"]
    assert len(await stored()) == 2


async def test_a_reading_stays_with_its_counter(client, place):
    answer = await client.put(
        place.readings,
        params={"timestamp": "2026-01-31"},
        json=place.reading(counter_id=place.other_counter),
    )
    assert answer.status_code == 400


async def test_there_is_nothing_to_change_at_another_moment(client, place):
    where = {"timestamp": "2020-01-01"}
    changed = await client.put(place.readings, params=where, json=place.reading())
    deleted = await client.delete(place.readings, params=where)
    assert {changed.status_code, deleted.status_code} == {404}
    assert changed.json()["code"] == "METER_READING_NOT_FOUND"


async def test_a_reading_is_deleted_for_good(client, place, stored):
    await client.post(CREATE, json=place.reading())
    answer = await client.delete(place.readings, params={"timestamp": "2026-01-31T08:00:00Z"})
    assert answer.json()["data"] == {
        "meterId": place.meter,
        "counterId": place.counter,
        "timestamp": "2026-01-31T08:00:00.000Z",
    }
    assert await stored() == []


async def test_the_direction_decides_between_two_readings(client, place, write, stored):
    await write(place.reading(direction="feed-in"), place.reading(direction="feed-out"))
    where = {"timestamp": "2026-01-31T08:00:00Z"}
    refused = await client.delete(place.readings, params=where)
    assert refused.status_code == 400
    assert refused.json()["reason"] == "multiple_readings_found"
    await client.delete(place.readings, params={**where, "direction": "feed-in"})
    assert [r["direction"] for r in await stored()] == ["feed-out"]


async def test_a_meter_without_counters_has_readings_too(client, place):
    sent = place.reading()
    del sent["counter_id"]
    created = await client.post(CREATE, json=sent)
    assert created.json()["data"] == sent
    nil = "00000000-0000-0000-0000-000000000000"
    page = await client.get(f"{CREATE}/{place.meter}/{nil}", params={"type": "cumulative"})
    assert page.json()["results"] == [sent]


async def test_writers_at_the_same_moment_make_one_reading_and_lose_no_change(
    client, place, stored
):
    answers = await asyncio.gather(
        *(client.post(CREATE, json=place.reading(value=n)) for n in range(8))
    )
    assert sorted(a.status_code for a in answers) == [200] + [400] * 7
    where = {"timestamp": "2026-01-31T08:00:00Z"}
    changes = [{"remark": "a"}, {"read_by": "b"}, {"note": "c"}, {"unit": "d"}]
    body = {"meter_id": place.meter, "value": 5, "source": "ERP"}
    await asyncio.gather(
        *(client.put(place.readings, params=where, json={**body, **c}) for c in changes)
    )
    [found] = await stored()
    assert [found[k] for k in ("remark", "read_by", "note", "unit")] == ["a", "b", "c", "d"]


async def test_a_repeated_request_with_a_key_creates_once(client, place, stored):
    headers = {"idempotency-key": "k1"}
    first = await client.post(CREATE, json=place.reading(), headers=headers)
    again = await client.post(CREATE, json=place.reading(), headers=headers)
    assert (first.status_code, again.status_code) == (200, 200)
    assert len(await stored()) == 1


async def test_another_organisation_sees_and_changes_nothing(
    application, services, client, place, stored
):
    await client.post(CREATE, json=place.reading())
    _, key = await services.identity.create_key(f"org-{place.meter}", name="other")
    where = {"timestamp": "2026-01-31T08:00:00Z"}
    async with http_client(application, key) as stranger:
        answers = [
            await stranger.get(place.readings, params={"type": "cumulative"}),
            await stranger.put(place.readings, params=where, json=place.reading(value=9)),
            await stranger.delete(place.readings, params=where),
            await stranger.post(CREATE, json=place.reading(timestamp="2026-02-01")),
            await stranger.get(f"/metering/v1/metering/meter/{place.meter}"),
            await stranger.get("/metering/v1/metering/counter", params={"meter_id": place.meter}),
            await stranger.get(f"/metering/v1/metering/counter/{place.counter}"),
            await stranger.get(f"/metering/v1/metering/contract/meters/{place.contract}"),
            await stranger.post(
                "/metering/v2/metering/readings/prune",
                json={"meter_id": place.meter, "keep_external_ids": [], "source": "ERP"},
            ),
        ]
    assert {a.status_code for a in answers} == {404}
    assert [r["value"] for r in await stored()] == [100]


async def test_a_key_needs_the_scope(application, services, org, place):
    _, key = await services.identity.create_key(org, name="reader", scopes=("metering:read",))
    async with http_client(application, key) as reader:
        assert (await reader.get(place.readings)).status_code == 200
        assert (await reader.post(CREATE, json=place.reading())).status_code == 403
