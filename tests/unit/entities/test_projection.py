"""Fields to show."""

from __future__ import annotations

from typing import Any

import pytest

from tieline.entities.projection import Projection

DOCUMENT: dict[str, Any] = {
    "_id": "1",
    "name": "Jane",
    "email": [{"email": "a", "main": True}, {"email": "b"}],
    "address": {"city": "Köln", "street": {"name": "Dom", "number": 1}},
    "empty": {},
}


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ([], DOCUMENT),
        (["name"], {"name": "Jane"}),
        (["name", "missing"], {"name": "Jane"}),
        (["name.first"], {}),
        (["email.email"], {"email": [{"email": "a"}, {"email": "b"}]}),
        (["email.main"], {"email": [{"main": True}, {}]}),
        (["address.city"], {"address": {"city": "Köln"}}),
        (["address.*"], {"address": DOCUMENT["address"]}),
        (["address.*.name"], {"address": {"street": {"name": "Dom"}}}),
        (["**.name"], {"name": "Jane", "address": {"street": {"name": "Dom"}}}),
        (["**"], DOCUMENT),
        (["*a*"], {key: DOCUMENT[key] for key in ("name", "email", "address")}),
        (["na*e"], {"name": "Jane"}),
        (["!_id", "!email", "!address", "!empty"], {"name": "Jane"}),
        (["name", "_id", "!_id"], {"name": "Jane"}),
        (["address", "!address.street"], {"address": {"city": "Köln"}}),
        (["address", "!**.number"], {"address": {"city": "Köln", "street": {"name": "Dom"}}}),
        (["email", "!email.main"], {"email": [{"email": "a"}, {"email": "b"}]}),
        (["!*"], {}),
        (["!name.first"], DOCUMENT),
    ],
)
def test_shows_the_selection(fields: list[str], shown: dict[str, Any]) -> None:
    assert Projection(fields)(DOCUMENT) == shown


@pytest.mark.parametrize(
    ("pattern", "name", "shown"),
    [
        ("a*b*c", "a-b-c", True),
        ("a*b*c", "abcc", True),
        ("a*b*c", "acb", False),
        ("*a*a*", "a", False),
        ("a*a", "a", False),
        ("*", "two\nlines", True),
    ],
)
def test_wildcards_stand_for_any_text(pattern: str, name: str, shown: bool) -> None:
    assert Projection([pattern])({name: 1}) == ({name: 1} if shown else {})


def test_many_wildcards_take_no_time() -> None:
    assert Projection(["*a" * 40 + "*b"])({"a" * 200: 1}) == {}


def test_any_depth_a_thousand_times_is_any_depth() -> None:
    assert Projection(["**." * 5_000 + "city"])(DOCUMENT) == {"address": {"city": "Köln"}}
