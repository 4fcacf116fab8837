"""Deliveries as text for a terminal and as JSON for programs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tieline.kit import json
from tieline.kit.time import to_wire
from tieline.receiving.models import Delivery, Verdict

_MOST_LINES = 60
_LONGEST_LINE = 400
_LONGEST_TEXT = 100_000  # of a body that is shown as JSON or as text


def delivery_text(delivery: Delivery) -> str:
    """A line that says what came and how it was answered, and the body below it."""
    parts = [
        f"{delivery.at:%H:%M:%S}.{delivery.at.microsecond // 1000:03}",
        delivery.event_name or f"{delivery.method} {delivery.path}",
        delivery.message_id or "without webhook-id",
    ]
    if delivery.attempt is not None:
        parts.append(f"attempt {delivery.attempt}")
    parts.append(verification_text(delivery))
    if delivery.earlier:
        parts.append(again(delivery))
    parts.append(f"-> {delivery.answer.status}{_after(delivery.answer.delay)}")
    return "\n".join(["  ".join(plain(part) for part in parts), *_body_lines(delivery.body)])


def verification_text(delivery: Delivery) -> str:
    """What its signatures say, in words."""
    verification = delivery.verification
    match verification.verdict:
        case Verdict.VERIFIED:
            return f"verified ({', '.join(verification.schemes)})"
        case Verdict.REFUSED:
            return f"NOT VERIFIED: {verification.reason}"
        case Verdict.UNCHECKED:
            return f"not checked: {verification.reason}"


def again(delivery: Delivery) -> str:
    """That the message came before, and whether it is the same."""
    times = "once" if delivery.earlier == 1 else f"{delivery.earlier} times"
    return f"came {times} before, {'WITH OTHER BYTES' if delivery.changed else 'same bytes'}"


def delivery_document(delivery: Delivery) -> dict[str, Any]:
    """A delivery as JSON; of its headers only those that concern the delivery."""
    return {
        "received_at": to_wire(delivery.at),
        "method": delivery.method,
        "path": delivery.path,
        "event_name": delivery.event_name,
        "webhook_id": delivery.message_id,
        "attempt": delivery.attempt,
        "verification": delivery.verification.verdict,
        "schemes": delivery.verification.schemes,
        "reason": delivery.verification.reason,
        "earlier": delivery.earlier,
        "same_bytes": not delivery.changed,
        "status": delivery.answer.status,
        "body": _content(delivery.body),
    }


@dataclass
class Tally:
    """What came in all."""

    deliveries: int = 0
    messages: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    changed: int = 0

    def add(self, delivery: Delivery) -> None:
        """Count a delivery."""
        self.deliveries += 1
        self.messages += delivery.earlier == 0
        self.verdicts[delivery.verification.verdict] += 1
        self.statuses[delivery.answer.status] += 1
        self.changed += delivery.changed

    @property
    def all_is_well(self) -> bool:
        """Whether no signature failed, and no message came again with other bytes."""
        return not self.verdicts[Verdict.REFUSED] and not self.changed

    def text(self) -> str:
        """A sentence for each thing that is worth knowing."""
        if not self.deliveries:
            return "Nothing came."
        verdicts = ", ".join(
            f"{self.verdicts[verdict]} {word}"
            for verdict, word in (
                (Verdict.VERIFIED, "verified"),
                (Verdict.REFUSED, "NOT VERIFIED"),
                (Verdict.UNCHECKED, "not checked"),
            )
            if self.verdicts[verdict]
        )
        statuses = ", ".join(
            f"{status} x {count}" for status, count in sorted(self.statuses.items())
        )
        lines = [
            f"{_count(self.deliveries, 'delivery', 'deliveries')} of "
            f"{_count(self.messages, 'message', 'messages')}: {verdicts}. "
            f"Answered: {statuses}."
        ]
        if self.changed:
            came = _count(self.changed, "delivery", "deliveries")
            lines.append(f"{came} had other bytes than the same message had before.")
        return "\n".join(lines)


def plain(text: str) -> str:
    """A text without anything that a terminal would obey."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _after(delay: float) -> str:
    return f" after {delay:g} s" if delay else ""


def _body_lines(body: bytes) -> list[str]:
    if not body:
        return []
    if len(body) > _LONGEST_TEXT:
        lines = [f"({len(body):,} bytes)"]
    else:
        lines = _readable(body).splitlines()
    shown = [f"    {plain(_cut(line))}" for line in lines[:_MOST_LINES]]
    if len(lines) > _MOST_LINES:
        shown.append(f"    ... {len(lines) - _MOST_LINES} more lines")
    return shown


def _readable(body: bytes) -> str:
    try:
        return msgspec.json.format(body, indent=2).decode()
    except (msgspec.DecodeError, RecursionError):
        return body.decode("utf-8", "replace")


def _cut(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}..."


def _content(body: bytes) -> Any:
    """The body as JSON if it is some, otherwise as text."""
    try:
        return json.loads(body) if body else None
    except (json.InvalidJson, RecursionError):
        return body[:_LONGEST_TEXT].decode("utf-8", "replace")
