"""What a receiver takes for real: signatures of Standard Webhooks, and HMACs of the body."""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tieline.kit import json
from tieline.receiving.errors import InvalidVerificationKey
from tieline.receiving.keys import NO_KEYS, Keys
from tieline.receiving.models import Verdict
from tieline.receiving.verification import TOLERANCE, verify

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BODY = '{"name":"Süß"}'.encode()
SECRET = "whsec_" + base64.b64encode(b"a secret of 24 characters").decode()
OTHER = "whsec_" + base64.b64encode(b"another secret that fits no").decode()
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"1" * 32)


def pem(key: object = PRIVATE) -> str:
    made = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return made.decode()


KEYS = Keys.of([SECRET], [pem()])


def v1(signed: bytes, secret: str = SECRET) -> str:
    key = base64.b64decode(secret[6:])
    return f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}"


def v1a(signed: bytes) -> str:
    return f"v1a,{base64.b64encode(PRIVATE.sign(signed)).decode()}"


def headers(*signatures: str, at: datetime = NOW, **different: str) -> dict[str, str]:
    """Headers with both signatures, or these; with what is different, or absent as an empty one."""
    stamp = str(int(at.timestamp()))
    signed = f"msg_1.{stamp}.".encode() + BODY
    usual = {
        "webhook-id": "msg_1",
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(signatures or (v1a(signed), v1(signed))),
    }
    return usual | {name.replace("_", "-"): value for name, value in different.items()}


SIGNED = f"msg_1.{int(NOW.timestamp())}.".encode() + BODY


def test_the_example_of_the_specification_is_verified() -> None:
    example = {
        "webhook-id": "msg_loFOjxBNrRLzqYUf",
        "webhook-timestamp": "1731705121",
        "webhook-signature": "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
    }
    body = b'{"event_type":"ping","data":{"success":true}}'
    keys = Keys.of(["whsec_plJ3nmyCDGBKInavdOK15jsl"])

    assert verify(example, body, keys, datetime.fromtimestamp(1731705121, UTC)).schemes == ("v1",)


def test_both_signatures_are_verified() -> None:
    verification = verify(headers(), BODY, KEYS, NOW)

    assert (verification.verdict, verification.schemes) == (Verdict.VERIFIED, ("v1a", "v1"))


@pytest.mark.parametrize(
    ("keys", "schemes"),
    [(Keys.of([SECRET]), ("v1",)), (Keys.of((), [pem()]), ("v1a",))],
)
def test_what_can_be_checked_is_enough(keys: Keys, schemes: tuple[str, ...]) -> None:
    assert verify(headers(), BODY, keys, NOW).schemes == schemes


def test_one_of_several_signatures_and_one_of_several_keys_is_enough() -> None:
    rotating = headers(v1(SIGNED, OTHER), v1(SIGNED), "v9,what/ever")

    assert verify(rotating, BODY, Keys.of([SECRET]), NOW).verdict is Verdict.VERIFIED
    assert verify(headers(), BODY, Keys.of([OTHER, SECRET]), NOW).verdict is Verdict.VERIFIED
    both = Keys.of((), [pem(Ed25519PrivateKey.generate()), pem()])
    assert verify(headers(), BODY, both, NOW).verdict is Verdict.VERIFIED


