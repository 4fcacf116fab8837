"""A demo that finds something else than it must says what, and fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tieline.demo.client import Client, DemoCallFailed, DemoTimedOut
from tieline.demo.models import Dataset, Ending, Expectation, Sample, Served, Status
from tieline.demo.portal import Arrival
from tieline.demo.report import next_calls, report
from tieline.demo.story import Posted, Story
from tieline.demo.tariff_changes import TariffChange, differences, lateness
from tieline.demo.verification import Findings, attribute_differences, verify
from tieline.kit import json
from tieline.receiving.models import Answer as ReceiversAnswer
from tieline.receiving.models import Delivery, Verdict, Verification

Answer = Callable[[str, dict[str, Any]], dict[str, Any]]


def client_of(answer: Answer) -> Client:
    def respond(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else {}
        return httpx.Response(200, content=json.dumps(answer(request.url.path, body)))

    return Client("http://tieline.test", "tl_key", httpx.MockTransport(respond))


def outcome(status: str, code: str | None = None) -> dict[str, Any]:
    return {"event_id": "e", "status": status, "error_code": code, "error_message": f"why {code}"}


async def test_outcomes_of_all_pages_are_counted() -> None:
    def answer(path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path.endswith(":search"):
            return {"hits": 2, "results": []}
        if "cursor" in body:
            assert body["cursor"] == {"event_id": "last"}
            return {"data": [outcome("error", "BAD")], "has_more": False, "next_cursor": None}
        page = [outcome("success"), outcome("error", "BAD")]
        return {"data": page, "has_more": True, "next_cursor": {"event_id": "last"}}

    bad = Ending(Status.ERROR, "BAD")
    expected = Expectation(endings=Counter({Ending(): 1, bad: 3}), entities=Counter({"contact": 1}))
    findings = await verify(client_of(answer), "i", expected)
    assert findings.endings == Counter({Ending(): 1, bad: 2})
    assert findings.failures == {bad: "why BAD"}
    assert findings.differences == (
        "outcome error BAD: expected 3, found 2",
        "schema contact: expected 1, found 2",
    )


@pytest.mark.parametrize(
    ("entities", "difference"),
    [
        ([], "contract V1: expected one entity, found 0"),
        (
            [{"_id": "1", "tariff": "B", "payer": {"$relation": [{"entity_id": "2"}]}}],
            'contract V1.tariff: expected "A", found "B"',
        ),
        (
            [{"_id": "1", "tariff": "A"}],
            "contract V1, relation payer: expected ['2'] (account K1), found []",
        ),
        ([{"_id": "1", "tariff": "A", "payer": {"$relation": [{"entity_id": "2"}]}}], None),
    ],
)
async def test_a_sample_is_compared_with_its_relation(
    entities: list[dict[str, Any]], difference: str | None
) -> None:
    def answer(path: str, body: dict[str, Any]) -> dict[str, Any]:
        if not path.endswith(":search"):
            return {"data": [], "has_more": False}
        if body["q"] == '_schema:account AND number.keyword:"K1"':
            return {"hits": 1, "results": [{"_id": "2"}]}
        assert body["q"] == '_schema:contract AND number.keyword:"V1"'
        return {"hits": len(entities), "results": entities}

    sample = Sample(
        "contract", "number", "V1", {"tariff": "A"}, ("payer", "account", "number", "K1")
    )
    findings = await verify(client_of(answer), "i", Expectation(samples=[sample]))
    assert findings.differences == ((difference,) if difference else ())


@pytest.mark.parametrize(
    ("found", "expected", "same"),
    [
        ({"a": 1, "more": 2}, {"a": 1}, True),
        ({"a": Decimal("1.50")}, {"a": Decimal("1.50")}, True),
        ({"a": 1.5}, {"a": Decimal("1.50")}, False),
        ({"a": 2**53}, {"a": 2**53 + 1}, False),
        ({"a": [{"b": 1, "_id": "x"}]}, {"a": [{"b": 1}]}, True),
        ({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 1}]}, False),
        ({"a": None}, {"a": [1]}, False),
        ({}, {"a": 1}, False),
    ],
)
def test_values_are_compared_digit_by_digit(found: Any, expected: Any, same: bool) -> None:
    assert (list(attribute_differences("x", found, expected)) == []) is same


async def test_a_refused_call_shows_the_answer() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(403, text="no scope"))
    with pytest.raises(DemoCallFailed, match="403: no scope"):
        await Client("http://tieline.test", "k", transport).count("contact")


async def test_waiting_ends_when_nothing_happens() -> None:
    nothing = client_of(lambda _path, _body: {"data": []})
    with pytest.raises(DemoTimedOut, match="tieline doctor"):
        await nothing.wait_for_outcome("i", "e", 0.01)


def arrival(before: str = "A", **different: Any) -> Arrival:
    """The delivery of a changed tariff, from `before` to B."""
    content = {"contract": "V1", "previousTariff": before, "tariff": "B"}
    usual: dict[str, Any] = {
        "at": datetime(2026, 3, 1, tzinfo=UTC),
        "method": "POST",
        "path": "/tariffs",
        "headers": {},
        "body": json.dumps(content),
        "message_id": f"msg_{before}",
        "attempt": 1,
        "event_name": None,
        "verification": Verification(Verdict.VERIFIED, ("v1a", "v1")),
        "answer": ReceiversAnswer(200),
    }
    return Arrival(Delivery(**usual | different), 0.0)


def test_a_change_that_arrives_twice_is_one_message() -> None:
    assert list(differences([arrival(), arrival()], [TariffChange("V1", "A", "B")])) == []


def test_what_arrives_is_compared_with_what_had_to() -> None:
    refused = Verification(Verdict.REFUSED, reason="no signature of v1 fits the secret")

    found = differences(
        [arrival("A"), arrival("X"), arrival("C", verification=refused)],
        [TariffChange("V1", before, "B") for before in "ACD"],
    )

    assert list(found) == [
        "delivery msg_C: expected a right signature, but no signature of v1 fits the secret",
        "tariff of V1, 'D' to 'B': expected 1 deliveries, found 0",
        "tariff of V1, 'X' to 'B': expected 0 deliveries, found 1",
    ]


def test_the_last_change_has_to_come_within_a_second() -> None:
    assert list(lateness(0.99, arrival())) == []
    assert "came after 1.01 s" in next(lateness(1.01, arrival()))
    assert "never came" in next(lateness(0.0, None))


def _story(dataset: Dataset) -> Story:
    event = dataset.showcase
    link = {"entity_id": "acc", "_tags": ["PAYER"]}
    return Story(
        event=event,
        event_id="01EVENT",
        outcome={"status": "success", "processing_duration_ms": 3},
        entity={
            "_id": "c-1",
            "contract_number": "V700014",
            "company_code": "1000",
            "tariff": "neu",
            "yearly_consumption": 7,
            "billing_account": {"$relation": [link]},
        },
        account={"external_id": "200000000007"},
        activity={
            "_id": "01ACT",
            "type": "EntityUpdated",
            "operations": [
                {"entity": "other", "diff": {"updated": {"tariff": "wrong"}}},
                {"entity": "c-1", "diff": {"updated": {"tariff": "alt", "_updated_at": "t"}}},
            ],
        },
    )


def _findings(*differences: str) -> Findings:
    failed = Ending(Status.ERROR, "MALFORMED_PAYLOAD")
    return Findings(
        endings=Counter({Ending(): 3_000, failed: 7}),
        entities=Counter({"contract": 1_698}),
        failures={failed: "The payload ends too early at line 1."},
        differences=differences,
    )


def test_the_report_explains_outcomes_and_one_events_way(dataset: Dataset) -> None:
    posted = Posted(accept_seconds=0.5, total_seconds=2.0, arrival=arrival(), arrival_seconds=0.03)
    text = report(dataset, posted, _findings(), _story(dataset))
    rows = [" ".join(line.split()) for line in text.splitlines()]
    assert "success 3,000 applied" in rows
    assert "contract 1,698" in rows
    assert '  tariff              "alt" became "neu"' in text
    assert "relation billing_account, PAYER: 200000000007" in rows
    assert "7 error MALFORMED_PAYLOAD" in rows
    assert "signatures verified (v1a, v1)" in rows
    assert "arrived 30 ms after the ERP sent the event" in rows
    assert 'body {"contract": "V1", "previousTariff": "A", "tariff": "B"}' in rows
    assert "The payload ends too early at line 1." in rows
    assert any(row.startswith(f"accepted {len(dataset) / 0.5:,.0f} events/s") for row in rows)
    assert any(row.startswith(f"end to end {len(dataset) / 2:,.0f} events/s") for row in rows)
    assert "ended as they must" in text
    assert all(len(line) <= 100 for line in text.splitlines())


def test_the_report_lists_what_differs(dataset: Dataset) -> None:
    text = report(dataset, Posted(accept_seconds=1, total_seconds=1), _findings("a: 1, not 2"),
                  _story(dataset))  # fmt: skip
    assert "1 difference between what must be and what is:\n  a: 1, not 2" in text
    assert "It never came." in text
    assert "ended as they must" not in text


def test_the_calls_hold_the_real_address_and_key(dataset: Dataset) -> None:
    text = next_calls(Served("http://127.0.0.1:1234", "tl_abc"), "int-1", _story(dataset))
    assert "TIELINE=http://127.0.0.1:1234\nKEY=tl_abc\n" in text
    assert "$TIELINE/entity/v1/entity/contract/c-1/activity" in text
    assert "integrations/int-1/monitoring/inbound-events" in text
    assert "integrations/int-1/events/replay" in text
