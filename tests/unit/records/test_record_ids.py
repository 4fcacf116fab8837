"""Ids of records: what is stored, and what is shown."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.records.identifiers import TextForm, UuidForm

APPLICATION = UuidForm("app")
KEY = TextForm("key", stored_prefix="api")


@given(st.uuids())
def test_a_uuid_comes_back_from_its_shown_form(value: UUID) -> None:
    shown = APPLICATION.to_wire(value)

    assert shown.startswith("app_")
    assert len(shown) == 30
    assert APPLICATION.from_wire(shown) == value


def test_the_shown_form_is_the_crockford_text_of_the_same_bits() -> None:
    value = UUID("01563e3a-b5d3-d676-4c61-efb99302bd5b")

    assert APPLICATION.to_wire(value) == "app_01ARZ3NDEKTSV4RRFFQ69G5FAV"


def test_a_lower_case_id_is_understood() -> None:
    shown = APPLICATION.to_wire(UUID(int=2**120 + 7))

    assert APPLICATION.from_wire(f"app_{shown[4:].lower()}") == UUID(int=2**120 + 7)


def test_a_stored_text_keeps_its_ulid_and_changes_its_prefix() -> None:
    stored = "api_01ARZ3NDEKTSV4RRFFQ69G5FAV"

    assert KEY.to_wire(stored) == "key_01ARZ3NDEKTSV4RRFFQ69G5FAV"
    assert KEY.from_wire("key_01ARZ3NDEKTSV4RRFFQ69G5FAV") == stored
    assert KEY.from_wire(stored) == stored


@pytest.mark.parametrize(
    "text",
    [
        "",
        "app_",
        "app_01ARZ3NDEKTSV4RRFFQ69G5FA",
        "app_01ARZ3NDEKTSV4RRFFQ69G5FAVV",
        "app_81ARZ3NDEKTSV4RRFFQ69G5FAV",  # more than 128 bits
        "app_01ARZ3NDEKTSV4RRFFQ69G5FAU",  # no digit of Crockford's
        "cnn_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "app-01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "app_01ARZ3NDEKTSV4RRFFQ69G5FAV\n",
        "app_\u0660" + "1" * 25,
        "01563e3a-b5d3-d676-4c61-efb99302bd5b",
    ],
)
def test_all_else_is_no_id(text: str) -> None:
    assert APPLICATION.from_wire(text) is None
    assert KEY.from_wire(text.replace("app_", "api_")) is None
