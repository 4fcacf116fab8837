from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import yaml as reference
from hypothesis import example, given
from hypothesis import strategies as st

from tieline.kit import json, yaml
from tieline.kit.yaml import reading

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
LINES = st.lists(st.text(" \tab:#-'\"\\\r\u0085\u2028é", max_size=4), max_size=5).map("\n".join)
NUMBER = (
    st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False, places=3)
    | st.floats(allow_nan=False, allow_infinity=False)
)
SCALAR = st.none() | st.booleans() | NUMBER.map(lambda n: json.loads(json.dumps(n))) | TEXT | LINES
JSON = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT | LINES, inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(params=["C", "Python"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the two parsers of which one is there."""
    loader = reference.CLoader if request.param == "C" else reference.Loader
    monkeypatch.setattr(reading, "_PARSER", loader)


@given(JSON)
@example(
    {"a": "x\n\n", "b": " x\ny", "c": "\n x\n  ", "d": "\n\n", "e": "a\n  \n", "f": "\tx\ny\t"}
)
@example({"k" * 1100: {"l" * 1100: ["m\nn", {}, [], [[1]]]}, "": ""})
@example({"#": "- a", "? b": "a: b", "c:": "a #b", "<<": "*x", "'": 'it\'s "so"', "%": "@`!&"})
@example({"a": ["no", "012", "1_000", "12:30:00", "2026-01-31", "~", "0x1F", ".5", "1.", "null"]})
@example([Decimal("1E+16"), 10**40, Decimal("0.10"), -0.0, 5e-324, "1e5", "+1", "1.5"])
def test_what_is_written_is_read_again(value: Any) -> None:
    text = yaml.dumps(value)

    assert json.dumps(yaml.loads(text)) == json.dumps(value)
    assert yaml.dumps(yaml.loads(text)) == text


@pytest.mark.usefixtures("parser")
def test_both_parsers_read_what_is_written() -> None:
    value = {
        "a": "\tx\n  y \n\n",
        "b": ["\n z\n", "é\u2028\x7f😀", " ", {"c:": [[], [1, "- "]]}],
        "k" * 2000: {"x": "l\nm"},
    }

    assert yaml.loads(yaml.dumps(value)) == value


@given(st.dictionaries(TEXT, st.booleans() | TEXT | LINES | st.integers(), max_size=5))
def test_other_readers_find_the_same(value: dict[str, Any]) -> None:
    assert reference.safe_load(yaml.dumps(value)) == value


def test_it_reads_well() -> None:
    value = {
        "name": "ERP",
        "enabled": True,
        "fields": [{"attribute": "name", "jsonataExpression": "$trim(first)\n  & ' ' & last\n"}],
        "tags": [],
        "plain": "$sum(items.(price * 2)) > 7 ? 'a' : \"b\"",
        "nested": [["x"], "y"],
        "windows": "a\r\nb",
    }

    assert yaml.dumps(value) == (
        "name: ERP\n"
        "enabled: true\n"
        "fields:\n"
        "  - attribute: name\n"
        "    jsonataExpression: |\n"
        "      $trim(first)\n"
        "        & ' ' & last\n"
        "tags: []\n"
        "plain: '$sum(items.(price * 2)) > 7 ? ''a'' : \"b\"'\n"
        "nested:\n"
        "  - - x\n"
        "  - y\n"
        'windows: "a\\r\\nb"\n'
    )


@pytest.mark.usefixtures("parser")
def test_each_part_has_its_line() -> None:
    document = yaml.read("# nothing\na:\n  - x\n  - b: 1\n    c:\n\nd: {e: 2}\n")

    assert {path: line for path, line in document.lines.items() if path} == {
        ("a",): 2,
        ("a", 0): 3,
        ("a", 1): 4,
        ("a", 1, "b"): 4,
        ("a", 1, "c"): 5,
        ("d",): 7,
        ("d", "e"): 7,
    }
    assert document.line(("a", 1, "missing")) == 4


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("a: 1\nb: 2\na: 3\n", [(3, "the key 'a' is there twice")]),
        ("a: &x [1]\nb: *x\n", [(1, "&x names a place"), (2, "*x refers to another place")]),
        ("a: !!binary abc\nb: !x 1\n", [(1, "the tag tag:yaml.org"), (2, "the tag !x")]),
        ("? [1]\n: 2\n", [(1, "a key is no text")]),
        ("a: 1\n---\nb: 2\n", [(2, "a second document")]),
        ("a: 1\n\tb: 2\n", [(2, "")]),
        ("a: [1\nb: 2\n", [(2, "while parsing a flow")]),
        ('a: "\\0"\n', [(1, "U+0000")]),
        ("a:\n  - 1e99999\n", [(2, "exponent")]),
        ("a: " + "9" * 5000, [(1, "digits")]),
        ("- " * 200 + "x", [(1, "deeper than 100 levels")]),
    ],
)
def test_what_is_not_json_is_refused_by_its_line(text: str, faults: list[tuple[int, str]]) -> None:
    with pytest.raises(yaml.InvalidYaml) as raised:
        yaml.loads(text)

    found = raised.value.faults
    assert [fault.line for fault in found] == [line for line, _ in faults]
    assert all(words in fault.message for fault, (_, words) in zip(found, faults, strict=True))


def test_a_document_that_multiplies_itself_is_refused_at_once() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ]

    with pytest.raises(yaml.InvalidYaml):
        yaml.loads("\n".join(lines))
