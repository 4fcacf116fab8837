"""The reason of a failure: the same for all events with one cause, of bounded length."""

from __future__ import annotations

import re
import string
import time
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.inbound.dead_letters.reasons import LONGEST, next_step, reason_of
from tieline.kit.ids import new_ulid
from tieline.monitoring.models import ErrorCategory

# Repr switches to the other quotation mark or escapes: both forms occur in messages.
values = st.one_of(
    st.text(max_size=20).map(repr),
    st.integers().map(str),
    st.decimals(allow_nan=False, allow_infinity=False).map(lambda number: f"{number:f}"),
    st.uuids().map(str),
    st.builds(new_ulid),
    st.dates().map(str),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
)
words = st.text(string.ascii_letters + " ()", max_size=20)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (
            "entities[0] (contact): number = 'K-17' identifies nothing. Send a value.",
            "entities[0] (contact): number = '…' identifies nothing. Send a value.",
        ),
        (
            "entities[1]: 3 entities of schema meter have number = 17.",
            "entities[1]: <n> entities of schema meter have number = <n>.",
        ),
        ('no item "a \\" b" there', "no item '…' there"),
        (
            "Tieline's process died and the batch's too",
            "Tieline's process died and the batch's too",
        ),
        ("no meter_2 with 'O'Brien'.", "no meter_2 with '…'."),
        ("at line 3, column 14. Correct it", "at line <n>, column <n>. Correct it"),
        ("D3030: cannot cast (T2001)", "D3030: cannot cast (T2001)"),
        (
            f"no contact {UUID(int=1)}, no event 01KG9WTR7D4Q4S6S3QWDGJ1Y0M",
            "no contact <id>, no event <id>",
        ),
        ("on 2026-01-31T08:00:00Z or -1.5e3, 2026-01-31", "on <n> or <n>, <n>"),
        ("two\n  lines", "two lines"),
        (
            'Entity block 2 (contact), field "a 1": no number: "Ann" at character 7',
            "Entity block 2 (contact), field \"a 1\": no number: '…' at character <n>",
        ),
        ('the unique id "number" has no value', 'the unique id "number" has no value'),
        ("1234567890123456.5 is too large", "<n> is too large"),
        ("1234567890123456 is unknown.", "<id> is unknown."),
        ("", ""),
    ],
)
def test_values_are_replaced_and_words_stay(message: str, reason: str) -> None:
    assert reason_of(message) == reason


@given(words, st.tuples(values, values, values), st.tuples(words, words))
def test_no_value_of_an_event_is_left(
    start: str, found: tuple[str, ...], between: tuple[str, str]
) -> None:
    message = f"{start}: {found[0]} {between[0]} {found[1]}, {between[1]} ({found[2]})."

    reason = reason_of(message)

    assert not re.search(r"(?<![\w\[])\d", reason)
    assert (
        re.sub(r"'…'|<id>|<n>", "", reason).split()
        == (f"{start}:  {between[0]} , {between[1]} ().").split()
    )


@given(st.text(max_size=3_000))
def test_any_text_has_a_reason_of_bounded_length(message: str) -> None:
    assert len(reason_of(message)) <= LONGEST
    assert reason_of(message) == reason_of(message + " " * 5)


@pytest.mark.parametrize("unit", ["'a ", '"', "'", " '", "1", "1-", "0123456789abcdef", "\\'"])
def test_a_hostile_message_takes_no_time(unit: str) -> None:
    started = time.perf_counter()
    reason_of(unit * 100_000)
    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize("category", list(ErrorCategory))
def test_every_category_has_a_next_step(category: ErrorCategory) -> None:
    assert next_step(category).endswith(".")
