from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.configuration.configuration_things import KINDS

from tieline.configuration.errors import UnusableConfigurationFiles
from tieline.configuration.files import read_files, write_files
from tieline.configuration.models import Thing
from tieline.configuration.planning import make_plan
from tieline.configuration.reading import Source, read_sources
from tieline.configuration.rendering import flat_steps
from tieline.configuration.writing import HEADER, export_document, export_files, slug_of

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)
FIELDS = ("name", "size", "data")
DOCUMENTS = st.fixed_dictionaries(
    {"name": NAMES},
    optional={
        "size": st.integers(),
        "data": st.dictionaries(
            st.text("xyz"), st.integers() | st.lists(st.none() | st.text("a\n: ")), max_size=3
        ),
    },
)


def distinct(found: list[Thing]) -> list[Thing]:
    return list({thing.id: thing for thing in found}.values())


@st.composite
def things(draw: st.DrawFn, depth: int = 1) -> Thing:
    drawn = draw(DOCUMENTS)
    document = {field: drawn[field] for field in FIELDS if field in drawn}
    parts = draw(st.lists(things(depth - 1), max_size=2).map(distinct)) if depth else []
    thing_id = f"id{draw(st.integers(0, 10**9))}"
    return Thing(thing_id, document["name"], document, {"drawers": tuple(parts)} if depth else {})


@given(st.lists(things(), max_size=4).map(distinct))
def test_what_is_exported_is_just_what_there_is(desks: list[Thing]) -> None:
    current = {"desks": desks, "lamps": [], "bulbs": []}
    files = export_files(KINDS, current).files
    one = export_document(KINDS, current).files["-"]

    for sources in (files, {"-": one}):
        wanted = read_sources([Source(n, text.encode()) for n, text in sources.items()], KINDS)
        plan, faults = make_plan(KINDS, current, wanted, prune=True)
        again = export_document(KINDS, wanted.things)

        assert (flat_steps(plan), plan.unmanaged, faults) == ([], (), [])
        assert sorted(again.files["-"].splitlines()) == sorted(one.splitlines())


def desk(key: str, thing_id: str, **more: Any) -> Thing:
    return Thing(thing_id, key, {"name": key, **more}, {"drawers": ()})


def test_files_are_named_after_what_they_hold() -> None:
    desks = [desk("SAP Größe", "2"), desk("sap groesse!", "1"), desk("Ω", "3"), desk("b", "4")]

    files = export_files(KINDS, {"desks": desks, "lamps": [], "bulbs": []}).files

    assert list(files) == [
        "desks/sap-groesse-2.yaml",
        "desks/b.yaml",
        "desks/sap-groesse.yaml",
        "desks/unnamed.yaml",
        "light.yaml",
    ]
    assert files["desks/b.yaml"] == f'{HEADER}tieline: 1\ndesks:\n  - name: b\n    id: "4"\n'
    assert files["light.yaml"] == f"{HEADER}tieline: 1\nlamps: []\nbulbs: []\n"


def test_without_any_thing_the_kind_is_mentioned_all_the_same() -> None:
    files = export_files(KINDS, {"desks": [], "lamps": [], "bulbs": []}).files

    assert files["desks.yaml"] == f"{HEADER}tieline: 1\ndesks: []\n"


@pytest.mark.parametrize(
    ("text", "slug"),
    [("Äpfel & Öl", "aepfel-oel"), ("é../x", "e-x"), ("", "unnamed"), ("a" * 99, "a" * 80)],
)
def test_a_slug_is_a_name_on_any_system(text: str, slug: str) -> None:
    assert slug_of(text) == slug


def test_a_secret_is_left_out_and_reported_by_its_place_alone() -> None:
    data = {"headers": [{"name": "Authorization", "value": "word"}], "token": "{{ env.t }}"}
    desks = [desk("a", "1", password="hunter2", data=data)]

    done = export_document(KINDS, {"desks": desks, "lamps": [], "bulbs": []})

    assert done.left_out == ("desk 'a': password", "desk 'a': data.headers[0].value")
    assert "hunter2" not in done.files["-"]
    assert "word\n" not in done.files["-"].replace("password", "")
    assert "{{ env.t }}" in done.files["-"]
    with pytest.raises(UnusableConfigurationFiles, match="secret in plain text"):
        read_sources([Source("-", done.files["-"].encode())], KINDS)


# --- the files themselves


def test_an_export_replaces_the_one_before_and_nothing_else(tmp_path: Path) -> None:
    write_files(
        tmp_path, {"desks/a.yaml": f"{HEADER}a\n", "desks/b.yaml": f"{HEADER}b\n"}, ["desks"]
    )
    (tmp_path / "desks" / "mine.yaml").write_text("# my own\n")
    (tmp_path / "light.yaml").write_text(f"{HEADER}x\n")
    inode = (tmp_path / "desks" / "b.yaml").stat().st_ino

    removed = write_files(tmp_path, {"desks/b.yaml": f"{HEADER}b\n"}, ["desks"])

    assert removed == ["desks/a.yaml"]
    assert (tmp_path / "desks" / "b.yaml").stat().st_ino == inode
    assert sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.yaml")) == [
        "desks/b.yaml",
        "desks/mine.yaml",
        "light.yaml",
    ]


def test_files_are_read_in_the_order_of_their_names_and_hidden_ones_are_not(tmp_path: Path) -> None:
    for name in ("b.yml", "a/c.yaml", ".git/x.yaml", "a/.y.yaml", "readme.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)

    assert [(source.name, source.content) for source in read_files(tmp_path)] == [
        ("a/c.yaml", b"a/c.yaml"),
        ("b.yml", b"b.yml"),
    ]
    assert [source.name for source in read_files(tmp_path / "b.yml")] == [str(tmp_path / "b.yml")]


def test_nothing_and_too_much_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as opened:
        os.truncate(opened.fileno(), 64_000_001)

    for path, reason in (
        (tmp_path / "missing", "no such file"),
        (tmp_path / "empty", "no YAML file"),
        (huge, "64,000,001 bytes"),
    ):
        with pytest.raises(UnusableConfigurationFiles, match=reason):
            read_files(path)
