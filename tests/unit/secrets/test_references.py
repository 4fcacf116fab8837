"""References to environment variables, found and replaced."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.database import OrgTransaction
from tieline.secrets.errors import UnresolvedVariable
from tieline.secrets.references import Resolved, names_in, references_in, resolve

TX = cast(OrgTransaction, None)


class Known:
    """Variables in memory; counts how often somebody asks."""

    def __init__(self, **values: str) -> None:
        self.values = {name.replace("__", "."): value for name, value in values.items()}
        self.asked: list[list[str]] = []

    async def values_of(self, tx: OrgTransaction, keys: Iterable[str]) -> Mapping[str, str]:
        del tx
        self.asked.append(list(keys))
        return {key: self.values[key] for key in self.asked[-1] if key in self.values}


async def resolved(value: Any, **values: str) -> Any:
    return (await resolve(Known(**values), TX, value)).value


@pytest.mark.parametrize("text", ["{{env.a}}", "{{ env.a }}", "{{\tenv.a\n}}", "{{   env.a}}"])
async def test_spaces_around_a_name_are_optional(text: str) -> None:
    assert await resolved(text, a="1") == "1"


async def test_a_reference_is_replaced_inside_a_text() -> None:
    assert await resolved("Bearer {{env.a}}-{{env.b}}!", a="1", b="2") == "Bearer 1-2!"


async def test_references_are_replaced_at_any_depth_of_a_json_value() -> None:
    value = {"a": ["{{env.x}}", {"b": "<{{env.y.z-1}}>"}], "n": 1, "t": True, "none": None}

    variables = Known(x="1")
    variables.values["y.z-1"] = "2"
    found = await resolve(variables, TX, value)

    assert found.value == {"a": ["1", {"b": "<2>"}], "n": 1, "t": True, "none": None}


async def test_all_names_are_read_at_once_each_once() -> None:
    variables = Known(a="1", b="2")

    await resolve(variables, TX, ["{{env.a}}{{env.b}}", {"x": "{{ env.a }}"}])

    assert variables.asked == [["a", "b"]]


async def test_without_references_nothing_is_read() -> None:
    variables = Known()

    assert (await resolve(variables, TX, {"a": ["plain", "{{ other.x }}", "{{env}}"]})).value == {
        "a": ["plain", "{{ other.x }}", "{{env}}"]
    }
    assert variables.asked == []


async def test_a_value_that_looks_like_a_reference_is_not_resolved_again() -> None:
    assert await resolved("{{env.a}}", a="{{env.b}} \\1 \\g<0>", b="x") == "{{env.b}} \\1 \\g<0>"


async def test_an_unknown_name_is_an_error_that_says_which_and_where() -> None:
    value = {"headers": {"x-token": "{{env.b}}"}, "steps": [{"url": "{{ env.gone }}"}]}

    with pytest.raises(UnresolvedVariable, match=r"steps\[0\]\.url: .*'gone'") as caught:
        await resolved(value, b="secret-value")
    assert "secret-value" not in caught.value.message
    assert caught.value.details == {"variable": "gone", "where": "steps[0].url"}


@pytest.mark.parametrize("name", ["", "A", "a b", "a\x00", "-a", "ü", "a/b", "a" * 500])
async def test_what_can_be_no_name_is_an_unknown_name(name: str) -> None:
    with pytest.raises(UnresolvedVariable):
        await resolved(f"{{{{env.{name}}}}}", a="1")


async def test_a_resolved_value_does_not_show_when_printed() -> None:
    found = await resolve(Known(a="secret-value"), TX, {"x": "{{env.a}}"})

    assert isinstance(found, Resolved)
    assert "secret-value" not in f"{found} {found!r}"


def test_names_are_found_in_order_each_once() -> None:
    value = {"b": "{{env.two}} {{env.one}}", "a": ["{{ env.two }}"]}

    assert names_in(value) == ["two", "one"]
    assert [(each.name, each.where) for each in references_in(value)] == [
        ("two", "b"),
        ("one", "b"),
        ("two", "a[0]"),
    ]


@given(st.text(alphabet="{}env. \n\tab", max_size=200))
async def test_any_text_is_resolved_or_refused(text: str) -> None:
    names = names_in(text)
    found = await resolved(text, **{name: "v" for name in names if name})
    assert names or found == text


def test_a_long_text_without_an_end_is_searched_quickly() -> None:
    for text in ("{{" * 100_000, "{{ " * 100_000, "{{env." * 100_000, "{{" + " " * 1_000_000):
        assert names_in(text) == []
