"""Slugs that are made from names."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.identity.applications.models import SLUG_PATTERN
from tieline.identity.applications.slugs import distinguished, slug_of

ID = "app_01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("CRM 360", "crm-360"),
        ("  Kundenportal (Süd) ", "kundenportal-sud"),
        ("Stra\u00dfe", "strasse"),
        ("a" * 100, "a" * 63),
        ("\u6771\u4eac", "app-01arz3ndektsv4rrffq69g5fav"),
        ("---", "app-01arz3ndektsv4rrffq69g5fav"),
        (None, "app-01arz3ndektsv4rrffq69g5fav"),
    ],
)
def test_a_name_yields_a_slug(name, slug):
    assert slug_of(name, ID) == slug


@given(st.text())
def test_every_name_yields_a_valid_slug(name):
    slug = slug_of(name, ID)

    assert re.fullmatch(SLUG_PATTERN, slug)
    assert re.fullmatch(SLUG_PATTERN, distinguished(slug, ID))


def test_a_name_that_is_used_twice_is_told_apart_by_the_id():
    assert distinguished("crm-360", ID) == "crm-360-9g5fav"
    assert len(distinguished("a" * 63, ID)) == 63
