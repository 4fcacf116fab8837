"""What the audit log keeps of a document: everything but secrets, and whether those changed."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest

from tieline.audit.redaction import CHANGED, REDACTED, redacted, redacted_pair

KEY = "tl_service_" + "a1B2c3D4e5" * 4 + "f6g_7h8I9j"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIAr\n-----END EC PRIVATE KEY-----"


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "Password",
        "db_password",
        "clientSecret",
        "CLIENT-SECRET",
        "token",
        "access_token",
        "api_key",
        "apiKey",
        "X-Api-Key",
        "Authorization",
        "Set-Cookie",
        "private_key",
        "credentials",
        "signing_secret",
        "signingKey",
        "secrets",
        "tokens",
    ],
)
def test_what_stands_under_the_name_of_a_secret_is_hidden(name: str) -> None:
    assert redacted({name: "hunter2"}) == {name: REDACTED}


@pytest.mark.parametrize(
    "document",
    [
        {"token_url": "https://idp.test/token"},
        {"secret_name": "sap"},
        {"access_token_ids": ["api_01J00000000000000000000000"]},
        {"max_tokens": 5},
        {"tokens": 5},
        {"has_password": True},
        {"password": None},
        {"password": ""},
        {"keyboard": "de"},
        {"price": Decimal("0.10")},
        {"expression": "$.token & '-' & name"},
        {"prefix": "tl_service_a1B2c3"},
        {"vault_path": "secret/data/tieline/stadtwerke/sap"},
        {"url": "https://erp.test:8443/path?contract=1"},
    ],
)
def test_what_is_no_secret_stays(document: Any) -> None:
    assert redacted(document) == document


@pytest.mark.parametrize("secret", [KEY, JWT, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", PEM])
def test_what_looks_like_a_secret_is_hidden_wherever_it_stands(secret: str) -> None:
    hidden = redacted({"note": f"it is {secret}", "list": [{"deep": secret}]})

    assert secret not in str(hidden)
    assert hidden["note"].startswith("it is ")
    assert REDACTED in hidden["note"]
    assert REDACTED in hidden["list"][0]["deep"]


def test_passwords_and_keys_in_addresses_are_hidden_and_the_rest_stays() -> None:
    hidden = redacted({"url": "https://erp:hunter2@erp.test/x?api_key=abc&contract=1"})

    assert hidden == {"url": f"https://erp:{REDACTED}@erp.test/x?api_key={REDACTED}&contract=1"}


def test_a_header_that_carries_credentials_is_hidden() -> None:
    hidden = redacted({"headers": {"X-Custom": "Bearer abcdef", "Accept": "text/xml"}})

    assert hidden["headers"] == {"X-Custom": f"Bearer {REDACTED}", "Accept": "text/xml"}


def test_a_pair_of_name_and_value_is_read_together() -> None:
    headers = [{"name": "Authorization", "value": "hunter2"}, {"name": "Accept", "value": "x"}]

    assert redacted(headers) == [
        {"name": "Authorization", "value": REDACTED},
        {"name": "Accept", "value": "x"},
    ]
    variable = {"key": "sap", "type": "SecretString", "value": "hunter2"}
    assert redacted(variable)["value"] == REDACTED
    mapped = {"attribute": "portal_password", "constant": 1234}
    assert redacted(mapped) == {"attribute": "portal_password", "constant": REDACTED}


def test_everything_below_the_name_of_a_secret_is_hidden() -> None:
    hidden = redacted({"credentials": {"user": "erp", "pins": [1, 2.5], "active": True}})

    assert hidden == {
        "credentials": {"user": REDACTED, "pins": [REDACTED, REDACTED], "active": True}
    }


@pytest.mark.parametrize(
    "value",
    [
        "{{env.sap_password}}",
        "{{ env.sap.password }}",
        "Bearer {{env.token}}",
        "{{env.a}}{{env.b}}",
    ],
)
def test_a_reference_to_the_environment_stays_readable(value: str) -> None:
    document = {"authorization": value, "note": value}

    assert redacted(document) == document


def test_what_stands_beside_a_reference_is_hidden() -> None:
    hidden = redacted({"password": "hunter2{{env.rest}}", "note": f"{KEY} {{{{env.rest}}}}"})

    assert hidden["password"] == REDACTED + "{{env.rest}}"
    assert KEY not in hidden["note"]
    assert hidden["note"].endswith(" {{env.rest}}")


def test_a_changed_secret_is_marked_as_changed() -> None:
    before = {"a": {"password": "old"}, "b": {"password": "same"}, "url": "https://u:one@x.test"}
    after = {"a": {"password": "new"}, "b": {"password": "same"}, "url": "https://u:two@x.test"}

    assert redacted_pair(before, after) == (
        {
            "a": {"password": REDACTED},
            "b": {"password": REDACTED},
            "url": f"https://u:{REDACTED}@x.test",
        },
        {
            "a": {"password": CHANGED},
            "b": {"password": REDACTED},
            "url": f"https://u:{CHANGED}@x.test",
        },
    )


def test_a_secret_that_is_new_is_not_called_changed() -> None:
    _, after = redacted_pair({"headers": []}, {"headers": [{"name": "Cookie", "value": "x"}]})

    assert after == {"headers": [{"name": "Cookie", "value": REDACTED}]}
    assert redacted_pair(None, {"token": "x"}) == (None, {"token": REDACTED})
    assert redacted_pair({"token": "x"}, None) == ({"token": REDACTED}, None)


def test_a_secret_that_only_moved_in_its_list_is_not_called_changed() -> None:
    one, two = {"name": "one", "secret": "1"}, {"name": "two", "secret": "2"}
    _, after = redacted_pair([one, two], [{"name": "new", "secret": "0"}, one, two])

    assert [item["secret"] for item in after] == [REDACTED] * 3


def test_long_hostile_texts_are_read_in_reasonable_time() -> None:
    began = time.process_time()
    for piece in (
        "eyJ-",
        "tl_a_",
        "://a:",
        "Bearer ",
        "?a",
        "{{env.",
        "-----BEGIN PRIVATE KEY-----",
    ):
        redacted({"note": piece * (1_500_000 // len(piece))})

    assert time.process_time() - began < 30
