"""Entries stay small, and say what they leave out."""

from __future__ import annotations

from tieline.audit.redaction import CHANGED, REDACTED
from tieline.audit.sizes import LARGEST_ENTRY, kept
from tieline.kit import json


def test_documents_of_usual_size_are_kept_whole() -> None:
    found = kept({"name": "a"}, {"name": "b", "password": "x"})

    assert json.loads(found.before or "") == {"name": "a"}
    assert json.loads(found.after or "") == {"name": "b", "password": REDACTED}
    assert found.changes is None
    assert found.left_out is None


def test_of_large_documents_the_changes_are_kept() -> None:
    rows = [{"row": number} for number in range(5_000)]
    found = kept({"rows": rows, "token": "a"}, {"rows": [*rows, "new"], "token": "b"})

    assert (found.before, found.after) == (None, None)
    assert json.loads(found.changes or "") == [
        {"path": "/rows/5000", "new": "new"},
        {"path": "/token", "old": REDACTED, "new": CHANGED},
    ]
    assert "before (" in (found.left_out or "")
    assert "changes are kept" in (found.left_out or "")


def test_of_large_changes_only_a_note_is_kept() -> None:
    found = kept(None, {"text": "x" * LARGEST_ENTRY})

    assert (found.before, found.after) == (None, None)
    assert json.loads(found.changes or "") == []
    assert "changes in 1 places" in (found.left_out or "")


def test_sizes_are_those_of_the_stored_bytes() -> None:
    assert kept(None, {"text": "ß" * (LARGEST_ENTRY // 2)}).after is None
    assert kept(None, {"text": "s" * (LARGEST_ENTRY // 2)}).after is not None
