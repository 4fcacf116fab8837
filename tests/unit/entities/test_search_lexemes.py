"""What an entity is found by."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.entities.scalars import scalar_text
from tieline.entities.search.lexemes import (
    KEYWORD_LENGTH,
    MAX_KEYWORDS,
    MAX_WORDS,
    MORE_KEYWORDS,
    MORE_WORDS,
    keyword,
    lexemes,
    quoted,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=30,
)


def test_words_and_values_of_a_contact() -> None:
    attributes = {
        "name": "Jane Doe",
        "email": [{"email": "Jane@Example.com"}],
        "balance": Decimal("5.00"),
        "active": True,
        "nothing": None,
        "_tags": ["VIP"],
        "account": {"$relation": [{"entity_id": "AB-1"}]},
    }
    assert lexemes("contact", "Jane Doe", attributes) == [
        *("jane", "doe", "example", "com", "5", "true", "vip"),
        *("=_schema=contact", "=_title=jane doe", "=name=jane doe"),
        *("=email.email=jane@example.com", "=balance=5", "=active=true", "=_tags=vip"),
        "=account.$relation.entity_id=ab-1",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"),
        (5.0, "5"),
        (Decimal("5.10"), "5.1"),
        (Decimal("1E+3"), "1000"),
        (1e-7, "0.0000001"),
        (10**30, "1" + "0" * 30),
        (True, "true"),
        ("5.0", "5.0"),
        (None, None),
        ([], None),
        ({}, None),
    ],
)
def test_a_number_has_one_text(value: Any, text: str | None) -> None:
    assert scalar_text(value) == text


def test_an_entity_that_holds_too_much_says_so() -> None:
    many = {"text": " ".join(f"w{n}" for n in range(5_000))} | {f"a{n}": n for n in range(5_000)}
    found = lexemes("thing", None, many)
    assert MORE_WORDS in found
    assert MORE_KEYWORDS in found
    assert len(found) == MAX_WORDS + MAX_KEYWORDS + 2


def test_long_values_are_cut_alike_on_both_sides() -> None:
    text = "x" * 10_000
    [word, *_, value] = lexemes("thing", None, {"a": text})
    assert text.startswith(word)
    assert value == keyword("a", text)
    assert len(value) == KEYWORD_LENGTH


@given(st.dictionaries(st.text(), VALUES, max_size=8), st.none() | st.text())
def test_lexemes_are_always_storable(attributes: dict[str, Any], title: str | None) -> None:
    found = lexemes("thing", title, attributes)
    assert len(found) == len(set(found))
    assert all(found)
    assert not any("\x1f" in lexeme for lexeme in found)
    assert max(len(lexeme.encode("utf-8", "surrogatepass")) for lexeme in found) < 2_046


def test_quoting_keeps_a_lexeme_whole() -> None:
    assert quoted("a'b\\c") == "'a''b\\\\c'"
    assert quoted("a", prefix=True) == "'a':*"
