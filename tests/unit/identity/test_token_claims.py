"""The signed text of access tokens."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.identity.access_tokens.claims import (
    KEY_ID_PREFIX,
    Claims,
    check_signature,
    new_signing_key,
    sign,
    signing_key_of,
)
from tieline.identity.errors import InvalidApiKey

KEY = new_signing_key()
CLAIMS = Claims("issuer", "api_1", "org", datetime(2026, 1, 31, tzinfo=UTC), None, "jti")


def test_a_token_is_accepted_with_the_key_that_signed_it() -> None:
    token = sign(CLAIMS, KEY)

    assert signing_key_of(token) == KEY.kid
    check_signature(token, {str(KEY.kid): KEY})


def test_a_token_without_an_end_says_nothing_of_one() -> None:
    assert "exp" not in CLAIMS.document()


@pytest.mark.parametrize("place", [5, 60, -5])
def test_a_changed_token_is_refused(place: int) -> None:
    token = sign(CLAIMS, KEY)
    other = "A" if token[place] != "A" else "B"
    changed = token[:place] + other + token[place:][1:]

    with pytest.raises(InvalidApiKey):
        check_signature(changed, {str(KEY.kid): KEY})


def test_the_id_of_a_key_tells_that_it_is_ours() -> None:
    assert str(KEY.kid).startswith(KEY_ID_PREFIX)
    foreign = new_signing_key()
    foreign_token = sign(
        CLAIMS, type(foreign).import_key({**foreign.as_dict(private=True), "kid": "theirs"})
    )
    assert signing_key_of(foreign_token) is None


@given(st.text(alphabet="eyJ0abc.-_=\u00e4\x00", max_size=80))
def test_any_text_is_just_no_token(text: str) -> None:
    assert signing_key_of(text) is None


def test_a_huge_text_is_not_looked_at() -> None:
    assert signing_key_of(sign(CLAIMS, KEY) + "A" * 5_000) is None
