from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.mapping import payload as payload_module
from tieline.mapping.errors import MalformedPayload
from tieline.mapping.payload import MAX_DEPTH, parse_payload


def xml(text: str) -> Any:
    return parse_payload(text.encode(), "xml")


def test_json_loses_nothing() -> None:
    text = b'{"big": 12345678901234567890123, "price": 12.10, "pi": 3.14, "n": null}'
    value = parse_payload(text)
    assert value == {
        "big": 12345678901234567890123,
        "price": Decimal("12.10"),
        "pi": 3.14,
        "n": None,
    }
    assert str(value["price"]) == "12.10"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (b'{"a": 1,\n "b": x}', "line 2, column 7"),
        ('{"ä": x}'.encode(), "line 1, column 7"),
        (b'{"a": [1,]}', "line 1, column 10"),
        (b'{"a": 1', "ends too early at line 1, column 8"),
        (b"", "ends too early at line 1, column 1"),
        (b'{"a": NaN}', "line 1, column 7"),
        (b"1" * 5000, "out of range"),
        (b"[1e1001]", "exponent beyond 1000"),
        (b"[1e-1001]", "exponent beyond 1000"),
        (b'"\xff"', "not valid JSON"),
    ],
)
def test_malformed_json_says_where(text: bytes, where: str) -> None:
    with pytest.raises(MalformedPayload) as caught:
        parse_payload(text)
    assert where in caught.value.message
    assert (caught.value.code, caught.value.category) == ("MALFORMED_PAYLOAD", "validation")


def nested(levels: int) -> bytes:
    return b'{"a":[' * (levels // 2) + b"]}" * (levels // 2)


def test_depth_is_limited() -> None:
    assert parse_payload(nested(MAX_DEPTH)) is not None
    for levels in (MAX_DEPTH + 2, 100_000):
        with pytest.raises(MalformedPayload, match="100 levels"):
            parse_payload(nested(levels))


def test_a_wide_payload_is_not_deep() -> None:
    assert len(parse_payload(b"[" + b"{}," * 500 + b"[]]")) == 501


def test_size_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload_module, "MAX_BYTES", 5)
    assert parse_payload(b"[1,2]") == [1, 2]
    with pytest.raises(MalformedPayload, match="6 bytes; 5 are allowed"):
        parse_payload(b"[1,23]")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<a/>", {"a": None}),
        ("<a> </a>", {"a": None}),
        ("<a>text</a>", {"a": "text"}),
        ("<a> text </a>", {"a": "text"}),
        ("<a><b>1</b></a>", {"a": {"b": 1}}),
        ("<a><b>1</b><b>2</b><b>3</b></a>", {"a": {"b": [1, 2, 3]}}),
        ("<a><b/><b/></a>", {"a": {"b": [None, None]}}),
        ('<a x="1" y="z"/>', {"a": {"@x": 1, "@y": "z"}}),
        ('<a x="1">text</a>', {"a": {"@x": 1, "#text": "text"}}),
        ("<a>one<b/>two</a>", {"a": {"b": None, "#text": "onetwo"}}),
        ("<a><![CDATA[<x>]]></a>", {"a": "<x>"}),
        ("<a>x<!-- c -->y<?pi?>z</a>", {"a": "xyz"}),
        ("<a>&lt;&#228;</a>", {"a": "<ä"}),
        ('<n:a xmlns:n="urn:n" n:x="1"><n:b>t</n:b></n:a>', {"a": {"@x": 1, "b": "t"}}),
        ('<?xml version="1.0" encoding="ISO-8859-1"?><a>ä</a>', {"a": "ä"}),
        (
            "<Invoice><Partner><Id>4711</Id></Partner></Invoice>",
            {"Invoice": {"Partner": {"Id": 4711}}},
        ),
    ],
)
def test_xml_as_json(text: str, value: Any) -> None:
    assert xml(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-7", -7),
        ("1.5", 1.5),
        ("-0.25", -0.25),
        ("123456789012345", 123456789012345),
        ("1234567890123456", "1234567890123456"),
        ("007", "007"),
        ("+1", "+1"),
        ("-0", "-0"),
        ("1.10", "1.10"),
        ("1.", "1."),
        (".5", ".5"),
        ("1e5", "1e5"),
        ("0.00001", "0.00001"),
        ("٣", "٣"),
        ("true", True),
        ("false", False),
        ("True", "True"),
        ("null", "null"),
    ],
)
def test_only_canonical_numbers_become_numbers(text: str, value: Any) -> None:
    result = xml(f"<a>{text}</a>")["a"]
    assert result == value
    assert type(result) is type(value)


@settings(deadline=None)
@given(st.text("0123456789.-+e", min_size=1, max_size=18))
def test_a_converted_number_prints_as_it_was_written(text: str) -> None:
    result = xml(f"<a>{text}</a>")["a"]
    assert (result if isinstance(result, str) else json.dumps(result)) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<a><b></a>", "mismatched tag at line 1, column 9"),
        ("<a>\n<b x=1/></a>", "line 2, column 6"),
        ("text", "line 1, column 1"),
        ("", "not valid XML"),
        ("<!DOCTYPE a><a/>", "refused"),
        ('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "refused"),
        ('<!DOCTYPE a SYSTEM "http://127.0.0.1/x.dtd"><a/>', "refused"),
        ("<a>&undefined;</a>", "undefined entity"),
        ("<a>" * 101 + "</a>" * 101, "nested too deeply"),
        ("<a>" * 20_000 + "</a>" * 20_000, "nested too deeply"),
    ],
)
def test_malformed_xml_is_refused(text: str, words: str) -> None:
    with pytest.raises(MalformedPayload, match=words):
        xml(text)


def test_xml_must_be_utf_8() -> None:
    with pytest.raises(MalformedPayload, match="UTF-8"):
        parse_payload("<a>ä</a>".encode("latin-1"), "xml")


def test_a_hundred_levels_of_xml_pass() -> None:
    assert xml("<a>" * 100 + "</a>" * 100) is not None


def test_an_unknown_format_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="csv"):
        parse_payload(b"", "csv")
