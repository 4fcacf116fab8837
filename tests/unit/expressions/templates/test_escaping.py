"""Values are written as their place needs it, so that they can end nothing that surrounds them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.expressions.templates.errors import TemplateFailed
from tieline.expressions.templates.escaping import (
    Address,
    Escaping,
    Form,
    HeaderValue,
    JsonText,
    Markup,
)
from tieline.expressions.templates.reading import parse
from tieline.expressions.templates.rendering import render

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def written(source: str, escaping: Escaping, secret: str = "s", **context: Any) -> str:
    template = parse(source, kept=("env",))
    return render(template, context, escaping).fill({"env.s": secret})


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("https://e/{{v}}", "https://e/a%2Fb%20%26%3F%23"),
        ("https://e/{{{v}}}", "https://e/a/b &?#"),
        ("https://e/?a={{v}}&b={{v}}", "https://e/?a=a%2Fb%20%26%3F%23&b=a%2Fb%20%26%3F%23"),
        ("{{u}}/x?a={{u}}", "https://e?a=1&b/x?a=https%3A%2F%2Fe%3Fa%3D1%26b"),
        ("{{missing}}{{u}}", "https://e?a=1&b"),
        ("{{env.s}}/{{v}}", "s/+/a%2Fb%20%26%3F%23"),
        ("https://e/{{env.s}}", "https://e/s%2F%2B"),
        ("https://e/{{{env.s}}}", "https://e/s/+"),
        ("{{#if v}}https://e/{{/if}}{{v}}", "https://e/a%2Fb%20%26%3F%23"),
    ],
)
def test_an_address_may_begin_with_a_value_and_escapes_all_others(
    source: str, address: str
) -> None:
    found = written(source, Address(), "s/+", v="a/b &?#", u="https://e?a=1&b")

    assert found == address


@pytest.mark.parametrize("value", [".", ".."])
def test_a_value_that_would_climb_in_an_address_is_refused(value: str) -> None:
    with pytest.raises(TemplateFailed):
        written("https://e/files/{{v}}", Address(), v=value)


@given(st.text())
def test_a_value_stays_in_its_part_of_an_address(value: str) -> None:
    if value in (".", ".."):
        return
    parts = urlsplit(written("https://e/x/{{v}}/y?q={{v}}#f", Address(), v=value))

    assert parts.netloc == "e"
    assert [unquote(each) for each in parts.path.split("/")] == ["", "x", value, "y"]
    assert parse_qsl(parts.query, keep_blank_values=True) == [("q", value)]
    assert parts.fragment == "f"


@given(JSON_VALUES)
def test_a_json_text_stays_one_whatever_the_value(value: Any) -> None:
    source = '{"text": "<{{v}}>", "value": {{v}}, "list": [{{v}}, 1], "secret": "{{env.s}}"}'
    secret = value if isinstance(value, str) else "x"

    found = json.loads(written(source, JsonText(), secret, v=value))

    assert len(found["list"]) == 2
    assert found["secret"] == secret
    text = value if isinstance(value, str) else found["text"][1:-1]
    assert found["text"] == f"<{text}>"
    if not isinstance(value, str):
        assert found["value"] == value
    elif found["value"] != value:  # a text that is a number or a literal
        assert json.loads(value) == found["value"]


@pytest.mark.parametrize(
    ("value", "written_as"),
    [
        ("5", "5"),
        ("-1.5e3", "-1.5e3"),
        ("true", "true"),
        ("null", "null"),
        ("05", '"05"'),
        ("5, 6", '"5, 6"'),
        ("", '""'),
        (None, "null"),
        ("NaN", '"NaN"'),
    ],
)
def test_outside_of_quotes_a_value_is_a_json_value(value: Any, written_as: str) -> None:
    assert written('{"a\\"{": {{v}}}', JsonText(), v=value) == f'{{"a\\"{{": {written_as}}}'


def test_a_raw_value_in_json_is_taken_at_its_word() -> None:
    assert written('{"a": {{{v}}}, "b": "{{w}}"}', JsonText(), v='"x"', w='"') == (
        '{"a": "x", "b": "\\""}'
    )


@given(st.text())
def test_a_form_has_the_fields_that_were_meant(value: str) -> None:
    found = written("a={{v}}&b={{env.s}}", Form(), value, v=value)

    assert parse_qsl(found, keep_blank_values=True) == [("a", value), ("b", value)]


@pytest.mark.parametrize("source", ["{{v}}", "{{{v}}}", "{{env.s}}", "{{{env.s}}}"])
@pytest.mark.parametrize("value", ["a\r\nX: 1", "a\nb", "a\x00b", "\x7f"])
def test_nothing_ends_a_header(source: str, value: str) -> None:
    with pytest.raises(TemplateFailed) as caught:
        written(source, HeaderValue(), value, v=value)

    assert value not in caught.value.message


def test_a_header_takes_a_tab_and_whatever_else_is_printable() -> None:
    assert written("{{v}}", HeaderValue(), v="a\tß") == "a\tß"


def test_markup_is_escaped_unless_it_is_raw() -> None:
    assert written("<a x='{{v}}'>{{{v}}}</a>", Markup(), v="<'&\">") == (
        "<a x='&lt;&#x27;&amp;&quot;&gt;'><'&\"></a>"
    )
