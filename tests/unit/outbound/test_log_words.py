"""The words of the log: states, next steps, answers, the ids of leases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from tieline.kit.ids import new_uuid
from tieline.outbound.dead_letters.documents import filter_document
from tieline.outbound.dead_letters.models import LetterFilter
from tieline.outbound.dead_letters.next_steps import next_step
from tieline.outbound.deliveries.models import DeliveryKind, DeliveryState
from tieline.outbound.log.documents import delivery_document
from tieline.outbound.log.models import LoggedDelivery, LogStatus
from tieline.outbound.pulling.models import LeaseId


def test_every_state_has_a_word_of_the_log() -> None:
    assert {state: LogStatus.of(state) for state in DeliveryState} == {
        DeliveryState.PENDING: LogStatus.IN_PROGRESS,
        DeliveryState.SUCCEEDED: LogStatus.SUCCEEDED,
        DeliveryState.FAILED: LogStatus.FAILED,
        DeliveryState.SKIPPED: LogStatus.SKIPPED,
        DeliveryState.CANCELLED: LogStatus.FAILED,
    }


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("HTTP_401", "authentication"),
        ("HTTP_302", "redirects"),
        ("HTTP_418", "correct the mapping"),
        ("HTTP_503", "Wait until the receiver works"),
        ("EGRESS_ADDRESS_REFUSED", "allowed"),
        ("MAPPING_EXPRESSION_FAILED", "trigger the event anew"),
        ("EGRESS_RESPONSE_TOO_LARGE", "may have taken it"),
        ("UNRESOLVED_VARIABLE", "Create the environment variable"),
        ("SOMETHING_ELSE", "or discard it"),
    ],
)
def test_every_error_has_a_next_step(code: str, words: str) -> None:
    assert words in next_step(code)


def test_the_id_of_a_lease_survives_its_text() -> None:
    found = LeaseId(new_uuid(), uuid4())
    assert LeaseId.parse(str(found)) == found


SOME_ID = "0d9f3c1e-2f6a-4b5c-9d7e-112233445566"


@pytest.mark.parametrize("text", ["", "x", ".", SOME_ID, f"{SOME_ID}.", f"{SOME_ID}.x"])
def test_another_text_is_no_id_of_a_lease(text: str) -> None:
    assert LeaseId.parse(text) is None


def logged(**different: Any) -> LoggedDelivery:
    now = datetime(2026, 1, 31, 8, tzinfo=UTC)
    usual: dict[str, Any] = {
        **dict.fromkeys(LoggedDelivery.__struct_fields__),
        **{"id": new_uuid(), "org_id": "org", "created_at": now, "webhook_id": uuid4()},
        **{"kind": DeliveryKind.EVENT, "state": DeliveryState.FAILED, "metadata": {}},
        **{"error_code": "HTTP_500", "body": b"{}", "attempts": 1, "round": 1},
    }
    return LoggedDelivery(**{**usual, **different})


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (None, None),
        (b"", None),
        (b'{"error": "busy"}', {"error": "busy"}),
        (b"[1]", {"text": "[1]"}),
        (b"<html>", {"text": "<html>"}),
        (b"\xff", {"text": "\ufffd"}),
        (b"[" * 5_000, {"text": "[" * 5_000}),
    ],
)
def test_an_answer_is_always_an_object(body: bytes | None, shown: Any) -> None:
    document = delivery_document(logged(response_body=body))
    assert document["http_response"].get("body") == shown


def test_what_was_never_rendered_has_no_payload() -> None:
    assert "payload" not in delivery_document(logged(body=None))


def test_of_many_ids_the_audit_log_gets_the_first_and_their_number() -> None:
    ids = tuple(UUID(int=n) for n in range(150))
    document = filter_document(LetterFilter(delivery_ids=ids, event_name="Changed"))
    assert len(document["delivery_ids"]) == 100
    assert (document["delivery_count"], document["event_name"]) == (150, "Changed")
    assert filter_document(LetterFilter(delivery_ids=ids[:2])) == {
        "delivery_ids": [str(ids[0]), str(ids[1])]
    }
