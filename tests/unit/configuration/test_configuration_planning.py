from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from tests.unit.configuration.configuration_things import KINDS

from tieline.configuration.models import Fault, Thing
from tieline.configuration.planning import make_plan
from tieline.configuration.plans import Action, Plan, Unmanaged
from tieline.configuration.reading import Source, read_sources
from tieline.configuration.rendering import flat_steps


def thing(
    key: str, thing_id: str | None = None, drawers: Sequence[Thing] = (), **more: Any
) -> Thing:
    return Thing(thing_id, key, {"name": key, **more}, {"drawers": tuple(drawers)})


def plan(
    current: Mapping[str, Sequence[Thing]], text: str, *, prune: bool = False
) -> tuple[Plan, list[Fault]]:
    wanted = read_sources([Source("f", f"tieline: 1\n{text}\n".encode())], KINDS)
    return make_plan(KINDS, current, wanted, prune=prune)


def steps(found: tuple[Plan, list[Fault]]) -> list[tuple[Action, str]]:
    assert found[1] == []
    return [(step.action, named) for named, step in flat_steps(found[0])]


def test_what_is_as_it_should_be_is_kept() -> None:
    current = {"desks": [thing("a", "1", [thing("x", "2")])]}

    assert steps(plan(current, "desks: [{name: a, drawers: [{name: x}]}]")) == []


def test_things_are_created_and_changed_with_their_parts() -> None:
    current = {"desks": [thing("a", "1", [thing("x", "2"), thing("y", "3", size=1)])]}

    found = plan(current, "desks: [{name: a, drawers: [{name: y, size: 2}, {name: z}]}, {name: b}]")

    assert steps(found) == [
        (Action.CHANGE, "desk 'a' / drawer 'y'"),
        (Action.CREATE, "desk 'a' / drawer 'z'"),
        (Action.CREATE, "desk 'b'"),
    ]
    assert found[0].unmanaged == (Unmanaged("desk 'a' / drawer 'x' (2)"),)


def test_an_id_finds_a_thing_that_has_another_name_now() -> None:
    found = plan({"desks": [thing("a", "1"), thing("b", "2")]}, "desks: [{name: b2, id: '2'}]")

    [(named, step)] = flat_steps(found[0])
    assert (step.action, named) == (Action.CHANGE, "desk 'b2'")
    assert step.current is not None
    assert step.current.key == "b"


def test_two_things_of_one_name_are_told_apart_by_their_ids() -> None:
    current = {"desks": [thing("a", "1"), thing("a", "2", size=5)]}

    found = plan(current, "desks: [{name: a, id: '2', size: 5}, {name: a}]")

    assert steps(found) == []


def test_a_second_thing_of_the_same_name_and_another_id_is_new() -> None:
    found = plan({"desks": [thing("a", "1")]}, "desks: [{name: a, id: '1'}, {name: a, id: '2'}]")

    assert steps(found) == [(Action.CREATE, "desk 'a'")]


@pytest.mark.parametrize(
    ("current", "text", "fault"),
    [
        (
            [thing("a", "1"), thing("a", "2")],
            "desks: [{name: a}]",
            "f:2: desks[0].id: several things are the desk 'a': 1 and 2. Say which by `id`.",
        ),
        (
            [thing("a", "1")],
            "desks: [{name: a, id: '2'}]",
            "f:2: desks[0].id: has another id than the desk 'a' that exists: 1. Write that id, or "
            "none; or give one of the two another name.",
        ),
        (
            [],
            "desks:\n  - name: a\n  - name: a",
            "f:4: desks[1]: the desk at f:3 has the name 'a' too. Keep one of them.",
        ),
        (
            [],
            "desks:\n  - {name: a, id: '1'}\n  - {name: b, id: '1'}",
            "f:4: desks[1]: the desk at f:3 has the id 1 too. Keep one of them.",
        ),
    ],
)
def test_what_is_ambiguous_is_refused_and_both_are_named(
    current: list[Thing], text: str, fault: str
) -> None:
    assert [str(one) for one in plan({"desks": current}, text)[1]] == [fault]


def test_what_no_file_speaks_of_is_deleted_only_by_pruning() -> None:
    current = {
        "desks": [thing("a", "1", [thing("x", "2")]), thing("b", "3")],
        "lamps": [thing("l", "4")],
        "bulbs": [thing("m", "5")],
    }
    text = "desks: [{name: a}]\nbulbs: []"

    kept, pruned = plan(current, text), plan(current, text, prune=True)

    assert steps(kept) == []
    assert [one.named for one in kept[0].unmanaged] == [
        "desk 'a' / drawer 'x' (2)",
        "desk 'b' (3)",
        "lamp 'l' (4)",
        "bulb 'm' (5)",
    ]
    assert steps(pruned) == [
        (Action.DELETE, "desk 'a' / drawer 'x'"),
        (Action.DELETE, "desk 'b'"),
        (Action.DELETE, "bulb 'm'"),
    ]
    assert pruned[0].unmanaged == (Unmanaged("lamp 'l' (4)", "lamps burn for ever"),)


def test_pruning_leaves_kinds_alone_that_no_file_mentions() -> None:
    found = plan({"desks": [thing("a", "1")]}, "lamps: []", prune=True)

    assert steps(found) == []
    assert found[0].unmanaged == (Unmanaged("desk 'a' (1)", "no file mentions any"),)