@pytest.mark.parametrize(
    ("given", "body", "reason"),
    [
        (headers(), BODY + b" ", "no signature of v1a fits the public key"),
        (headers(v1a(SIGNED), v1(SIGNED, OTHER)), BODY, "no signature of v1 fits the secret"),
        (headers(webhook_id="msg_2"), BODY, "no signature of v1a fits"),
        (headers("v1,%%%"), BODY, "no signature of v1 fits"),
        (headers("v1a,AAAA"), BODY, "no signature of v1a fits"),
        (headers("v9,AAAA"), BODY, "holds no v1 and no v1a"),
        (headers(webhook_signature=" "), BODY, "holds no v1 and no v1a"),
        (headers(webhook_id=""), BODY, "webhook-id missing"),
        (headers(webhook_timestamp=""), BODY, "webhook-timestamp missing"),
        (headers(webhook_timestamp="soon"), BODY, "no number of seconds"),
        (headers(webhook_timestamp="١٢"), BODY, "no number of seconds"),
        (headers(webhook_timestamp="9" * 5000), BODY, "no number of seconds"),
        ({}, BODY, "not signed"),
        ({"x-webhook-signature": "md5=00"}, BODY, "sha256="),
        ({"x-webhook-signature": "sha256=zz"}, BODY, "does not fit"),
        ({"x-webhook-signature": "sha256=00"}, BODY, "does not fit"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(
    given: dict[str, str], body: bytes, reason: str
) -> None:
    verification = verify(given, body, KEYS, NOW)

    assert verification.verdict is Verdict.REFUSED
    assert reason in (verification.reason or "")


@pytest.mark.parametrize(
    ("away", "verdict"),
    [
        (TOLERANCE, Verdict.VERIFIED),
        (-TOLERANCE, Verdict.VERIFIED),
        (TOLERANCE + timedelta(seconds=1), Verdict.REFUSED),
        (-TOLERANCE - timedelta(seconds=1), Verdict.REFUSED),
    ],
)
def test_a_delivery_is_of_the_last_five_minutes(away: timedelta, verdict: Verdict) -> None:
    verification = verify(headers(at=NOW - away), BODY, KEYS, NOW)

    assert verification.verdict is verdict
    if verdict is Verdict.REFUSED:
        assert "301 seconds" in (verification.reason or "")


@pytest.mark.parametrize("keys", [KEYS, Keys.of([OTHER, SECRET])])
def test_the_hmac_of_a_body_is_verified(keys: Keys) -> None:
    digits = hmac.new(SECRET.encode(), BODY, "sha256").hexdigest()

    verification = verify({"x-webhook-signature": f"sha256={digits}"}, BODY, keys, NOW)

    assert verification.schemes == ("hmac-sha256",)


def test_without_keys_nothing_is_checked_but_what_is_broken_is_told() -> None:
    unchecked = verify(headers(), BODY, NO_KEYS, NOW)
    plain = verify({"x-webhook-signature": "sha256=00"}, BODY, NO_KEYS, NOW)

    assert (unchecked.verdict, plain.verdict) == (Verdict.UNCHECKED, Verdict.UNCHECKED)
    assert "v1a, v1" in (unchecked.reason or "")
    assert verify({}, BODY, NO_KEYS, NOW).verdict is Verdict.UNCHECKED
    assert verify(headers(webhook_id=""), BODY, NO_KEYS, NOW).verdict is Verdict.REFUSED


@pytest.mark.parametrize(
    ("given", "keys", "needed"),
    [
        (headers(v1(SIGNED)), Keys.of((), [pem()]), "the secret"),
        (headers(v1a(SIGNED)), Keys.of([SECRET]), "the public key"),
        ({"x-webhook-signature": "sha256=00"}, Keys.of((), [pem()]), "the secret"),
    ],
)
def test_a_key_of_another_kind_verifies_nothing(
    given: dict[str, str], keys: Keys, needed: str
) -> None:
    verification = verify(given, BODY, keys, NOW)

    assert verification.verdict is Verdict.REFUSED
    assert needed in (verification.reason or "")


@pytest.mark.parametrize(
    ("secret", "key"),
    [(SECRET[6:], b"a secret of 24 characters"), ("chosen: by somebody", b"chosen: by somebody")],
)
def test_a_secret_that_somebody_chose_is_taken_as_it_is(secret: str, key: bytes) -> None:
    signature = base64.b64encode(hmac.digest(key, SIGNED, "sha256")).decode()

    verification = verify(headers(f"v1,{signature}"), BODY, Keys.of([secret]), NOW)

    assert verification.verdict is Verdict.VERIFIED


def test_a_public_key_may_be_the_answer_with_which_it_is_published() -> None:
    keys = Keys.of((), [json.dumps_str({"public_key": pem(), "algorithm": "ed25519"})])

    assert verify(headers(), BODY, keys, NOW).schemes == ("v1a",)


@pytest.mark.parametrize("text", ["", " \n", "whsec_", "whsec_%%%", "whsec_ä"])
def test_what_is_no_secret_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InvalidVerificationKey) as refusal:
        Keys.of([text])
    assert len(text) < 8 or text not in refusal.value.message


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", '{"public_key": 1}', "{}", "[]", "-----BEGIN PUBLIC KEY-----\nAAAA"),
        pem(generate_private_key(SECP256R1())),
    ],
)
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidVerificationKey):
        Keys.of((), [text])
