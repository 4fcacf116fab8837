"""The words in which a refused request is described."""

from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from tieline.http.errors import describe


class Order(BaseModel):
    """Every kind of field that the APIs have."""

    model_config = ConfigDict(extra="forbid")

    payload: str | dict[str, Any]
    limit: int = Field(1, ge=1, le=5)
    status: Literal["open", "any"] = "any"
    id: UUID | None = None
    ids: list[str] = Field([], max_length=1)
    dry_run: bool = False
    slug: str = Field("a", pattern="^[a-z]+$")
    budget: Decimal = Field(Decimal(1), gt=0, max_digits=5, decimal_places=2)

    @field_validator("slug")
    @classmethod
    def _refuse_stop(cls, slug: str) -> str:
        if slug == "stop":
            raise ValueError("stop is no slug. Choose another one.")
        return slug

    @model_validator(mode="after")
    def _refuse_both(self) -> "Order":
        if self.id and self.ids:
            raise ValueError("send either id or ids")
        return self


def described(body: object) -> str:
    with pytest.raises(ValidationError) as refused:
        Order.model_validate(body)
    faults = refused.value.errors()
    return describe([{**fault, "loc": ("body", *fault["loc"])} for fault in faults])


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"payload": None}, "payload: must be a text or an object."),
        ({"limit": 9}, "limit: must be at most 5."),
        ({"limit": "x"}, "limit: must be a whole number."),
        ({"status": "shut"}, "status: must be 'open' or 'any'."),
        ({"id": "x"}, "id: must be a UUID."),
        ({"ids": "x"}, "ids: must be a list."),
        ({"ids": ["a", "b"]}, "ids: has too many entries: 1 at most."),
        ({"ids": [5]}, "ids.0: must be a text."),
        ({"dry_run": "x"}, "dry_run: must be true or false."),
        ({"slug": "A"}, "slug: must match the pattern ^[a-z]+$."),
        ({"slug": "stop"}, "slug: stop is no slug. Choose another one."),
        ({"budget": "x"}, "budget: must be a number."),
        ({"budget": True}, "budget: must be a number."),
        ({"budget": float("nan")}, "budget: must be a number."),
        ({"budget": 0}, "budget: must be more than 0."),
        ({"budget": "1.234"}, "budget: must have at most 2 digits after the point."),
        ({"budget": 123456}, "budget: must have at most 5 digits."),
        ({"budget": 12345}, "budget: must have at most 3 digits before the point."),
        ({"limits": 1}, "limits: is not known here. Check its spelling, or leave it out."),
        ({"str": 1}, "str: is not known here. Check its spelling, or leave it out."),
        ({"id": str(UUID(int=0)), "ids": ["a"]}, "The request: send either id or ids."),
    ],
)
def test_a_fault_is_named_by_its_field_and_told_in_plain_words(
    sent: dict[str, Any], words: str
) -> None:
    assert described({"payload": "x", **sent}) == words


def test_several_faults_are_told_one_after_the_other() -> None:
    assert described({"limit": 0}) == "payload: is missing. Send it. limit: must be at least 1."


def test_of_very_many_faults_the_first_are_told() -> None:
    words = described({f"extra_{n}": n for n in range(50)})
    assert words.count("is not known here") == 19
    assert words.endswith(" There are 31 more faults.")


def test_a_body_of_the_wrong_kind_is_named() -> None:
    assert described([]) == "The body must be an object."


def test_no_body_is_told_as_such() -> None:
    assert describe([{"type": "missing", "loc": ("body",), "msg": "Field required"}]) == (
        "The body is missing. Send it."
    )
