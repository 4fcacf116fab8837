"""Signatures of messages, checked by the libraries that receivers use."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks
import svix.webhooks
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from tieline.outbound.webhooks.signing import (
    body_signature,
    hmac_key,
    identification,
    standard_signature,
)

KEY = Ed25519PrivateKey.generate()
SECRET = f"whsec_{base64.b64encode(b'a' * 32).decode()}"
OLDER = f"whsec_{base64.b64encode(b'b' * 32).decode()}"
MESSAGE = "msg_01M83J0DCHFRHSEEKWSGVYT5YX"
texts = st.text(max_size=200)


def sent(body: bytes, *, secrets=(SECRET,), now=None):
    """The headers of a message."""
    now = now or datetime.now(UTC)
    name, value = standard_signature(MESSAGE, now, body, key=KEY, secrets=secrets)
    return {**dict(identification(MESSAGE, 1, now)), name: value}


@given(texts)
def test_the_libraries_of_receivers_accept_what_is_signed(text):
    body = text.encode()
    headers = sent(body)

    standardwebhooks.Webhook(SECRET).verify(body, headers, json_parse=False)
    svix.webhooks.Webhook(SECRET).verify(body, headers)


@given(texts)
def test_the_public_key_checks_the_asymmetric_part(text):
    body = text.encode()
    headers = sent(body)
    first = headers["webhook-signature"].split(" ")[0]
    signed = f"{MESSAGE}.{headers['webhook-timestamp']}.".encode() + body

    assert first.startswith("v1a,")
    KEY.public_key().verify(base64.b64decode(first.removeprefix("v1a,")), signed)
    with pytest.raises(InvalidSignature):
        KEY.public_key().verify(base64.b64decode(first.removeprefix("v1a,")), signed + b"!")


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-id": "msg_another"},
        {"webhook-timestamp": str(int(datetime.now(UTC).timestamp()) + 1)},
        {"webhook-signature": "v1,AAAA"},
    ],
)
def test_whatever_is_changed_on_the_way_is_noticed(changed):
    headers = {**sent(b"{}", now=datetime.now(UTC) - timedelta(seconds=10)), **changed}

    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(SECRET).verify(b"{}", headers)


def test_a_body_that_was_changed_is_noticed():
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(SECRET).verify(b"[]", sent(b"{}"))


def test_a_repetition_is_refused_once_it_is_old():
    headers = sent(b"{}", now=datetime.now(UTC) - timedelta(minutes=6))

    with pytest.raises(standardwebhooks.WebhookVerificationError, match="too old"):
        standardwebhooks.Webhook(SECRET).verify(b"{}", headers)


@pytest.mark.parametrize("known", [SECRET, OLDER])
def test_while_a_secret_is_replaced_both_are_accepted(known):
    headers = sent(b"{}", secrets=(SECRET, OLDER))

    standardwebhooks.Webhook(known).verify(b"{}", headers)


def test_the_asymmetric_signature_is_first_and_the_newest_secret_next():
    parts = sent(b"{}", secrets=(SECRET, OLDER))["webhook-signature"].split(" ")
    alone = sent(b"{}", secrets=(SECRET,))["webhook-signature"].split(" ")

    assert [part.partition(",")[0] for part in parts] == ["v1a", "v1", "v1"]
    assert parts[1] == alone[1]


def test_an_attempt_is_signed_anew_under_the_same_id():
    now = datetime.now(UTC)
    first, second = sent(b"{}", now=now), sent(b"{}", now=now + timedelta(seconds=5))

    assert first["webhook-id"] == second["webhook-id"]
    assert first["webhook-signature"] != second["webhook-signature"]
    assert dict(identification(MESSAGE, 7, now))["x-webhook-attempt"] == "7"


@given(texts, st.text(min_size=1, max_size=50))
def test_the_signature_of_the_body_alone_is_that_of_every_hmac(body, secret):
    expected = hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()

    assert body_signature(body.encode(), secret) == ("x-webhook-signature", f"sha256={expected}")


@given(st.binary(min_size=1, max_size=64))
def test_a_key_is_read_as_the_libraries_read_it(key):
    text = base64.b64encode(key).decode()

    for written in (text, f"whsec_{text}", text.rstrip("="), f"whsec_{text.rstrip('=')}"):
        assert hmac_key(written) == key


@pytest.mark.parametrize("secret", ["a secret of our own", "pass-word", "ä", "x"])
def test_a_secret_that_is_no_base64_is_taken_as_it_is(secret):
    assert hmac_key(secret) == secret.encode()


def test_a_receiver_takes_such_a_secret_as_bytes():
    headers = sent(b"{}", secrets=("a secret of our own",))

    standardwebhooks.Webhook(b"a secret of our own").verify(b"{}", headers)
