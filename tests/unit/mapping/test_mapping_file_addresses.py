from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapping_factories import FILES, attributes

BASE = "https://hub.example/erp-integration/download?orgId=org&integrationId=integration"


def file(**config: Any) -> dict[str, Any]:
    return {"attribute": "file", "file_proxy_url": config}


def url(config: dict[str, Any], payload: dict[str, Any] | None = None) -> str:
    mapped = attributes(file(**config), {"id": 1, **(payload or {})}, file_proxy=FILES)
    address: str = mapped["file"]
    return address


def test_an_address_names_organisation_integration_and_use_case() -> None:
    assert url({"use_case_slug": "invoice-files"}) == f"{BASE}&useCaseSlug=invoice-files"
    assert url({"use_case_id": "a b"}) == f"{BASE}&useCaseId=a%20b"


def test_parameters_follow_in_the_order_of_the_configuration() -> None:
    params = {
        "zone": {"constant": "north"},
        "doc": {"field": "document"},
        "deep": {"field": "$.deep.value"},
        "twice": {"jsonataExpression": "number * 2"},
    }
    payload = {"document": "D/1 ü&=", "deep": {"value": "x"}, "number": 21}
    assert url({"use_case_slug": "f", "params": params}, payload) == (
        f"{BASE}&useCaseSlug=f&zone=north&doc=D%2F1%20%C3%BC%26%3D&deep=x&twice=42"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("text", "text"),
        ("", ""),
        (True, "true"),
        (False, "false"),
        (1, "1"),
        (0, "0"),
        (12345678901234567890123, "12345678901234567890123"),
        (1.5, "1.5"),
        (Decimal("0.10"), "0.10"),
        ([1, "a"], '[1,"a"]'),
        ({"a": None}, '{"a":null}'),
    ],
)
def test_values_are_written_as_json_writes_them_texts_as_they_are(value: Any, text: str) -> None:
    for source, payload in (({"constant": value}, {}), ({"field": "v"}, {"v": value})):
        found = url({"use_case_slug": "f", "params": {"p": source}}, payload)
        assert parse_qsl(urlsplit(found).query, keep_blank_values=True)[-1] == ("p", text)


@pytest.mark.parametrize("source", [{"field": "none"}, {"field": "null"}, {"constant": None}])
def test_a_parameter_without_a_value_is_left_out(source: dict[str, Any]) -> None:
    params = {"p": source, "q": {"constant": 1}}
    assert url({"use_case_slug": "f", "params": params}, {"null": None}).endswith("=f&q=1")


def test_without_a_context_there_is_no_address_and_nothing_is_evaluated() -> None:
    params = {"p": {"jsonataExpression": "$error('never')"}}
    assert attributes(file(use_case_slug="f", params=params), {"id": 1}) == {}


def test_a_disabled_field_has_no_address() -> None:
    field = {**file(use_case_slug="f"), "enabled": "false"}
    assert attributes(field, {"id": 1}, file_proxy=FILES) == {}


RESERVED = ("orgId", "integrationId", "useCaseSlug", "useCaseId")
NAMES = st.text(min_size=1).filter(lambda name: name not in RESERVED)


@settings(deadline=None)
@given(st.dictionaries(NAMES, st.text(), max_size=4))
def test_whatever_stands_in_a_parameter_arrives(values: dict[str, str]) -> None:
    params = {name: {"constant": value} for name, value in values.items()}
    parts = urlsplit(url({"use_case_slug": "f", "params": params}))
    pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)
    assert (parts.fragment, parts.path) == ("", "/erp-integration/download")
    assert pairs == [
        ("orgId", "org"),
        ("integrationId", "integration"),
        ("useCaseSlug", "f"),
        *values.items(),
    ]
