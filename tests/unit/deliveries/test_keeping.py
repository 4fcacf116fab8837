"""What is kept of requests and answers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tieline.outbound.deliveries.engine.keeping import (
    BODY_BYTES,
    HEADER_BYTES,
    hidden_values,
    kept_body,
    kept_headers,
)
from tieline.secrets.material import HIDDEN

SENT = [("Authorization", "Bearer s3cr3t-of-the-erp"), ("x-tenant", "4711"), ("pin", "1234")]
SHOWN = [("Authorization", HIDDEN), ("x-tenant", "4711"), ("pin", HIDDEN)]


def test_hidden_values_are_known_with_and_without_their_scheme() -> None:
    assert hidden_values(SENT, SHOWN) == {"Bearer s3cr3t-of-the-erp", "s3cr3t-of-the-erp"}


def test_headers_are_kept_by_their_names_in_lower_case() -> None:
    kept = kept_headers([("Content-Type", "text/plain"), ("Via", "a"), ("via", "b")])

    assert kept == {"content-type": "text/plain", "via": "a, b"}


def test_cookies_are_not_kept() -> None:
    assert kept_headers([("Set-Cookie", "session=abc"), ("x", "y")]) == {"x": "y"}


def test_what_is_named_like_a_secret_is_hidden() -> None:
    assert kept_headers([("x-access-token", "abcdef")]) == {"x-access-token": HIDDEN}


def test_an_echo_of_our_secret_is_hidden() -> None:
    secrets = hidden_values(SENT, SHOWN)

    assert kept_headers([("x-echo", "got s3cr3t-of-the-erp")], secrets) == {
        "x-echo": f"got {HIDDEN}"
    }
    body = kept_body(b'{"you sent": "s3cr3t-of-the-erp"}', secrets)
    assert body == f'{{"you sent": "{HIDDEN}"}}'.encode()


def test_a_secret_at_the_cut_is_not_kept_in_part() -> None:
    secret = "s3cr3t-of-the-erp"
    body = b"x" * (BODY_BYTES - 5) + secret.encode() + b"x" * BODY_BYTES

    assert b"s3cr3" not in kept_body(body, {secret})


def test_headers_are_bounded_together() -> None:
    kept = kept_headers([(f"x-{number}", "y" * 1_000) for number in range(100)])

    assert 0 < len(kept) <= HEADER_BYTES // 1_000


def test_a_body_is_bounded_and_its_bytes_stay_as_they_are() -> None:
    assert kept_body(b"\xff\xfe\x80" * 10) == b"\xff\xfe\x80" * 10
    assert kept_body(b"a" * 100_000) == b"a" * BODY_BYTES
    assert kept_body(b"") == b""


@given(st.binary(max_size=200), st.text(max_size=50))
def test_whatever_is_kept_can_be_stored(body: bytes, value: str) -> None:
    assert len(kept_body(body)) <= BODY_BYTES
    [kept] = kept_headers([("x-any", value)]).values()
    assert "\x00" not in kept
