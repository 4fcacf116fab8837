"""How receivers are told who calls: what may be said, what is shown of it, what is stored where."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tieline.outbound.webhooks.auth_drafts import AuthDraft
from tieline.outbound.webhooks.authentication import (
    SettledAuth,
    StatedAuth,
    has_stored_secret,
    key_header,
    secret_reference,
    settled,
    without_switches,
)

OAUTH = {"clientId": "tieline", "endpoint": "https://login.example.com/token", "httpMethod": "POST"}
OPEN_PARTS = {
    "BASIC": ("basicAuthConfig", "password", {"username": "erp"}),
    "API_KEY": ("apiKeyConfig", "keyValue", {"keyName": "X-API-Key"}),
    "OAUTH_CLIENT_CREDENTIALS": ("oauthConfig", "clientSecret", OAUTH),
}
ALL = sorted(OPEN_PARTS)
PLAIN = "hunter2-hunter2"


def auth(kind: str, **secret: object) -> dict[str, object]:
    """What somebody sends; `secret` is that of the kind."""
    section, name, open_part = OPEN_PARTS[kind]
    return {"authType": kind, section: {**open_part, **({name: secret["s"]} if secret else {})}}


def stated(document: dict[str, object]) -> StatedAuth:
    """The same, read."""
    return AuthDraft.model_validate(document).stated()


def put(document: dict[str, object], before: SettledAuth | None = None) -> SettledAuth:
    """What becomes of it on a webhook that had `before`."""
    return settled(before.document if before else None, stated(document))


def part(outcome: SettledAuth, kind: str) -> dict[str, object]:
    """What is shown of the kind's own part."""
    return dict(outcome.document[OPEN_PARTS[kind][0]])


@pytest.mark.parametrize("kind", ALL)
def test_a_secret_goes_to_the_store_and_the_document_says_that_there_is_one(kind):
    _, name, open_part = OPEN_PARTS[kind]
    outcome = put(auth(kind, s=PLAIN))

    assert outcome.stored is not None
    assert outcome.stored.reveal() == PLAIN
    assert part(outcome, kind) == {**open_part, f"{name}IsSet": True, f"{name}IsEnvVar": False}
    assert PLAIN not in repr(outcome)
    assert has_stored_secret(outcome.document)
    assert secret_reference(outcome.document) is None


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("text", ["{{env.key}}", "{{ env.some.key-7 }}"])
def test_a_mere_reference_is_shown(kind, text):
    _, name, open_part = OPEN_PARTS[kind]
    outcome = put(auth(kind, s=text))

    assert outcome == SettledAuth(outcome.document, None, keeps_stored=False)
    assert part(outcome, kind) == {
        **open_part,
        name: text,
        f"{name}IsSet": True,
        f"{name}IsEnvVar": True,
    }
    assert not has_stored_secret(outcome.document)
    assert secret_reference(outcome.document) == text


@pytest.mark.parametrize("kind", ALL)
def test_what_stands_beside_a_reference_is_secret_too(kind):
    name = OPEN_PARTS[kind][1]
    outcome = put(auth(kind, s=f"{PLAIN}-{{{{env.key}}}}"))

    assert outcome.stored is not None
    assert name not in part(outcome, kind)
    assert part(outcome, kind)[f"{name}IsEnvVar"] is True


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("text", [PLAIN, "{{env.key}}"])
def test_a_secret_that_is_left_out_stays(kind, text):
    before = put(auth(kind, s=text))
    after = put(auth(kind), before)

    assert after.document == before.document
    assert after.stored is None
    assert after.keeps_stored == (text == PLAIN)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("text", [PLAIN, "{{env.key}}"])
def test_null_removes_a_secret(kind, text):
    section, name, open_part = OPEN_PARTS[kind]
    after = put(auth(kind, s=None), put(auth(kind, s=text)))

    assert after == SettledAuth(
        {"authType": kind, section: {**open_part, f"{name}IsSet": False}}, None, keeps_stored=False
    )
    assert secret_reference(after.document) is None
    assert not has_stored_secret(after.document)


@pytest.mark.parametrize("kind", ALL)
def test_a_reference_takes_the_place_of_what_is_stored(kind):
    after = put(auth(kind, s="{{env.key}}"), put(auth(kind, s=PLAIN)))

    assert (after.stored, after.keeps_stored) == (None, False)


@pytest.mark.parametrize("kind", ALL)
def test_a_secret_does_not_outlive_its_kind(kind):
    other = ALL[ALL.index(kind) - 1]
    before = put(auth(other, s=PLAIN))

    assert not put(auth(kind), before).keeps_stored
    nobody = put({"authType": "NONE"}, before)
    assert nobody == SettledAuth({"authType": "NONE"}, None, keeps_stored=False)
    assert secret_reference(nobody.document) is None
    assert not has_stored_secret(nobody.document)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("text", [PLAIN, "{{env.key}}"])
def test_an_answer_may_be_sent_back_as_it_is(kind, text):
    before = put(auth(kind, s=text))

    assert put(dict(before.document), before).document == before.document


