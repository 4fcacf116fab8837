"""Ingest over HTTP, until the entity can be read."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest

EVENTS = "/erp-integration/v3/erp/updates/events"

CONTACT = {
    "entities": [
        {
            "entity_schema": "contact",
            "unique_ids": ["customer_number"],
            "fields": [
                {"attribute": "customer_number", "field": "id"},
                {"attribute": "name", "field": "name"},
                {"attribute": "amount", "field": "amount"},
                {"attribute": "upper", "jsonataExpression": "$uppercase(name)"},
            ],
        }
    ]
}
XML = {
    "entities": [
        {
            "entity_schema": "contact",
            "unique_ids": ["customer_number"],
            "fields": [
                {"attribute": "customer_number", "jsonataExpression": "Partner.`@id`"},
                {"attribute": "name", "field": "$.Partner.Name"},
            ],
        }
    ]
}


def use_case(slug, configuration=CONTACT, *, enabled=True, name=None):
    return {
        "name": name or slug,
        "slug": slug,
        "type": "inbound",
        "enabled": enabled,
        "configuration": configuration,
    }


def event(payload, **overrides):
    return {
        "use_case_slug": "contact",
        "timestamp": "2026-01-31T08:00:00Z",
        "format": "json",
        "payload": payload,
        **overrides,
    }


@pytest.fixture
async def integration(client):
    response = await client.post(
        "/erp-integration/v2/integrations",
        json={
            "name": "ERP",
            "use_cases": [
                use_case("contact"),
                use_case("contact-xml", XML),
                use_case("off", enabled=False),
                use_case("named", name="BusinessPartner"),
            ],
        },
    )
    assert response.status_code == 201, response.text
    return response.json()["id"]


@pytest.fixture
def send(client, integration):
    async def send_events(*events, **request):
        body = {"integration_id": integration, "events": list(events), **request}
        response = await client.post(EVENTS, json=body)
        assert response.status_code == 200, response.text
        return response.json()["results"]

    return send_events


@pytest.fixture
def outcome(client, integration):
    """Waits for the outcome of an event."""

    async def find(event_id):
        for _ in range(400):
            response = await client.post(
                f"/erp-integration/v1/integrations/{integration}/monitoring/inbound-events",
                json={"event_id": event_id},
            )
            if response.json()["data"]:
                return response.json()["data"][0]
            await asyncio.sleep(0.02)
        raise AssertionError("the event reached no terminal state")

    return find


@pytest.fixture
def contact(client):
    """Reads a contact by its number."""

    async def find(number):
        response = await client.post(
            "/entity/v1/entity:search",
            json={"q": f'_schema:contact AND customer_number:"{number}"'},
        )
        results = response.json()["results"]
        assert len(results) <= 1
        return results[0] if results else None

    return find


async def test_an_event_becomes_an_entity(send, outcome, contact):
    [result] = await send(event({"id": "BP1", "name": "Müller"}))
    assert result["status"] == "success"
    assert (await outcome(result["event_id"]))["status"] == "success"
    found = await contact("BP1")
    assert found["name"] == "Müller"
    assert found["upper"] == "MÜLLER"


async def test_a_payload_may_be_text(send, outcome, contact):
    [result] = await send(event('{"id": "BP2", "name": "Text"}'))
    await outcome(result["event_id"])
    assert (await contact("BP2"))["name"] == "Text"


async def test_xml_is_mapped(send, outcome, contact):
    xml = '<?xml version="1.0"?><Partner id="X1"><Name>Große Straße</Name></Partner>'
    [result] = await send(event(xml, format="xml", use_case_slug="contact-xml"))
    assert (await outcome(result["event_id"]))["status"] == "success"
    assert (await contact("X1"))["name"] == "Große Straße"


async def test_an_event_name_finds_the_use_case_by_slug_or_name(send):
    by_slug = event({"id": "1"}, use_case_slug=None, event_name="contact")
    by_name = event({"id": "2"}, use_case_slug=None, event_name="BusinessPartner")
    assert [r["status"] for r in await send(by_slug, by_name)] == ["success", "success"]


async def test_the_slug_wins_over_the_event_name(send, outcome):
    [result] = await send(event({"id": "1"}, use_case_slug="missing", event_name="contact"))
    assert result["status"] == "ignored"


async def test_events_without_an_enabled_use_case_are_ignored_and_say_why(send, outcome):
    unknown, disabled = await send(
        event({"id": "1"}, use_case_slug="nobody"), event({"id": "1"}, use_case_slug="off")
    )
    assert unknown["status"] == disabled["status"] == "ignored"
    assert "nobody" in unknown["message"]
    assert "disabled" in disabled["message"]
    assert (await outcome(unknown["event_id"]))["error_code"] == "EVENT_NOT_CONFIGURED"
    assert (await outcome(disabled["event_id"]))["error_code"] == "USE_CASE_DISABLED"


async def test_a_deduplication_id_is_taken_once(send, outcome, contact):
    first = event({"id": "D1", "name": "first"}, deduplication_id="d-1")
    again = event({"id": "D1", "name": "again"}, deduplication_id="d-1")
    taken, doubled = await send(first, again)
    [later] = await send(again)
    assert [taken["status"], doubled["status"], later["status"]] == [
        "success",
        "skipped",
        "skipped",
    ]
    await outcome(taken["event_id"])
    assert (await contact("D1"))["name"] == "first"
    assert (await outcome(later["event_id"]))["error_code"] == "DUPLICATE_EVENT"


async def test_a_deduplication_id_is_free_again_after_a_day(send, database, org):
    sent = event({"id": "D3"}, deduplication_id="daily")

    async def statuses_after(*pauses):
        statuses = []
        for hours in pauses:
            async with database.organisation(org) as tx:
                await tx.execute(
                    "UPDATE inbound_deduplications SET accepted_at = accepted_at - $2::interval "
                    "WHERE org_id = $1",
                    timedelta(hours=hours),
                )
            [result] = await send(sent)
            statuses.append(result["status"])
        return statuses

    # A duplicate does not make the day begin anew.
    assert await statuses_after(0, 23, 1, 23) == ["success", "skipped", "success", "skipped"]


async def test_two_integrations_may_use_the_same_deduplication_id(client, send):
    other = await client.post(
        "/erp-integration/v2/integrations",
        json={"name": "Other", "use_cases": [use_case("contact")]},
    )
    sent = event({"id": "D2"}, deduplication_id="shared")
    await send(sent)
    response = await client.post(
        EVENTS, json={"integration_id": other.json()["id"], "events": [sent]}
    )
    assert response.json()["results"][0]["status"] == "success"


async def test_an_ignored_event_does_not_use_up_its_deduplication_id(send):
    [ignored] = await send(event({"id": "1"}, use_case_slug="nobody", deduplication_id="free"))
    [accepted] = await send(event({"id": "1"}, deduplication_id="free"))
    assert [ignored["status"], accepted["status"]] == ["ignored", "success"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"payload": None}, "payload"),
        ({"payload": 7}, "payload"),
        ({"payload": "x"}, "payload"),
        ({"payload": {}}, "payload"),
        ({"payload": "[" * 101 + "]" * 101}, "payload"),
        ({"payload": "x" * 3_000_000}, "payload"),
        ({"timestamp": None}, "timestamp"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": 1}, "timestamp"),
        ({"format": "csv"}, "format"),
        ({"use_case_slug": "Not A Slug"}, "use_case_slug"),
        ({"use_case_slug": 5}, "use_case_slug"),
        ({"use_case_slug": None}, "use_case_slug"),
        ({"use_case_slug": None, "event_name": ""}, "event_name"),
        ({"use_case_slug": None, "event_name": "a\0b"}, "event_name"),
        ({"deduplication_id": "not ok"}, "deduplication_id"),
        ({"deduplication_id": ""}, "deduplication_id"),
    ],
)
async def test_an_unusable_event_costs_only_itself(send, change, field):
    bad = event({"id": "1"}, **{k: v for k, v in change.items() if k != "payload"})
    if "payload" in change:
        bad["payload"] = change["payload"]
    if change.get(field, "") is None:
        del bad[field]
    refused, accepted = await send(bad, event({"id": "E1"}))
    assert refused["status"] == "error"
    assert refused["message"].startswith(f"{field}:")
    assert accepted["status"] == "success"


async def test_many_brackets_are_not_deep_ones(send, outcome):
    [result] = await send(event({"id": "W1", "name": "x", "list": [[{}]] * 500}))
    assert (await outcome(result["event_id"]))["status"] == "success"


async def test_an_event_that_is_no_object_is_an_error(send):
    refused, accepted = await send("text", event({"id": "E2"}))
    assert [refused["status"], accepted["status"]] == ["error", "success"]


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ("{broken", "MALFORMED_PAYLOAD"),
        ('{"name": "no id"}', "MISSING_UNIQUE_IDENTIFIERS"),
        ('{"id": "F3", "name": 5}', "MAPPING_EXPRESSION_FAILED"),
    ],
)
async def test_a_failing_event_says_why_and_spares_its_neighbours(
    send, outcome, contact, payload, code
):
    before, failing, after = await send(
        event({"id": "before"}), event(payload), event({"id": "after"})
    )
    failed = await outcome(failing["event_id"])
    assert failed["status"] == "error"
    assert failed["error_code"] == code
    assert failed["error_message"]
    assert (await outcome(after["event_id"]))["status"] == "success"
    assert (await outcome(before["event_id"]))["status"] == "success"
    assert await contact("before")
    assert await contact("after")


async def test_a_value_that_cannot_be_stored_fails_alone(send, outcome, contact):
    results = await send(
        event({"id": "N1"}), event('{"id": "N2", "name": "a\\u0000b"}'), event({"id": "N3"})
    )
    outcomes = [await outcome(result["event_id"]) for result in results]
    assert [o["status"] for o in outcomes] == ["success", "error", "success"]
    assert outcomes[1]["error_code"] == "UNSTORABLE_VALUE"
    assert await contact("N3")


async def test_numbers_keep_every_digit(client, integration, outcome, contact):
    amount = "12345678901234567890.10"
    body = json.dumps({"integration_id": integration, "events": [event({"id": "B1"})]})
    body = body.replace('{"id": "B1"}', '{"id": "B1", "name": "n", "amount": ' + amount + "}")
    response = await client.post(EVENTS, content=body)
    [result] = response.json()["results"]
    await outcome(result["event_id"])
    entity = await contact("B1")
    response = await client.get(f"/entity/v2/entity/contact/{entity['_id']}")
    assert f'"amount":{amount}' in response.text


async def test_many_changes_of_one_entity_are_applied_in_order(send, outcome, contact):
    for start in range(0, 300, 100):
        events = [event({"id": "O1", "name": str(n)}) for n in range(start, start + 100)]
        results = await send(*events)
    await outcome(results[-1]["event_id"])
    assert (await contact("O1"))["name"] == "299"


async def test_the_history_names_the_event(client, send, outcome, contact):
    [result] = await send(event({"id": "H1", "name": "one"}), correlation_id="corr-1")
    await outcome(result["event_id"])
    entity = await contact("H1")
    feed = await client.get(f"/entity/v1/entity/contact/{entity['_id']}/activity")
    [activity] = feed.json()["results"]
    assert activity["type"] == "SyncActivity"
    assert activity["payload"]["event_id"] == result["event_id"]
    assert activity["payload"]["correlation_id"] == "corr-1"
    assert activity["operations"][0]["operation"] == "createEntity"


async def test_a_correlation_id_is_minted_when_none_is_sent(send, outcome):
    [result] = await send(event({"id": "C1"}))
    assert (await outcome(result["event_id"]))["correlation_id"]


async def test_the_correlation_id_of_an_event_wins(send, outcome):
    events = [event({"id": "1"}, correlation_id="own"), event({"id": "2"})]
    results = await send(*events, correlation_id="run")
    outcomes = [await outcome(result["event_id"]) for result in results]
    assert [found["correlation_id"] for found in outcomes] == ["own", "run"]


async def test_no_events_are_no_error(send):
    assert await send() == []


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"", 400, ""),
        (b"[]", 400, ""),
        (b"{", 400, ""),
        (b"\xff", 400, ""),
        (b"[" * 100_000, 400, ""),
        (b"{}", 400, "integration_id"),
        (b'{"integration_id": "x", "events": []}', 400, "integration_id"),
        (b'{"integration_id": 7, "events": []}', 400, "integration_id"),
        (b'{"integration_id": "%s"}', 400, "events"),
        (b'{"integration_id": "%s", "events": {}}', 400, "events"),
        (b'{"integration_id": "%s", "events": [], "correlation_id": 1}', 400, "correlation_id"),
    ],
)
async def test_a_request_that_is_no_list_of_events_is_refused(
    client, integration, body, status, field
):
    response = await client.post(EVENTS, content=body.replace(b"%s", integration.encode()))
    assert response.status_code == status
    assert response.json()["code"] == "INVALID_REQUEST"
    assert field in response.json()["message"]
    assert response.json()["request_id"]


async def test_too_many_events_are_refused_as_a_whole(client, integration):
    events = [event({"id": str(n)}) for n in range(101)]
    response = await client.post(EVENTS, json={"integration_id": integration, "events": events})
    assert response.status_code == 413
    assert response.json()["code"] == "TOO_MANY_EVENTS"


async def test_an_unknown_integration_is_not_found(client):
    body = {"integration_id": "3fa85f64-5717-4562-b3fc-2c963f66afa6", "events": []}
    response = await client.post(EVENTS, json=body)
    assert response.status_code == 404


async def test_a_repeated_request_with_an_idempotency_key_is_answered_the_same(
    client, integration, outcome
):
    body = {"integration_id": integration, "events": [event({"id": "I1", "name": "once"})]}
    first = await client.post(EVENTS, json=body, headers={"idempotency-key": "k1"})
    second = await client.post(EVENTS, json=body, headers={"idempotency-key": "k1"})
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert second.headers["idempotent-replayed"] == "true"
    body["events"][0]["payload"]["name"] = "twice"
    other = await client.post(EVENTS, json=body, headers={"idempotency-key": "k1"})
    assert other.status_code == 409
    assert other.json()["code"] == "IDEMPOTENCY_KEY_REUSED"
    await outcome(first.json()["results"][0]["event_id"])


async def test_requests_at_the_same_moment_are_all_answered(client, integration):
    async def post(n):
        body = {"integration_id": integration, "events": [event({"id": f"P{n}"})]}
        response = await client.post(EVENTS, json=body)
        return response.json()["results"][0]["status"]

    statuses = await asyncio.gather(*(post(n) for n in range(50)))
    assert statuses == ["success"] * 50


async def test_a_key_without_the_scope_is_refused(application, services, org, integration):
    from tests.conftest import http_client

    _, text = await services.identity.create_key(org, name="reader", scopes=["erp:read"])
    async with http_client(application, text) as reader:
        response = await reader.post(EVENTS, json={"integration_id": integration, "events": []})
    assert response.status_code == 403
    assert response.json()["code"] == "MISSING_SCOPE"


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer nonsense", "Basic abc", "Bearer tl_x"])
async def test_a_caller_without_a_key_is_refused(application, header):
    from tests.conftest import http_client

    async with http_client(application, None) as stranger:
        headers = {"authorization": header} if header else {}
        response = await stranger.post(EVENTS, json={}, headers=headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_a_moment_outside_the_calendar_is_one_bad_event(send, moment):
    bad, good = await send(event({"id": "T1"}, timestamp=moment), event({"id": "T2"}))
    assert (bad["status"], good["status"]) == ("error", "success")
    assert "timestamp" in bad["message"]


async def test_a_number_that_would_fill_pages_is_refused(client, integration, send, outcome):
    text = json.dumps({"integration_id": integration, "events": [event({"id": "N1", "amount": 7})]})
    response = await client.post(EVENTS, content=text.replace(": 7}", ": 1e5000}"))
    [huge] = response.json()["results"]
    [after] = await send(event({"id": "N1", "amount": 1}))
    assert (await outcome(huge["event_id"]))["error_code"] == "MALFORMED_PAYLOAD"
    assert (await outcome(after["event_id"]))["status"] == "success"
