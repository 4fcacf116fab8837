from __future__ import annotations

from typing import Any

from tests.unit.configuration.configuration_things import Desk

from tieline.configuration.comparison import differences
from tieline.configuration.models import Thing
from tieline.configuration.plans import Action, Plan, Step, Unmanaged
from tieline.configuration.rendering import as_json, as_text

DESK = Desk()


def change(old: dict[str, Any], new: dict[str, Any]) -> Plan:
    found = tuple(differences(old, new))
    step = Step(DESK, Action.CHANGE, Thing("1", "a", old), Thing("1", "a", new), found)
    return Plan((step,), ())


def test_a_plan_reads_like_a_review() -> None:
    old = {
        "name": "a",
        "gone": 1,
        "size": 1,
        "text": "one\ntwo\nthree\n",
        "order": {"x": 1, "y": 2},
    }
    new = {"name": "a", "size": 2, "text": "one\n2\nthree\n", "order": {"y": 2, "x": 1}, "new": [1]}
    plan = change(old, new)
    created = Step(DESK, Action.CREATE, None, Thing(None, "b", {}))
    deleted = Step(DESK, Action.DELETE, Thing("3", "c", {}), None)
    plan = Plan(
        (*plan.steps, created, deleted),
        (Unmanaged("desk 'd' (4)"), Unmanaged("lamp 'e' (5)", "lamps burn for ever")),
        ("f:1: desks[0].x: is not known.",),
    )

    assert as_text(plan) == (
        "~ desk 'a'\n"
        "    ~ size: 1 -> 2\n"
        "    ~ text:\n"
        "        - two\n"
        "        + 2\n"
        "    ~ order: its keys in another order\n"
        "    + new: [1]\n"
        "    - gone: 1\n"
        "+ desk 'b'\n"
        "- desk 'c'\n"
        "\n"
        "Not in the files, and left as they are:\n"
        "  desk 'd' (4)\n"
        "  lamp 'e' (5) (lamps burn for ever)\n"
        "\n"
        "Without effect:\n"
        "  f:1: desks[0].x: is not known.\n"
        "\n"
        "1 to create, 1 to change, 1 to delete."
    )


def test_nothing_to_do_is_said() -> None:
    assert as_text(Plan((), ())) == "Nothing to do."


def test_long_values_are_cut() -> None:
    shown = as_text(change({"a": "x" * 500, "b": "\n".join("abcdefghijkl")}, {"b": "\n"}))

    assert "x" * 115 in shown
    assert "x" * 130 not in shown
    assert "more lines" in shown


def test_a_stored_secret_is_not_shown() -> None:
    old = {"password": "hunter2", "data": {"headers": {"token": "word"}, "url": "https://u:pw9@h"}}
    plan = change(old, {"password": "{{env.key}}"})

    for shown in (as_text(plan), str(as_json(plan))):
        assert "{{env.key}}" in shown
        assert not any(secret in shown for secret in ("hunter2", 'word"', "'word'", "pw9"))


def test_programs_read_the_same() -> None:
    assert as_json(change({"size": 1, "old": None}, {"size": 2})) == {
        "changes": [
            {
                "action": "change",
                "kind": "desk",
                "id": "1",
                "name": "desk 'a'",
                "differences": [{"path": "size", "old": 1, "new": 2}, {"path": "old", "old": None}],
            }
        ],
        "unmanaged": [],
        "warnings": [],
    }
