"""Environment variables, as the published SDK deals with them."""

from __future__ import annotations

from uuid import uuid4

import pytest
from contract_sdk import Sdk
from tests.leaks import Leaks

HUSH = "hush-hush-value-of-a-contract-test"


@pytest.fixture
def key() -> str:
    """The key of a variable that no other test uses."""
    return f"contract.{uuid4().hex[:12]}"


def test_a_readable_variable_is_created_read_listed_changed_and_deleted(sdk: Sdk, key: str) -> None:
    body = {"key": key, "type": "String", "value": "erp.example", "description": "SAP"}
    made = sdk.environments("createEnvironmentVariable", None, body, expect=201).data
    assert {name: made[name] for name in body} == body

    assert sdk.environments("getEnvironmentVariable", {"key": key}).data == made
    assert made in sdk.environments("listEnvironmentVariables").data["items"]

    changed = sdk.environments("updateEnvironmentVariable", {"key": key}, {"value": "b.example"})
    assert changed.data["value"] == "b.example"
    assert changed.data["description"] == "SAP"

    sdk.environments("deleteEnvironmentVariable", {"key": key}, expect=204)
    sdk.environments("getEnvironmentVariable", {"key": key}, expect=404)
    sdk.environments("deleteEnvironmentVariable", {"key": key}, expect=404)


def test_a_secret_variable_is_never_answered_with_its_value(
    sdk: Sdk, key: str, leaks: Leaks
) -> None:
    leaks.watch([HUSH])  # nor may it be found when all tests are over
    body = {"key": key, "type": "SecretString", "value": HUSH}
    answers = [
        sdk.environments("createEnvironmentVariable", None, body, expect=201),
        sdk.environments("getEnvironmentVariable", {"key": key}),
        sdk.environments("listEnvironmentVariables"),
        sdk.environments("updateEnvironmentVariable", {"key": key}, {"value": HUSH}),
    ]

    assert not any(HUSH in str(answer.data) for answer in answers)
    assert "value" not in answers[1].data
    assert answers[1].data["type"] == "SecretString"


def test_an_update_creates_what_is_not_there(sdk: Sdk, key: str) -> None:
    made = sdk.environments("updateEnvironmentVariable", {"key": key}, {"value": "1"}, expect=201)

    assert (made.data["type"], made.data["value"]) == ("String", "1")


def test_a_key_that_is_taken_is_a_conflict(sdk: Sdk, key: str) -> None:
    body = {"key": key, "type": "String", "value": "1"}
    sdk.environments("createEnvironmentVariable", None, body, expect=201)

    sdk.environments("createEnvironmentVariable", None, body, expect=409)


def test_what_cannot_be_is_refused(sdk: Sdk, key: str) -> None:
    for body in (
        {"key": "Not A Key", "type": "String", "value": "1"},
        {"key": key, "type": "Number", "value": "1"},
        {"key": key, "value": "1"},
        {"key": key, "type": "String", "value": 1},
    ):
        sdk.environments("createEnvironmentVariable", None, body, expect=400)
    sdk.environments("updateEnvironmentVariable", {"key": key}, {"value": 1}, expect=400)


def test_without_a_key_no_variable_is_shown(sdk: Sdk, key: str) -> None:
    for token in (None, "tl_service_wrong"):
        sdk.environments("listEnvironmentVariables", token=token, expect=401)
        sdk.environments("getEnvironmentVariable", {"key": key}, token=token, expect=401)
