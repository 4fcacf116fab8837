"""What a broken ERP may send: each has a clear outcome, nothing is lost, and later events apply."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

EVENTS = "/erp-integration/v3/erp/updates/events"
MONITORING = "/erp-integration/v1/integrations/{}/monitoring/inbound-events"
BILLION_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">'
    + "".join(f'<!ENTITY lol{n} "{f"&lol{n - 1 or str()};" * 10}">' for n in range(1, 10))
    + "]><Partner><id>&lol9;</id></Partner>"
)
QUADRATIC = (
    f'<!DOCTYPE b [<!ENTITY a "{"x" * 50_000}">]><Partner><id>{"&a;" * 50_000}</id></Partner>'
)
EXTERNAL = '<!DOCTYPE f [<!ENTITY x SYSTEM "file:///etc/passwd">]><Partner><id>&x;</id></Partner>'
REMOTE_DTD = '<!DOCTYPE f SYSTEM "http://127.0.0.1:9/x.dtd"><Partner><id>1</id></Partner>'
DEEP_XML = "<a>" * 50_000 + "</a>" * 50_000

CUSTOMERS = {
    "entities": [
        {
            "entity_schema": "customer",
            "unique_ids": ["number"],
            "fields": [
                {"attribute": "number", "field": "id"},
                {"attribute": "name", "field": "name"},
                {"attribute": "copied", "field": "$.amount"},
                {"attribute": "computed", "jsonataExpression": "amount"},
            ],
        }
    ]
}
PARTNERS = {
    "entities": [
        {
            "entity_schema": "customer",
            "unique_ids": ["number"],
            "fields": [{"attribute": "number", "field": "$.Partner.id"}],
        }
    ]
}
LINES = {
    "entities": [
        {
            "entity_schema": "line",
            "unique_ids": ["number"],
            "jsonataExpression": "lines",
            "fields": [
                {"attribute": "number", "field": "no"},
                {"attribute": "amount", "jsonataExpression": "$number(amount)"},
            ],
        }
    ]
}


class Erp:
    """An ERP that sends events, and the operator who looks what became of them."""

    def __init__(self, client: httpx.AsyncClient, integration: str) -> None:
        self.client = client
        self.integration = integration

    async def post(self, *payloads: Any, slug: str = "customers", **different: Any) -> list[Any]:
        """The receipts of events with these payloads."""
        event = {"use_case_slug": slug, "timestamp": "2026-01-31T08:00:00Z", "format": "json"}
        events = [{**event, "payload": payload, **different} for payload in payloads]
        return await self.post_raw(
            json.dumps({"integration_id": self.integration, "events": events}).encode()
        )

    async def post_raw(self, body: bytes) -> list[Any]:
        answer = await self.client.post(EVENTS, content=body)
        assert answer.status_code == 200, answer.text
        found: list[Any] = answer.json()["results"]
        return found

    def body(self, payload: bytes, **different: Any) -> bytes:
        """A request with the very bytes of a payload."""
        event = {"use_case_slug": "customers", "timestamp": "2026-01-31T08:00:00Z", **different}
        text = json.dumps({"integration_id": self.integration, "events": [event]}).encode()
        return text.removesuffix(b"}]}") + b', "payload": ' + payload + b"}]}"

    async def outcome(self, receipt: Any) -> Any:
        """What became of an event, as monitoring tells."""
        assert receipt["status"] in ("success", "ignored"), receipt
        for _ in range(1000):
            answer = await self.client.post(
                MONITORING.format(self.integration), json={"event_id": receipt["event_id"]}
            )
            if answer.json()["data"]:
                [found] = answer.json()["data"]
                return found
            await asyncio.sleep(0.02)
        raise AssertionError("the event reached no terminal state")

    async def count(self, query: str) -> int:
        answer = await self.client.post("/entity/v1/entity:search", json={"q": query})
        hits: int = answer.json()["hits"]
        return hits

    async def find(self, number: Any) -> str:
        """The customer of that number, as the very text of the answer."""
        query = f'_schema:customer AND number:"{number}"'
        answer = await self.client.post("/entity/v1/entity:search", json={"q": query})
        assert answer.json()["hits"] == 1, answer.text
        entity_id = answer.json()["results"][0]["_id"]
        return (await self.client.get(f"/entity/v2/entity/customer/{entity_id}")).text

    async def goes_on(self) -> None:
        """The next event of the integration is applied."""
        [receipt] = await self.post({"id": "next", "name": "Next"})
        assert (await self.outcome(receipt))["status"] == "success"
        assert '"name":"Next"' in await self.find("next")


@pytest.fixture
async def erp(client: httpx.AsyncClient) -> Erp:
    configurations = {"customers": CUSTOMERS, "partners": PARTNERS, "lines": LINES}
    use_cases = [
        {
            "name": slug,
            "slug": slug,
            "type": "inbound",
            "enabled": True,
            "configuration": configuration,
        }
        for slug, configuration in configurations.items()
    ]
    answer = await client.post(
        "/erp-integration/v2/integrations", json={"name": "Broken ERP", "use_cases": use_cases}
    )
    assert answer.status_code == 201, answer.text
    return Erp(client, answer.json()["id"])


@pytest.mark.parametrize(
    "xml",
    [BILLION_LAUGHS, QUADRATIC, EXTERNAL, REMOTE_DTD, DEEP_XML, "<Partner><id>1</Partner>", "  "],
    ids=["laughs", "quadratic", "external", "dtd", "deep", "unclosed", "blank"],
)
async def test_an_xml_bomb_does_not_go_off(erp: Erp, xml: str) -> None:
    [receipt] = await erp.post(xml, slug="partners", format="xml")

    outcome = await erp.outcome(receipt)

    assert (outcome["status"], outcome["error_code"]) == ("error", "MALFORMED_PAYLOAD")
    assert outcome["error_category"] == "validation"
    assert "root:" not in outcome["error_message"]
    assert len(outcome["error_message"]) < 1000
    assert await erp.count("_schema:customer") == 0
    await erp.goes_on()


async def test_the_encoding_that_xml_claims_has_no_meaning_where_it_is_text(erp: Erp) -> None:
    xml = '<?xml version="1.0" encoding="utf-16"?><Partner><id>Ä1</id></Partner>'

    [receipt] = await erp.post(xml, slug="partners", format="xml")

    assert (await erp.outcome(receipt))["status"] == "success"
    assert await erp.find("Ä1")


async def test_a_byte_order_mark_before_json_has_no_meaning(erp: Erp) -> None:
    [receipt] = await erp.post_raw(erp.body('"\ufeff{\\"id\\": \\"B1\\"}"'.encode()))

    assert (await erp.outcome(receipt))["status"] == "success"
    assert await erp.find("B1")


async def test_an_object_with_bytes_that_are_no_text_fails_alone(erp: Erp) -> None:
    [bad] = await erp.post_raw(erp.body(b'{"id": "\xff\xfe"}'))

    outcome = await erp.outcome(bad)

    assert (outcome["status"], outcome["error_code"]) == ("error", "MALFORMED_PAYLOAD")
    assert await erp.count("_schema:customer") == 0
    await erp.goes_on()


async def test_a_text_with_bytes_that_are_none_is_refused(erp: Erp) -> None:
    [refused] = await erp.post_raw(erp.body(b'"{\\"id\\": \\"\xc3\\"}"'))

    assert refused["status"] == "error"
    assert refused["message"].startswith("payload: is no UTF-8")
    await erp.goes_on()


async def test_a_name_with_bytes_that_are_no_text_is_refused(erp: Erp) -> None:
    body = erp.body(b'{"id": 1}').replace(b'"customers"', b'"customers\xff"')

    [refused] = await erp.post_raw(body)

    assert refused["status"] == "error"
    assert "utf-8" in refused["message"]
    await erp.goes_on()


@pytest.mark.parametrize("half", [rb"\ud800", rb"\udc00x", rb"\uD83D\u0041"])
async def test_half_a_character_in_an_object_refuses_the_request_and_says_why(
    erp: Erp, half: bytes
) -> None:
    answer = await erp.client.post(EVENTS, content=erp.body(b'{"id": "' + half + b'"}'))

    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")
    assert half[:6].decode() in answer.json()["message"]
    await erp.goes_on()


async def test_half_a_character_in_a_text_fails_alone(erp: Erp) -> None:
    bad, good = await erp.post(r'{"id": "\udc00x"}', {"id": "good"})

    assert (await erp.outcome(bad))["error_code"] == "MALFORMED_PAYLOAD"
    assert (await erp.outcome(good))["status"] == "success"


async def test_a_request_of_ten_megabytes_is_taken_and_a_larger_one_refused(erp: Erp) -> None:
    large = {"name": "x" * 1_900_000}
    receipts = await erp.post(*({"id": f"L{n}", **large} for n in range(5)))

    outcomes = [await erp.outcome(receipt) for receipt in receipts]

    assert {outcome["status"] for outcome in outcomes} == {"success"}
    answer = await erp.client.post(EVENTS, content=b" " * 10_000_001)
    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")
    await erp.goes_on()


@pytest.mark.parametrize("size", [2_000_001, 9_000_000])
async def test_a_payload_beyond_the_limit_costs_only_itself(erp: Erp, size: int) -> None:
    refused, accepted = await erp.post({"id": "x" * size}, {"id": "small"})

    assert refused["status"] == "error"
    assert refused["message"].startswith("payload:")
    assert "2000000" in refused["message"]
    assert (await erp.outcome(accepted))["status"] == "success"


DEEP = '{"id": "deep", "x": ' + "[" * 101 + "]" * 101 + "}"
DEEPER = DEEP.replace("[", "[" * 1000).replace("]", "]" * 1000)


@pytest.mark.parametrize(
    "payload",
    [DEEP.encode(), json.dumps(DEEP).encode(), json.dumps(DEEPER).encode()],
    ids=["object", "text", "deeper text"],
)
async def test_deep_json_costs_only_itself(erp: Erp, payload: bytes) -> None:
    [refused] = await erp.post_raw(erp.body(payload))

    assert refused["status"] == "error"
    assert refused["message"] == "payload: is nested deeper than 100 levels."
    await erp.goes_on()


async def test_a_request_that_cannot_be_read_for_its_depth_is_refused(erp: Erp) -> None:
    answer = await erp.client.post(EVENTS, content=erp.body(DEEPER.encode()))

    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")
    assert "depth" in answer.json()["message"]
    await erp.goes_on()


@pytest.mark.parametrize("as_text", [True, False])
async def test_of_a_key_that_is_there_twice_the_last_value_counts_everywhere(
    erp: Erp, as_text: bool
) -> None:
    text = '{"id": "wrong", "amount": 1, "id": "twice", "amount": 2, "name": "N"}'
    [receipt] = await erp.post_raw(
        erp.body(json.dumps(text).encode() if as_text else text.encode())
    )

    assert (await erp.outcome(receipt))["status"] == "success"
    found = json.loads(await erp.find("twice"))
    assert (found["copied"], found["computed"]) == (2, 2)


async def test_a_key_of_an_event_that_is_there_twice_counts_with_its_last_value(erp: Erp) -> None:
    body = erp.body(b'{"id": "first"}').removesuffix(b"}]}") + b', "payload": {"id": "last"}}]}'

    [receipt] = await erp.post_raw(body)

    assert (await erp.outcome(receipt))["status"] == "success"
    assert await erp.find("last")


@pytest.mark.parametrize(
    "number",
    ["9007199254740993", "-9007199254740993", "123456789012345678901234567890", "0.1000"],
)
async def test_a_number_that_is_copied_keeps_every_digit(erp: Erp, number: str) -> None:
    payload = f'{{"id": "n", "amount": {number}}}'.encode()
    [receipt] = await erp.post_raw(erp.body(payload))

    assert (await erp.outcome(receipt))["status"] == "success"
    assert f'"copied":{number},' in await erp.find("n")


async def test_a_number_beyond_all_bounds_fails_alone(erp: Erp) -> None:
    bad, good = await erp.post('{"id": "n", "amount": 1e99999}', {"id": "good"})

    outcome = await erp.outcome(bad)

    assert (outcome["status"], outcome["error_code"]) == ("error", "MALFORMED_PAYLOAD")
    assert (await erp.outcome(good))["status"] == "success"


@pytest.mark.parametrize(
    "moment",
    [
        "2026-02-30T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "31.01.2026",
        "2026-01-31T25:00:00Z",
        "",
        1767225600,
        None,
        {"date": "2026-01-31"},
        "2026-01-31T08:00:00+99:00",
    ],
)
async def test_a_malformed_date_costs_only_its_event(erp: Erp, moment: Any) -> None:
    [bad] = await erp.post({"id": "bad"}, timestamp=moment)

    assert bad["status"] == "error"
    assert bad["message"].startswith("timestamp:")
    await erp.goes_on()
    assert await erp.count("_schema:customer") == 1


async def test_the_good_half_of_a_batch_is_applied(erp: Erp) -> None:
    payloads: list[Any] = []
    for number in range(20):
        payloads += [{"id": f"H{number}"}, ['{"id": ', '{"name": "nobody"}'][number % 2]]

    outcomes = [await erp.outcome(receipt) for receipt in await erp.post(*payloads)]

    assert [o["status"] for o in outcomes] == ["success", "error"] * 20
    codes = [o["error_code"] for o in outcomes[1::2]]
    assert codes == ["MALFORMED_PAYLOAD", "MISSING_UNIQUE_IDENTIFIERS"] * 10
    assert all(o["error_message"] for o in outcomes[1::2])
    assert await erp.count("_schema:customer") == 20


async def test_an_unknown_slug_is_kept_and_found_in_monitoring(erp: Erp) -> None:
    [receipt] = await erp.post({"id": "u"}, slug="unheard-of")

    assert receipt["status"] == "ignored"
    outcome = await erp.outcome(receipt)
    assert (outcome["status"], outcome["error_code"]) == ("skipped", "EVENT_NOT_CONFIGURED")
    assert "unheard-of" in outcome["error_message"]
    url = f"/erp-integration/v1/integrations/{erp.integration}/events"
    [stored] = (await erp.client.post(url, json={})).json()["data"]
    assert (stored["event_id"], stored["use_case_slug"]) == (receipt["event_id"], "unheard-of")
    await erp.goes_on()


def lines(prefix: str, wrong: int | None = None) -> dict[str, Any]:
    """A payload of a thousand lines, one of which may have an amount that is none."""
    return {
        "lines": [
            {"no": f"{prefix}{n}", "amount": "many" if n == wrong else str(n)} for n in range(1000)
        ]
    }


async def test_an_expression_that_fails_on_one_item_of_a_thousand_applies_none_of_them(
    erp: Erp,
) -> None:
    [bad] = await erp.post(lines("a", wrong=617), slug="lines")
    [good] = await erp.post(lines("b"), slug="lines")

    outcome = await erp.outcome(bad)

    assert (outcome["status"], outcome["error_code"]) == ("error", "MAPPING_EXPRESSION_FAILED")
    assert '"amount"' in outcome["error_message"]
    assert outcome["error_message"].startswith("In item [617] of 1000: ")
    assert '"many"' in outcome["error_message"]
    assert (await erp.outcome(good))["status"] == "success"
    assert await erp.count("_schema:line") == 1000
    await erp.goes_on()


async def test_one_bad_event_of_a_thousand_fails_alone(erp: Erp) -> None:
    receipts: list[Any] = []
    for start in range(0, 1000, 100):
        batch = [
            {"lines": [{"no": n, "amount": "many" if n == 617 else n}]}
            for n in range(start, start + 100)
        ]
        receipts += await erp.post(*batch, slug="lines")

    assert (await erp.outcome(receipts[617]))["error_code"] == "MAPPING_EXPRESSION_FAILED"
    assert (await erp.outcome(receipts[-1]))["status"] == "success"
    assert await erp.count("_schema:line") == 999
