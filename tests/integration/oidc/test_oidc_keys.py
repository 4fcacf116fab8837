"""The keys of an issuer: read when needed, not more often, and kept while it is down."""

from __future__ import annotations

import asyncio

import pytest
from joserfc.jwk import RSAKey
from tests.local_issuer import sign

from tieline.identity.oidc.errors import InvalidToken, IssuerUnavailable

DISCOVERY, KEYS = "openid-configuration", "keys"


def own_key(issuer, key_id: str) -> str:
    """A token of a key that the issuer does not have."""
    return sign({"alg": "RS256", "kid": key_id}, issuer.claims(), issuer.keys["rsa"])


async def test_keys_are_read_once_for_all_who_come_at_the_same_time(verifier, issuer):
    await asyncio.gather(
        *(verifier.authenticate(issuer.token(sub=str(number))) for number in range(20))
    )

    assert issuer.fetches == {DISCOVERY: 1, KEYS: 1}


async def test_a_new_key_is_found_at_once(verifier, issuer, seconds):
    await verifier.authenticate(issuer.token())
    seconds.now += 11
    issuer.publish("new", RSAKey.generate_key(2048))

    assert await verifier.authenticate(issuer.token("new"))


async def test_invented_key_names_make_no_storm(verifier, issuer, seconds):
    await verifier.authenticate(issuer.token())
    seconds.now += 11

    for number in range(50):
        with pytest.raises(InvalidToken):
            await verifier.authenticate(own_key(issuer, f"invented-{number}"))

    assert issuer.fetches[KEYS] == 2


async def test_a_retired_key_is_no_good_once_the_keys_were_read_again(verifier, issuer, seconds):
    token = issuer.token()
    await verifier.authenticate(token)
    retired = issuer.withdraw("rsa")
    issuer.publish("new", RSAKey.generate_key(2048))
    seconds.now += 601

    await verifier.authenticate(token)  # with the keys at hand, while others are read
    async with asyncio.timeout(5):
        while issuer.fetches[KEYS] < 2:
            await asyncio.sleep(0)
    await verifier.authenticate(issuer.token("new"))

    with pytest.raises(InvalidToken):
        await verifier.authenticate(issuer.token("rsa", key=retired, sub="again"))


async def test_keys_go_on_being_used_while_the_issuer_is_down(verifier, issuer, seconds):
    await verifier.authenticate(issuer.token())
    issuer.failing = True

    for _ in range(5):
        seconds.now += 3_600
        assert await verifier.authenticate(issuer.token())


async def test_but_not_for_ever(verifier, issuer, seconds):
    await verifier.authenticate(issuer.token())
    issuer.failing = True
    seconds.now += 86_401

    with pytest.raises(IssuerUnavailable):
        await verifier.authenticate(issuer.token())


async def test_an_issuer_that_is_down_is_not_the_callers_fault(verifier, issuer, seconds):
    issuer.failing = True
    with pytest.raises(IssuerUnavailable) as refused:
        await verifier.authenticate(issuer.token())
    assert refused.value.http_status == 503

    issuer.failing = False
    with pytest.raises(IssuerUnavailable):  # it is not asked again at once
        await verifier.authenticate(issuer.token())
    seconds.now += 10
    assert await verifier.authenticate(issuer.token())
    assert issuer.fetches == {DISCOVERY: 2, KEYS: 1}


async def test_an_issuer_that_does_not_answer_holds_up_nobody_who_is_known(
    verifier, issuer, seconds
):
    await verifier.authenticate(issuer.token())
    issuer.stalling = True
    seconds.now += 601

    async with asyncio.timeout(2):
        assert await verifier.authenticate(issuer.token(sub="somebody else"))


async def test_whoever_stops_waiting_does_not_stop_the_others(verifier, issuer):
    impatient = asyncio.create_task(verifier.authenticate(issuer.token(sub="impatient")))
    patient = asyncio.create_task(verifier.authenticate(issuer.token(sub="patient")))
    async with asyncio.timeout(5):
        while not issuer.fetches:
            await asyncio.sleep(0)
    impatient.cancel()

    assert await patient


@pytest.mark.parametrize("suffix", ["/", "x"])
async def test_discovery_must_name_exactly_the_issuer(verifier, issuer, suffix):
    issuer.discovery = {"issuer": issuer.url + suffix, "jwks_uri": f"{issuer.url}/keys"}

    with pytest.raises(IssuerUnavailable):
        await verifier.authenticate(issuer.token())


@pytest.mark.parametrize("document", [{}, {"keys": None}, {"keys": [1, None, {}]}, {"keys": {}}])
async def test_a_strange_key_set_has_no_keys(verifier, issuer, document):
    issuer.jwks = document

    with pytest.raises(InvalidToken):
        await verifier.authenticate(issuer.token())


@pytest.mark.parametrize("answer", [{}, {"jwks_uri": 5}, {"jwks_uri": "ftp://x/"}, []])
async def test_a_strange_discovery_document_is_not_followed(verifier, issuer, answer):
    named = {"issuer": issuer.url, **answer} if isinstance(answer, dict) else answer
    issuer.discovery = named

    with pytest.raises(IssuerUnavailable):
        await verifier.authenticate(issuer.token())


async def test_a_key_set_elsewhere_inside_is_not_read(verifier, issuer):
    """The configured issuer may be inside; where its discovery points to may not."""
    elsewhere = issuer.url.replace("127.0.0.1", "127.0.0.2")
    issuer.discovery = {"issuer": issuer.url, "jwks_uri": f"{elsewhere}/keys"}

    with pytest.raises(IssuerUnavailable):
        await verifier.authenticate(issuer.token())
    assert issuer.fetches == {DISCOVERY: 1}
