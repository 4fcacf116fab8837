"""A receiver takes deliveries over HTTP, remembers messages, and answers as it rehearses."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.kit import json
from tieline.receiving.errors import InvalidRehearsal
from tieline.receiving.models import Answer, Delivery, Verdict, Verification
from tieline.receiving.receiver import LARGEST_BODY, Receiver, event_name, receiving
from tieline.receiving.rehearsal import Rehearsal
from tieline.receiving.showing import Tally, delivery_document, delivery_text


@pytest.fixture
async def received() -> list[Delivery]:
    return []


@pytest.fixture
async def url(received: list[Delivery]) -> AsyncIterator[str]:
    receiver = Receiver(received.append, rehearsal=Rehearsal(fail_first=1, status=503))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with receiving(receiver, listener):
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_it_takes_deliveries_and_knows_a_message_again(
    url: str, received: list[Delivery]
) -> None:
    headers = {"Webhook-Id": "msg_1", "X-Webhook-Attempt": "1"}
    async with httpx.AsyncClient() as client:
        first = await client.post(f"{url}/hooks/a", json={"_event_name": "A"}, headers=headers)
        headers["X-Webhook-Attempt"] = "2"
        second = await client.post(f"{url}/hooks/a", json={"_event_name": "A"}, headers=headers)
        third = await client.put(url, content=b"other", headers=headers)

    assert [answer.status_code for answer in (first, second, third)] == [503, 200, 200]
    assert [(each.method, each.path) for each in received[:2]] == [("POST", "/hooks/a")] * 2
    assert [each.event_name for each in received] == ["A", "A", None]
    assert [each.attempt for each in received] == [1, 2, 2]
    assert [(each.earlier, each.changed) for each in received] == [
        (0, False),
        (1, False),
        (2, True),
    ]


async def test_a_body_without_bounds_is_not_kept(url: str, received: list[Delivery]) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.post(url, content=b"0" * (LARGEST_BODY + 1))

    assert answer.status_code == 413
    assert received == []


@pytest.mark.parametrize("status", [204, 304, 500])
async def test_any_status_can_be_answered(status: int) -> None:
    receiver = Receiver(lambda _delivery: None, rehearsal=Rehearsal(status))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with receiving(receiver, listener), httpx.AsyncClient() as client:
            answer = await client.post(f"http://127.0.0.1:{listener.getsockname()[1]}")

    assert answer.status_code == status


# --- rehearsals


def test_without_a_failure_all_get_the_same() -> None:
    assert Rehearsal().answer(0, lambda: 0.0) == Answer(200)
    assert Rehearsal(404, 1.5).answer(9, lambda: 0.0) == Answer(404, 1.5)


def test_a_share_fails_and_so_do_the_first_attempts() -> None:
    rate = Rehearsal(fail_rate=0.3)
    first = Rehearsal(429, fail_first=2)

    assert [rate.answer(0, lambda each=chance: each).status for chance in (0.29, 0.3)] == [500, 200]
    assert [first.answer(earlier, lambda: 0.0).status for earlier in range(4)] == [
        *(429, 429, 200, 200)
    ]


@pytest.mark.parametrize(
    ("wrong", "option"),
    [
        ({"status": 199}, "--status"),
        ({"status": 600}, "--status"),
        ({"delay": -1.0}, "--delay"),
        ({"delay": float("nan")}, "--delay"),
        ({"delay": 601.0}, "--delay"),
        ({"fail_rate": 1.1}, "--fail-rate"),
        ({"fail_first": -1}, "--fail-first"),
        ({"fail_first": 1, "status": 200}, "--status"),
    ],
)
def test_what_cannot_be_rehearsed_is_named(wrong: dict[str, Any], option: str) -> None:
    with pytest.raises(InvalidRehearsal, match=option):
        Rehearsal(**wrong)


# --- what is shown


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ({"_event_name": "A", "metadata": {"event_name": "B"}}, "A"),
        ({"metadata": {"event_name": "B"}}, "B"),
        ({"_event_name": 1, "metadata": "x"}, None),
        (["A"], None),
    ],
)
def test_the_name_of_an_event_is_where_tieline_puts_it(content: Any, name: str | None) -> None:
    assert event_name(json.dumps(content)) == name


def test_a_body_that_is_no_json_has_no_event() -> None:
    assert event_name(b"\xff{") is None
    assert event_name(b"[" * 100_000) is None


def delivery(body: bytes = b"", **different: Any) -> Delivery:
    usual: dict[str, Any] = {
        "at": datetime(2026, 3, 1, tzinfo=UTC),
        "method": "POST",
        "path": "/x",
        "headers": {"authorization": "Bearer hunter2hunter2"},
        "body": body,
        "message_id": "msg_1",
        "attempt": 2,
        "event_name": "OrderSubmission",
        "verification": Verification(Verdict.VERIFIED, ("v1a", "v1")),
        "answer": Answer(500, 1.5),
    }
    return Delivery(**usual | different)


def test_a_line_says_what_came_and_the_body_follows() -> None:
    head, *body = delivery_text(delivery(b'{"a":{"b":1.10}}', earlier=1)).splitlines()

    assert "OrderSubmission  msg_1  attempt 2  verified (v1a, v1)" in head
    assert head.endswith("came once before, same bytes  -> 500 after 1.5 s")
    assert body == ["    {", '      "a": {', '        "b": 1.10', "      }", "    }"]


def test_long_bodies_are_cut() -> None:
    assert len(delivery_text(delivery(json.dumps(list(range(1000))))).splitlines()) == 62
    assert "200,001 bytes" in delivery_text(delivery(b"0" * 200_001))
    assert len(delivery_text(delivery(b"x" * 5_000))) < 700


@given(st.binary(max_size=200), st.text(max_size=20), st.text(max_size=20))
def test_nothing_that_a_terminal_would_obey_is_shown(body: bytes, name: str, path: str) -> None:
    text = delivery_text(delivery(body, event_name=name, path=path, message_id=path))

    assert all(char.isprintable() for line in text.split("\n") for char in line)


def test_the_document_has_no_headers_but_says_all_else() -> None:
    refused = Verification(Verdict.REFUSED, reason="no signature of v1 fits the secret")
    document = delivery_document(delivery(b"no json \x1b", verification=refused, attempt=None))

    assert "hunter2" not in json.dumps_str(document)
    assert document["verification"] == "refused"
    assert document["reason"] == "no signature of v1 fits the secret"
    assert document["body"] == "no json \x1b"
    assert delivery_document(delivery(b'{"n":1}'))["body"] == {"n": 1}
    assert delivery_document(delivery())["body"] is None


@pytest.mark.parametrize(
    ("deliveries", "well", "words"),
    [
        ([], True, "Nothing came."),
        ([delivery()], True, "1 delivery of 1 message: 1 verified. Answered: 500 x 1."),
        ([delivery(), delivery(earlier=1)], True, "2 deliveries of 1 message: 2 verified."),
        ([delivery(message_id=None)] * 2, True, "2 deliveries of 2 messages"),
        ([delivery(changed=True)], False, "1 delivery had other bytes"),
        ([delivery(verification=Verification(Verdict.REFUSED))], False, "1 NOT VERIFIED"),
        ([delivery(verification=Verification(Verdict.UNCHECKED))], True, "1 not checked"),
    ],
)
def test_at_the_end_all_is_counted(deliveries: list[Delivery], well: bool, words: str) -> None:
    tally = Tally()
    for each in deliveries:
        tally.add(each)

    assert tally.all_is_well is well
    assert words in tally.text()


def test_a_word_for_each_verdict() -> None:
    shown: Callable[[Verification], str] = lambda each: delivery_text(delivery(verification=each))  # noqa: E731

    assert "NOT VERIFIED: stale" in shown(Verification(Verdict.REFUSED, reason="stale"))
    assert "not checked: no key" in shown(Verification(Verdict.UNCHECKED, reason="no key"))
