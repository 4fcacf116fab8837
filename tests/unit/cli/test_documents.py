from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.cli.documents import read_document
from tieline.cli.errors import UnreadableFile
from tieline.kit import json


def read(tmp_path: Path, text: str, name: str = "document.yaml") -> Any:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return read_document(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(max_examples=50)
@given(JSON)
def test_json_is_read_as_it_is(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    folder = tmp_path_factory.mktemp("json")

    assert read(folder, json.dumps_str(value), "document.json") == value


def test_yaml_is_read_with_the_order_of_its_keys(tmp_path: Path) -> None:
    text = "b: 1\na:\n  - x\n  - y: |\n      two\n      lines\n"

    found = read(tmp_path, text)

    assert list(found) == ["b", "a"]
    assert found["a"] == ["x", {"y": "two\nlines\n"}]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("null", None),
        ("~", None),
        ("", None),
        ("-7", -7),
        ("12345678901234567890", 12345678901234567890),
        ("0.10", Decimal("0.10")),
        ("1.5", 1.5),
        ("1e3", Decimal("1e3")),
        ("no", "no"),
        ("Yes", "Yes"),
        ("012", "012"),
        ("1_000", "1_000"),
        ("12:30:00", "12:30:00"),
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31T08:00:00Z", "2026-01-31T08:00:00Z"),
    ],
)
def test_a_plain_value_is_what_a_person_means(tmp_path: Path, text: str, value: Any) -> None:
    found = read(tmp_path, f"value: {text}\n")["value"]

    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: [1", "line"),
        ("a: 1\na: 2", "'a' is there twice"),
        ("[1]: 2", "a key is no text"),
        ("a: !!python/object/apply:os.getcwd []", "python"),
        ("a: 1e99999", "exponent"),
        ("[" * 5000, "no valid"),
    ],
)
def test_what_cannot_be_read_is_explained(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(UnreadableFile, match=r"document\.yaml: is no valid YAML") as raised:
        read(tmp_path, text)

    assert reason in raised.value.message
    assert "\n" not in raised.value.message


def test_broken_json_is_explained(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"document\.json: is no valid JSON"):
        read(tmp_path, "{", "document.json")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "document.yaml"
    path.write_bytes(b"a: \xff")

    with pytest.raises(UnreadableFile):
        read_document(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"missing\.yaml"):
        read_document(tmp_path / "missing.yaml")