@pytest.mark.parametrize("kind", [*ALL, "NONE"])
def test_files_say_nothing_of_how_a_secret_is_kept(kind):
    sent = auth(kind, s="{{env.key}}") if kind in OPEN_PARTS else {"authType": "NONE"}

    assert without_switches(put(sent).document) == sent


@pytest.mark.parametrize(
    ("document", "name"),
    [(auth("API_KEY"), "x-api-key"), (auth("BASIC"), None), ({"authType": "NONE"}, None)],
)
def test_the_header_of_a_key_is_known(document, name):
    assert key_header(put(document).document) == name


def test_parameters_of_the_request_for_a_token_are_shown():
    parameters = [
        {"type": "body", "key": "resource", "value": "erp"},
        {"type": "header", "key": "X-Tenant", "value": "7"},
        {"type": "query", "key": "client_password", "value": "{{env.password}}"},
    ]
    document = {
        "authType": "OAUTH_CLIENT_CREDENTIALS",
        "oauthConfig": {**OAUTH, "customParameterList": parameters},
    }

    assert part(put(document), "OAUTH_CLIENT_CREDENTIALS")["customParameterList"] == parameters


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "authType"),
        ({"authType": "DIGEST"}, "authType"),
        ({"authType": "BASIC"}, "basicAuthConfig: is missing"),
        ({"authType": "API_KEY", "apiKeyConfig": None}, "apiKeyConfig: is missing"),
        ({"authType": "NONE", "apiKeyConfig": {"keyName": "X"}}, "apiKeyConfig: belongs to"),
        (
            {**auth("BASIC"), "oauthConfig": OAUTH},
            "oauthConfig: belongs to the authType OAUTH_CLIENT_CREDENTIALS",
        ),
        ({"authType": "NONE", "key": "x"}, "key"),
        ({"authType": "BASIC", "basicAuthConfig": {"username": "a:b"}}, "username: must have no"),
        ({"authType": "BASIC", "basicAuthConfig": {"username": ""}}, "username"),
        ({"authType": "BASIC", "basicAuthConfig": {"username": "a", "password": 7}}, "password"),
        (
            {
                "authType": "BASIC",
                "basicAuthConfig": {
                    "username": "a",
                    "password": PLAIN,
                    "passwordIsEnvVar": True,
                },
            },
            "password: is no reference",
        ),
        (auth("BASIC", s="x" * 8_001), "password"),
        ({"authType": "API_KEY", "apiKeyConfig": {"keyName": "X Key"}}, "keyName: is no name"),
        ({"authType": "API_KEY", "apiKeyConfig": {"keyName": "Host"}}, "keyName: is a header that"),
        (
            {"authType": "API_KEY", "apiKeyConfig": {"keyName": "webhook-id"}},
            "keyName: is a header that",
        ),
        (auth("API_KEY", s=f"{PLAIN}\r\nHost: x"), "keyValue: has characters"),
        (
            {
                "authType": "API_KEY",
                "apiKeyConfig": {"keyName": "X", "keyValue": "k", "keyValueIsEnvVar": True},
            },
            "keyValue: is no reference",
        ),
        *[
            (
                {
                    "authType": "OAUTH_CLIENT_CREDENTIALS",
                    "oauthConfig": {**OAUTH, **changes},
                },
                words,
            )
            for changes, words in (
                ({"endpoint": "login.example.com"}, "must be absolute"),
                ({"endpoint": "https://a:b@login.example.com"}, "holds credentials"),
                ({"endpoint": 7}, "endpoint"),
                ({"httpMethod": "TRACE"}, "httpMethod"),
                ({"clientId": ""}, "clientId"),
                ({"clientSecret": PLAIN, "clientSecretIsEnvVar": True}, "clientSecret: is no ref"),
                ({"customParameterList": [{"type": "cookie", "key": "a", "value": ""}]}, "type"),
                (
                    {"customParameterList": [{"type": "body", "key": "password", "value": PLAIN}]},
                    "value: is a secret by its name",
                ),
                (
                    {"customParameterList": [{"type": "header", "key": "Host", "value": "x"}]},
                    "key: is no name of a header",
                ),
                (
                    {"customParameterList": [{"type": "header", "key": "a b", "value": "x"}]},
                    "key: is no name of a header",
                ),
                (
                    {"customParameterList": [{"type": "header", "key": "X-A", "value": "a\nb"}]},
                    "value: has characters",
                ),
            )
        ],
    ],
)
def test_what_cannot_work_is_refused_without_repeating_secrets(document, words):
    with pytest.raises(ValidationError) as refusal:
        AuthDraft.model_validate(document)

    assert words in str(refusal.value)
    assert PLAIN not in str(refusal.value)


def test_a_key_may_be_all_of_the_authorization_header():
    document = {
        "authType": "API_KEY",
        "apiKeyConfig": {"keyName": "Authorization", "keyValue": "Bearer {{env.token}}"},
    }

    assert key_header(put(document).document) == "authorization"
