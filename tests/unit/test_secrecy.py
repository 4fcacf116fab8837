"""What is taken for a secret, and what is not."""

import pytest

from tieline.identity.keys import new_key
from tieline.identity.models import KeyKind
from tieline.kit.secrecy import hide_secrets, names_a_secret, refers_to_environment

SECRET_NAMES = (
    "password",
    "clientSecret",
    "client_secret",
    "API-Key",
    "apiKey",
    "apikey",
    "x-api-key",
    "Authorization",
    "access_token",
    "refreshToken",
    "private key",
    "AWSSecretAccessKey",
    "signing.key",
    "dbPassword",
    "Set-Cookie",
    "password2",
    "apiKey1",
    "client_secret_v2",
    "secretValue",
    "private_key_pem",
    "clientSecretBase64",
)
PLAIN_NAMES = (
    "token_url",
    "tokenUrl",
    "tokens",
    "max_tokens",
    "secret_name",
    "password_policy",
    "key",
    "keyboard",
    "primary_key",
    "region",
    "author",
    "value",
    "base64",
    "2",
    "token_url_2",
    "",
)


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_name_of_a_secret_is_known(name: str) -> None:
    assert names_a_secret(name)


@pytest.mark.parametrize("name", PLAIN_NAMES)
def test_other_names_are_left_in_peace(name: str) -> None:
    assert not names_a_secret(name)


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(new_key(KeyKind.SERVICE), id="key"),
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhcGlfMSJ9.c2lnbmF0dXJlLWJ5dGVz",
        "hvs.CAESIJlWh0fNn0RxqZzP4b7y3k",
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\n-----END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEvQIBADANBgkq",
        "Bearer 0123456789abcdef",
        "ghp_" + "0123456789abcdef",
        "https://files.example/a?sv=2&sig=0123456789abcdef",
        "Basic dXNlcjpwYXNzd29yZA==",
        "postgresql://tieline:hunter2@db.example/tieline",
    ],
)
def test_a_secret_in_a_text_is_hidden(secret: str) -> None:
    shown = hide_secrets(f"It was {secret} that did it", "***")

    assert "***" in shown
    assert secret not in shown
    for part in ("MIIEvQ", "hunter2", "0123456789abcdef", "c2lnbmF0dXJl", secret[12:]):
        assert part not in shown or part in " that did it"
    assert shown.startswith("It was ")


@pytest.mark.parametrize("text", ["tl_service_Ab3dEf", "Basic", "https://example.org:443/path", ""])
def test_a_text_without_a_secret_stays(text: str) -> None:
    assert hide_secrets(text, "***") == text


@pytest.mark.parametrize(
    "text", ["{{env.key}}", "Bearer {{ env.api.key-1 }}", "{{env.a}}:{{env.b}}"]
)
def test_a_reference_is_no_secret(text: str) -> None:
    assert refers_to_environment(text)


@pytest.mark.parametrize("text", ["", "hunter2", "{{key}}", "{{env.}}", "{{env.a"])
def test_all_else_is_no_reference(text: str) -> None:
    assert not refers_to_environment(text)
