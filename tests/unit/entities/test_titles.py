"""The titles of entities."""

from __future__ import annotations

from typing import Any

import pytest

from tieline.entities.titles import MAX_TITLE_LENGTH, title_of


@pytest.mark.parametrize(
    ("attributes", "template", "title"),
    [
        ({"_title": "Given", "name": "x"}, "{{name}}", "Given"),
        ({"_title": " ", "name": "Fallback"}, None, "Fallback"),
        ({"first_name": "Jane", "last_name": "Doe"}, "{{last_name}}, {{first_name}}", "Doe, Jane"),
        ({"first_name": "Jane"}, "{{first_name}} {{last_name}}", "Jane"),
        ({"number": 5}, "{{ number }} - {{name}}", "5"),
        ({"a": {"b": [{"c": "deep"}]}}, "{{a.b.c}}", "deep"),
        ({"a": ["first", "second"]}, "{{{a}}}", "first"),
        ({"name": "Name"}, "{{missing}}", "Name"),
        ({"name": "Name"}, "Fixed", "Fixed"),
        ({"a": {"b": 1}}, "{{a}} {{#if a}}x{{/if}}", None),
        ({"last_name": "Doe"}, None, "Doe"),
        ({"title": "Dr.", "first_name": "Jane"}, None, "Dr."),
        ({"contract_number": 4711}, None, "4711"),
        ({"name": "two\n  lines"}, None, "two lines"),
        ({"name": None, "title": [], "label": {}}, None, None),
        ({}, None, None),
    ],
)
def test_title(attributes: dict[str, Any], template: str | None, title: str | None) -> None:
    assert title_of(attributes, template) == title


def test_titles_are_short() -> None:
    assert title_of({"name": "x" * 10_000}, None) == "x" * MAX_TITLE_LENGTH


def test_a_template_of_blanks_takes_no_time() -> None:
    template = "{{" + " " * 100_000
    assert title_of({"name": "Name"}, template) == "{{"


def test_a_long_text_named_many_times_stays_short() -> None:
    assert title_of({"a": "x" * 5_000_000}, "{{a}} " * 300) == "x" * MAX_TITLE_LENGTH
