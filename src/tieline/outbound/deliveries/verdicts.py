"""What the end of an attempt means for the delivery, and for the webhook."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from tieline.egress.errors import EgressError, ResponseTooLarge
from tieline.kit.errors import TielineError


class Outcome(StrEnum):
    """How an attempt ended, as the log has it."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"  # whoever sent it never told: it may or may not have arrived


class Blame(StrEnum):
    """Where the cause of an outcome lies."""

    NOBODY = "nobody"  # it succeeded
    ENDPOINT = "endpoint"  # it cannot be reached, is too slow, or says that it has a problem
    MESSAGE = "message"  # the endpoint works, and refuses what it got
    GONE = "gone"  # the endpoint wants no messages any more
    OURSELVES = "ourselves"  # nobody was asked: a secret is missing, an address not allowed


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an attempt ended and why: `code` and `reason` are None for a success."""

    outcome: Outcome
    blame: Blame
    code: str | None = None
    reason: str | None = None


SUCCESS = Verdict(Outcome.SUCCEEDED, Blame.NOBODY)
LOST = Verdict(
    Outcome.LOST,
    Blame.OURSELVES,
    "ATTEMPT_LOST",
    "The process that sent it ended without telling how it went: it may or may not have arrived. "
    "It is sent again.",
)
INTERRUPTED = Verdict(
    Outcome.LOST,
    Blame.OURSELVES,
    "ATTEMPT_INTERRUPTED",
    "Tieline was stopped before the receiver had answered: it may or may not have arrived. It is "
    "sent again.",
)

_ADVICE = {
    401: "Check the authentication of the webhook.",
    403: "Check the authentication of the webhook.",
    404: "Check the address of the webhook.",
    405: "Check the address and the method of the webhook.",
    408: "The receiver is too slow.",
    413: "The receiver takes no messages of this size.",
    429: "The receiver wants fewer at once: give the webhook a rate limit.",
}


def of_status(status: int) -> Verdict:
    """The verdict on an answer with this status."""
    if 200 <= status < 300:
        return SUCCESS
    words = f"The receiver answered {status}{_phrase(status)}. {_advice(status)}"
    return Verdict(Outcome.FAILED, _blame(status), f"HTTP_{status}", words)


def of_error(error: TielineError) -> Verdict:
    """The verdict on an exchange that failed, or on a request that could not be made."""
    reached = isinstance(error, EgressError) and error.http_status >= 500
    if isinstance(error, ResponseTooLarge):
        blame = Blame.MESSAGE
    else:
        blame = Blame.ENDPOINT if reached else Blame.OURSELVES
    return Verdict(Outcome.FAILED, blame, error.code, error.message)


def _blame(status: int) -> Blame:
    if status == HTTPStatus.GONE:
        return Blame.GONE
    if status >= 500 or status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT):
        return Blame.ENDPOINT
    return Blame.MESSAGE


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def _advice(status: int) -> str:
    if status in _ADVICE:
        return _ADVICE[status]
    if status == HTTPStatus.GONE:
        return "It wants no messages any more, and its webhook is switched off."
    if status >= 500:
        return "Look at its own log."
    if status >= 400:
        return "Look at its answer for what it misses."
    return "Redirects are not followed: give the webhook the final address."
