"""What differs between two documents, as JSON pointers with old and new values."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tieline.audit.changes import ABSENT, changes

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab/~", max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab/~"), inner, max_size=3),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(st.text("ab/~"), JSON, max_size=4)


def found(before: Any, after: Any) -> list[dict[str, Any]]:
    return [change.document() for change in changes(before, after)]


def test_added_changed_and_removed_values() -> None:
    assert found({"a": 1, "b": {"c": [1]}, "d": None}, {"a": 2, "b": {"c": [1]}, "e": None}) == [
        {"path": "/a", "old": 1, "new": 2},
        {"path": "/d", "old": None},
        {"path": "/e", "new": None},
    ]


def test_a_document_that_was_not_there_counts_as_empty() -> None:
    assert found(None, {"name": "ERP"}) == [{"path": "/name", "new": "ERP"}]
    assert found({"name": "ERP"}, None) == [{"path": "/name", "old": "ERP"}]
    assert found(None, None) == []


def test_names_with_slashes_and_tildes_are_escaped() -> None:
    assert found({"a/b~c": 1}, {}) == [{"path": "/a~1b~0c", "old": 1}]


def test_an_item_put_into_a_list_is_one_change() -> None:
    fields = [{"attribute": name} for name in "abcd"]
    new = {"attribute": "x"}

    assert found({"f": fields}, {"f": [new, *fields]}) == [{"path": "/f/0", "new": new}]
    assert found({"f": fields}, {"f": [*fields[:2], new, *fields[2:]]}) == [
        {"path": "/f/2", "new": new}
    ]
    assert found({"f": fields}, {"f": fields[1:]}) == [{"path": "/f/0", "old": fields[0]}]


def test_a_change_inside_an_item_is_named_by_its_own_path() -> None:
    before = {"f": [{"a": 1}, {"a": 2}, {"a": 3}]}
    after = {"f": [{"a": 1}, {"a": 9}, {"a": 3}]}

    assert found(before, after) == [{"path": "/f/1/a", "old": 2, "new": 9}]


def test_true_is_not_one_and_the_order_of_keys_does_not_matter() -> None:
    assert found({"a": True}, {"a": 1}) == [{"path": "/a", "old": True, "new": 1}]
    assert found({"a": 1, "b": 2}, {"b": 2, "a": 1.0}) == []


@given(DOCUMENTS)
def test_a_document_does_not_differ_from_itself(document: dict[str, Any]) -> None:
    assert changes(document, document) == []


@given(DOCUMENTS, DOCUMENTS)
def test_every_change_names_a_value_that_is_there(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    for change in changes(before, after):
        if change.old is not ABSENT:
            assert at(before, change.path) == change.old
        if change.new is not ABSENT:
            assert at(after, change.path) == change.new
        assert change.old is not ABSENT or change.new is not ABSENT


@given(DOCUMENTS, DOCUMENTS)
def test_documents_without_changes_are_equal(before: dict[str, Any], after: dict[str, Any]) -> None:
    if not changes(before, after):
        assert before == after


def at(document: Any, path: str) -> Any:
    """What a JSON pointer leads to."""
    for step in path.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        document = document[int(name)] if isinstance(document, list) else document[name]
    return document
