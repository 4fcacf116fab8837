"""What the end of an attempt means."""

from __future__ import annotations

import pytest

from tieline.egress.errors import AddressRefused, ResponseTooLarge, TimedOut, Unreachable
from tieline.kit.errors import TielineError, Unprocessable
from tieline.outbound.deliveries.verdicts import SUCCESS, Blame, Outcome, of_error, of_status


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_is_a_success(status: int) -> None:
    assert of_status(status) == SUCCESS


@pytest.mark.parametrize(
    ("status", "blame", "words"),
    [
        (101, Blame.MESSAGE, "Redirects are not followed"),
        (302, Blame.MESSAGE, "302 Found. Redirects are not followed"),
        (400, Blame.MESSAGE, "400 Bad Request. Look at its answer"),
        (404, Blame.MESSAGE, "Check the address"),
        (408, Blame.ENDPOINT, "too slow"),
        (410, Blame.GONE, "switched off"),
        (429, Blame.ENDPOINT, "rate limit"),
        (500, Blame.ENDPOINT, "500 Internal Server Error. Look at its own log"),
        (599, Blame.ENDPOINT, "answered 599. "),
    ],
)
def test_everything_else_is_a_failure_with_a_reason(status: int, blame: Blame, words: str) -> None:
    verdict = of_status(status)

    assert (verdict.outcome, verdict.blame) == (Outcome.FAILED, blame)
    assert verdict.code == f"HTTP_{status}"
    assert words in (verdict.reason or "")


@pytest.mark.parametrize(
    ("error", "blame"),
    [
        (TimedOut("It is slow."), Blame.ENDPOINT),
        (Unreachable("It is down."), Blame.ENDPOINT),
        (ResponseTooLarge("It says too much."), Blame.MESSAGE),
        (AddressRefused("It is inside."), Blame.OURSELVES),
        (Unprocessable("A variable is missing."), Blame.OURSELVES),
    ],
)
def test_a_failed_exchange_keeps_its_code_and_words(error: TielineError, blame: Blame) -> None:
    verdict = of_error(error)

    assert (verdict.outcome, verdict.blame) == (Outcome.FAILED, blame)
    assert (verdict.code, verdict.reason) == (error.code, error.message)
