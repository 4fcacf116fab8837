"""A delivery as its receiver sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Verdict(StrEnum):
    """What the signatures of a delivery say."""

    VERIFIED = "verified"
    REFUSED = "refused"
    UNCHECKED = "unchecked"  # there is nothing to check them with


@dataclass(frozen=True, slots=True)
class Verification:
    """The verdict; `schemes` are those that were checked and fit, `reason` why it is no better."""

    verdict: Verdict
    schemes: tuple[str, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """How a delivery is answered: with `status`, after `delay` seconds."""

    status: int
    delay: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A request that came.

    Names of headers are in lower case. `earlier` is how often the same message came before, and
    `changed` whether its bytes were others then. `event_name` is what the body says, if it does.
    """

    at: datetime
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    message_id: str | None
    attempt: int | None
    event_name: str | None
    verification: Verification
    answer: Answer
    earlier: int = 0
    changed: bool = False
