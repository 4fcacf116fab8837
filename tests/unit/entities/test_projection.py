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
