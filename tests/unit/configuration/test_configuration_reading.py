from __future__ import annotations

import pytest
from tests.unit.configuration.configuration_things import KINDS

from tieline.configuration.errors import UnusableConfigurationFiles
from tieline.configuration.reading import Source, Wanted, read_sources


def read(*texts: str) -> Wanted:
    named = (Source(f"{number}.yaml", text.encode()) for number, text in enumerate(texts))
    return read_sources(named, KINDS)


def faults(*texts: str) -> list[str]:
    with pytest.raises(UnusableConfigurationFiles) as raised:
        read(*texts)
    return [str(fault) for fault in raised.value.faults]


def test_things_of_several_files_are_read_with_their_parts() -> None:
    wanted = read(
        "tieline: 1\ndesks:\n  - name: a\n    id: A1\n    drawers:\n      - {name: x, size: 2}\n",
        "tieline: 1\ndesks: [{name: b}]\nlamps: []\n",
    )

    first, second = wanted.things["desks"]
    assert (first.id, first.key, first.document) == ("a1", "a", {"name": "a"})
    assert [(part.key, part.document["size"]) for part in first.parts["drawers"]] == [("x", 2)]
    assert (second.id, second.parts) == (None, {"drawers": ()})
    assert str(second.origin) == "1.yaml:2"


def test_only_what_is_listed_is_mentioned_but_a_group_as_a_whole() -> None:
    desk, lamp, bulb = KINDS

    wanted = read("tieline: 1\nlamps: []\n")

    assert [wanted.mentions(kind) for kind in (desk, lamp, bulb)] == [False, True, True]


def test_what_comes_with_a_thing_is_added_unless_it_is_described() -> None:
    wanted = read(
        "tieline: 1\nlamps: [{name: a, size: 1}, {name: b, size: 2}]\n"
        "bulbs: [{name: bulb 2, size: 9}]"
    )

    assert [dict(bulb.document) for bulb in wanted.things["bulbs"]] == [
        {"name": "bulb 2", "size": 9},
        {"name": "bulb 1"},
    ]


def test_all_faults_of_all_files_are_found_at_once() -> None:
    assert faults(
        "tieline: 1\n"
        "desks:\n"
        "  - name: 7\n"
        "    colour: red\n"
        "    drawers:\n"
        "      - name: x\n"
        "        size: big\n"
        "      - nothing\n"
        "  - name: b\n"
        "    id: [1]\n"
        "  - name: c\n"
        "    id: a b\n"
        "  - size: 1\n",
        "tieline: 1\nlamps: 7\nchairs: []\n",
        "tieline: 2\n",
        "lamps: []\n",
        "- 1\n",
        "tieline: true\n",
        "tieline: 1\nlamps:\n\t- a\n",
        "tieline: 1\nlamps: &x []\nbulbs: *x\n",
    ) == [
        "0.yaml:3: desks[0].name: must be a text.",
        "0.yaml:4: desks[0].colour: is not known here. Check its spelling, or leave it out.",
        "0.yaml:7: desks[0].drawers[0].size: must be a whole number.",
        "0.yaml:8: desks[0].drawers[1]: must be an object that describes a drawer.",
        "0.yaml:10: desks[1].id: must be a text.",
        "0.yaml:12: desks[2].id: 'a b' is no id of this kind.",
        "0.yaml:13: desks[3]: the desk has neither a name nor an id.",
        "1.yaml:2: lamps: must be a list.",
        "1.yaml:3: chairs: is no kind of thing. There are desks, lamps, bulbs.",
        "2.yaml:1: tieline: is 2, but this Tieline reads version 1.",
        "3.yaml:1: is no configuration of Tieline: it does not say `tieline: 1`.",
        "4.yaml:1: is no configuration of Tieline: it does not say `tieline: 1`.",
        "5.yaml:1: tieline: is True, but this Tieline reads version 1.",
        "6.yaml:3: found character that cannot start any token (while scanning for the next "
        "token).",
        "7.yaml:2: &x names a place to refer to. Leave it out.",
        "7.yaml:3: *x refers to another place. Write the value itself.",
        "7.yaml:3: bulbs: must be a list.",
    ]


def test_a_byte_that_is_no_text_is_found() -> None:
    with pytest.raises(UnusableConfigurationFiles, match=r"x\.yaml:2: is no text in UTF-8"):
        read_sources([Source("x.yaml", b"tieline: 1\nlamps: [\xff]\n")], KINDS)


def test_a_byte_order_mark_does_no_harm() -> None:
    assert read_sources([Source("x", "\ufefftieline: 1".encode())], KINDS).things == {}


def test_a_secret_is_refused_by_its_name_or_its_form_and_a_reference_is_not() -> None:
    text = (
        "tieline: 1\n"
        "desks:\n"
        "  - name: a\n"
        "    password: hunter2\n"
        "    data:\n"
        "      url: https://user:word@example.com\n"
        "      api_key: '{{env.key}}'\n"
    )

    said = (
        "holds a secret in plain text. Put it into an environment variable and write `{{env.key}}`."
    )
    assert faults(text) == [
        f"0.yaml:4: desks[0].password: {said}",
        f"0.yaml:6: desks[0].data.url: {said}",
    ]
