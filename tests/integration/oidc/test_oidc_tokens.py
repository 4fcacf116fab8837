"""Which tokens of an issuer are accepted, and which never."""

from __future__ import annotations

import base64
import hmac
import json
import time

import pytest
from cryptography.hazmat.primitives import serialization
from joserfc.jwk import ECKey, RSAKey
from tests.local_issuer import AUDIENCE, sign, unsigned

from tieline.identity.models import CallerKind
from tieline.identity.oidc.errors import InvalidToken
from tieline.kit.errors import TielineError


async def refusal(verifier, token: str) -> str:
    with pytest.raises(InvalidToken) as refused:
        await verifier.authenticate(token)
    assert token not in refused.value.message
    for part in token.split("."):
        assert len(part) < 12 or part not in refused.value.message
    return refused.value.message


@pytest.mark.parametrize(
    ("key_id", "algorithm"), [("rsa", "RS256"), ("rsa", "PS256"), ("ec", "ES256"), ("ed", "EdDSA")]
)
async def test_a_signed_token_stands_for_a_person(verifier, issuer, org, key_id, algorithm):
    caller = await verifier.authenticate(issuer.token(key_id, algorithm, roles=["editor"]))

    assert caller.org_id == org
    assert caller.kind is CallerKind.USER
    assert caller.name == "Kim"
    assert caller.roles == ("editor",)
    assert caller.id == caller.user_id == caller.actor_id
    assert caller.id.startswith("per_")
    assert caller.app_id is None


async def test_a_token_without_a_key_id_is_tried_with_the_keys_that_fit(verifier, issuer):
    issuer.publish("other", RSAKey.generate_key(2048))

    assert await verifier.authenticate(issuer.token(None))


async def test_one_of_several_audiences_is_enough(verifier, issuer):
    assert await verifier.authenticate(issuer.token(aud=["account", AUDIENCE]))


@pytest.mark.parametrize("audience", ["other", ["a", "b"], [], None, "", {"a": AUDIENCE}, 1])
async def test_a_token_for_somebody_else_is_refused(verifier, issuer, audience):
    assert "audience" in await refusal(verifier, issuer.token(aud=audience))


@pytest.mark.parametrize(
    "other", ["https://evil.example", "{}/", "{}x", "HTTP://127.0.0.1:1/realms/test", "", None, 1]
)
async def test_a_token_of_another_issuer_is_refused(verifier, issuer, other):
    name = other.format(issuer.url) if isinstance(other, str) else other
    assert "issue" in await refusal(verifier, issuer.token(iss=name))


async def test_a_token_without_a_signature_is_refused(verifier, issuer):
    claims = issuer.claims()
    for name in ("none", "None", "NONE", "nOnE"):
        assert "algorithm" in await refusal(verifier, unsigned({"alg": name}, claims))
    assert "signature" in await refusal(verifier, issuer.token().rsplit(".", 1)[0] + ".")


async def test_a_public_key_is_no_secret_to_sign_with(verifier, issuer):
    public = issuer.keys["rsa"]
    forms = [
        public.as_pem(private=False),
        json.dumps(public.as_dict(private=False)).encode(),
        public.public_key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    ]
    for form in forms:
        for algorithm, digest in (("HS256", "sha256"), ("HS512", "sha512")):
            header = {"alg": algorithm, "kid": "rsa"}
            signed = unsigned(header, issuer.claims()).rsplit(".", 1)[0]
            signature = hmac.digest(form, signed.encode(), digest)
            assert "algorithm" in await refusal(
                verifier, unsigned(header, issuer.claims(), signature)
            )


async def test_an_algorithm_that_is_not_configured_is_refused(verifier_of, configured, issuer):
    verifier = verifier_of(configured(algorithms=["ES256"]))

    assert "ES256" in await refusal(verifier, issuer.token())
    assert await verifier.authenticate(issuer.token("ec", "ES256"))


async def test_a_token_that_names_another_kind_of_key_is_refused(verifier, issuer):
    own = ECKey.generate_key("P-256")

    assert "not signed with a key" in await refusal(
        verifier, sign({"alg": "ES256", "kid": "rsa"}, issuer.claims(), own)
    )
    assert "signature" in await refusal(
        verifier, sign({"alg": "ES256", "kid": "ec"}, issuer.claims(), own)
    )


async def test_a_key_in_the_header_is_not_trusted(verifier, issuer):
    own = RSAKey.generate_key(2048)
    header = {"alg": "RS256", "jwk": own.as_dict(private=False), "jku": "http://127.0.0.1:1/"}

    for named in ({}, {"kid": "rsa"}):
        assert await refusal(verifier, sign({**header, **named}, issuer.claims(), own))


async def test_a_key_with_the_name_of_another_decides_nothing(verifier, issuer):
    issuer.jwks = {
        "keys": [
            {**ECKey.generate_key("P-256").as_dict(private=False), "kid": "rsa"},
            {**RSAKey.generate_key(2048).as_dict(private=False), "kid": "rsa"},
            {**issuer.keys["rsa"].as_dict(private=False), "kid": "rsa"},
        ]
    }

    assert await verifier.authenticate(issuer.token())


