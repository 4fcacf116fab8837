"""What failures have in common: their message without what differs from event to event. Pure."""

from __future__ import annotations

import re

from tieline.monitoring.models import ErrorCategory

LONGEST = 500
_LONGEST_READ = 1_000

_QUOTED = r"""(?<!\w)'(?:\\.|[^'\\]|'(?=\w))*+'(?!\w)|"(?:\\.|[^"\\])*+\""""
_ID = (
    r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b"
    r"|\b[0-9A-HJKMNP-TV-Z]{26}\b"
    r"|\b(?!\d+[.,]\d)(?=[a-f]*\d)[0-9a-f]{16,}\b"
)
# What leads to a place in the configuration stays, as does an index such as in `entities[0]`.
_PLACE = r'''\bblock \d+|\b(?:field|unique id) "(?:\\.|[^"\\])*+"'''
_NUMBER = r"(?<!\w)(?<!\w\[)[+-]?\d(?:[\w.,:/+-]*\w)?"
_VARIABLE = re.compile(
    f"(?P<place>{_PLACE})|(?P<quoted>{_QUOTED})|(?P<id>{_ID})|(?P<number>{_NUMBER})",
    re.DOTALL | re.ASCII,
)
_PLACEHOLDERS = {"quoted": "'…'", "id": "<id>", "number": "<n>"}

_NEXT_STEPS = {
    ErrorCategory.VALIDATION: (
        "Correct the data in the ERP and let it send the event again, or let the mapping accept "
        "it; then replay, or discard what is sent anew."
    ),
    ErrorCategory.CONFIGURATION: (
        "Correct the use case, try the failed events with a re-map, then replay them."
    ),
    ErrorCategory.DOWNSTREAM_API: "Wait until the other system answers again, then replay.",
    ErrorCategory.TIMEOUT: (
        "Simplify the expressions of the use case or send less in one event, then replay."
    ),
    ErrorCategory.SYSTEM: "Read Tieline's log at the time of the failure, then replay.",
}


def reason_of(message: str) -> str:
    """A message with quoted texts, ids and numbers replaced, at most `LONGEST` characters.

    Failures with one cause have one reason, whatever the values in their events. Places in
    the configuration, as in `entities[0]`, `field "name"` or `unique id "name"`, are kept.
    """
    line = " ".join(message[:_LONGEST_READ].split())
    return _VARIABLE.sub(_replaced, line)[:LONGEST]


def _replaced(found: re.Match[str]) -> str:
    return _PLACEHOLDERS.get(found.lastgroup or "", found[0])


def next_step(category: ErrorCategory) -> str:
    """What to do about failures of a category."""
    return _NEXT_STEPS[category]
