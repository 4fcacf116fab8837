"""The text form of API keys."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.identity.keys import display_prefix, fingerprint, is_well_formed, new_key
from tieline.identity.models import KeyKind

WORDS = {
    KeyKind.USER: "user",
    KeyKind.SERVICE: "service",
    KeyKind.VIRTUAL_LLM: "llm",
    KeyKind.CONNECTOR: "connector",
}


@pytest.mark.parametrize("kind", list(KeyKind))
def test_a_new_key_has_the_documented_form(kind: KeyKind) -> None:
    key = new_key(kind)

    assert re.fullmatch(rf"tl_{WORDS[kind]}_[0-9A-Za-z]{{43}}_[0-9A-Za-z]{{6}}", key)
    assert is_well_formed(key)


def test_no_two_keys_are_alike() -> None:
    assert len({new_key(KeyKind.SERVICE) for _ in range(200)}) == 200


@given(position=st.integers(0, 60), letter=st.sampled_from("0aZ_-"))
def test_one_wrong_letter_is_noticed(position: int, letter: str) -> None:
    key = new_key(KeyKind.SERVICE)
    position %= len(key)
    changed = key[:position] + letter + key[position + 1 :]

    assert is_well_formed(changed) == (changed == key)


@pytest.mark.parametrize("text", ["", "tl_service_", "Bearer", "tl_admin_" + "0" * 43 + "_000000"])
def test_other_texts_are_no_keys(text: str) -> None:
    assert not is_well_formed(text)


def test_a_key_with_something_around_it_is_none() -> None:
    key = new_key(KeyKind.USER)

    assert not is_well_formed(f" {key}")
    assert not is_well_formed(f"{key}\n")


def test_the_fingerprint_tells_keys_apart_without_holding_them() -> None:
    first, second = new_key(KeyKind.USER), new_key(KeyKind.USER)

    assert fingerprint(first) == fingerprint(first)
    assert fingerprint(first) != fingerprint(second)
    assert len(fingerprint(first)) == 32


@pytest.mark.parametrize("kind", list(KeyKind))
def test_the_shown_beginning_reveals_six_characters(kind: KeyKind) -> None:
    key = new_key(kind)
    shown = display_prefix(key)

    assert key.startswith(shown)
    assert len(shown) == len(f"tl_{WORDS[kind]}_") + 6