@pytest.mark.parametrize(
    "different",
    [
        {"use": "enc"},
        {"alg": "RS512"},
        {"key_ops": ["encrypt"]},
        {"key_ops": 1},
        {"kty": "oct", "k": "AAAA"},
        {"kty": "EC"},
        {"n": "!"},
        {"kid": 5},
    ],
)
async def test_a_key_for_something_else_checks_no_signature(verifier, issuer, different):
    key = {**issuer.keys["rsa"].as_dict(private=False), "kid": "rsa"}
    issuer.jwks = {"keys": [{**key, **different}]}

    assert "not signed with a key" in await refusal(verifier, issuer.token())


async def test_a_short_key_is_not_trusted(verifier, issuer):
    short = RSAKey.generate_key(1024)
    issuer.publish("short", short)

    assert await refusal(verifier, issuer.token("short"))


async def test_an_unknown_extension_is_refused(verifier, issuer):
    for header in ({"crit": ["x"], "x": 1}, {"b64": False}, {"crit": []}):
        token = unsigned({"alg": "RS256", "kid": "rsa", **header}, issuer.claims(), b"x")
        assert "extension" in await refusal(verifier, token)


async def test_an_unknown_word_in_the_header_does_no_harm(verifier, issuer):
    assert await verifier.authenticate(issuer.token(header={"x-made-by": "somebody" * 100}))


# --- time


async def test_a_token_ends_when_it_says(verifier, issuer):
    now = int(time.time())

    assert await verifier.authenticate(issuer.token(exp=now - 55))
    assert "expired" in await refusal(verifier, issuer.token(exp=now - 61))
    assert "exp" in await refusal(verifier, issuer.token(exp=None))


@pytest.mark.parametrize("claim", ["nbf", "iat"])
async def test_a_token_begins_when_it_says(verifier, issuer, claim):
    now = int(time.time())

    assert await verifier.authenticate(issuer.token(**{claim: now + 55}))
    assert "not valid yet" in await refusal(verifier, issuer.token(**{claim: now + 70}))


async def test_the_difference_of_clocks_is_configured(verifier_of, configured, issuer):
    strict = verifier_of(configured(clock_skew_seconds=0))

    assert "expired" in await refusal(strict, issuer.token(exp=int(time.time()) - 1))


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize(
    "value", ["soon", True, [1], {}, -1, 1e300, float("nan"), float("inf"), 10**400]
)
async def test_what_is_no_moment_is_refused(verifier, issuer, claim, value):
    assert claim in await refusal(verifier, issuer.token(**{claim: value}))


# --- shape


@pytest.mark.parametrize("subject", [None, "", 5, "a\nb", "x" * 256, "\ud800", "a\x00", " a"])
async def test_a_token_about_nobody_is_refused(verifier, issuer, subject):
    assert "sub" in await refusal(verifier, issuer.token(sub=subject))


@pytest.mark.parametrize(
    "token",
    [
        *("a.b.c", "..", "eyJ.eyJ.", "e30.e30.", "bnVsbA.bnVsbA.x", "W10.W10.x", "!.!.!"),
        *("a.b", "a.b.c.d", "a.b.c.d.e", "x" * 20_000, "ä.ö.ü", "\ud800.a.b"),
    ],
)
async def test_what_is_no_token_is_refused(verifier, token):
    with pytest.raises(InvalidToken):
        await verifier.authenticate(token)


async def test_a_bottomless_token_is_refused(verifier):
    deep = base64.urlsafe_b64encode(b"[" * 11_000).decode().rstrip("=")
    with pytest.raises(InvalidToken):
        await verifier.authenticate(f"{deep}.e30.x")


async def test_a_huge_token_is_refused_before_it_is_read(verifier, issuer):
    token = issuer.token(groups=["x" * 100] * 200)

    assert "16,384" in await refusal(verifier, token)
    assert not issuer.fetches


async def test_a_changed_token_is_refused(verifier, issuer):
    header, _, signature = issuer.token().split(".")
    claims = {**issuer.claims(), "sub": "somebody else"}
    other = unsigned({}, claims).split(".")[1]

    assert "signature" in await refusal(verifier, f"{header}.{other}.{signature}")


async def test_profiles_are_made_fit_to_be_shown(verifier, issuer, services):
    caller = await verifier.authenticate(
        issuer.token(name="  Kim\n\x00Doe\ud800 ", email="x" * 300, sub="profile")
    )

    user = await services.users.get_user(caller, caller.id)
    assert user.name == "KimDoe"
    assert user.email == "x" * 255


async def test_no_refusal_is_anything_but_unauthorised(verifier, issuer):
    with pytest.raises(TielineError) as refused:
        await verifier.authenticate(issuer.token(exp=1))
    assert (refused.value.http_status, refused.value.code) == (401, "INVALID_TOKEN")
