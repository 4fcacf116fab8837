"""Large bodies that are wrong in every part cost little."""

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from tieline.http.bodies import MOST_MEMBERS, BoundedBody

MANY = 10_000


class Entry(BaseModel):
    """An entry that other classes use too."""

    number: int


class Strict(BoundedBody):
    """A body that takes known names only."""

    model_config = ConfigDict(extra="forbid")

    names: list[str] = []
    entries: list[Entry] | None = None
    either: str | list[str] = ""


class Free(BoundedBody):
    """A body that takes any name."""

    model_config = ConfigDict(extra="allow")


def faults(kind: Any, value: object) -> int:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(value)
    return refused.value.error_count()


@pytest.mark.parametrize("name", ["names", "entries"])
def test_a_list_is_read_up_to_its_first_wrong_entry(name: str) -> None:
    assert faults(Strict, {name: [None] * MANY}) == 1


def test_a_list_that_is_an_alternative_is_too() -> None:
    assert faults(Strict, {"either": [None] * MANY}) == 2


def test_an_object_with_a_crowd_of_unknown_names_is_refused_at_once() -> None:
    assert faults(Strict, {f"name_{n}": n for n in range(MANY)}) == 1
    assert faults(Strict, {f"name_{n}": n for n in range(MOST_MEMBERS)}) == MOST_MEMBERS


def test_an_object_that_takes_any_name_may_have_many() -> None:
    assert len(Free.model_validate({f"name_{n}": n for n in range(MANY)}).model_dump()) == MANY
