"""Keeps entries small: what is too large is left out, with a note that says so. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from tieline.audit.changes import changes
from tieline.audit.models import Document
from tieline.audit.redaction import redacted_pair
from tieline.kit import json

LARGEST_ENTRY = 64 * 1024  # bytes of documents, as JSON


@dataclass(frozen=True, slots=True)
class Kept:
    """What is stored of the documents of an entry, as JSON texts."""

    before: str | None
    after: str | None
    changes: str | None = None
    left_out: str | None = None


def kept(before: Document | None, after: Document | None) -> Kept:
    """Both documents without secrets; if they are too large the changes, if need be nothing."""
    before, after = redacted_pair(before, after)
    texts = [None if each is None else json.dumps_str(each) for each in (before, after)]
    sizes = [len((text or "").encode()) for text in texts]
    if sum(sizes) <= LARGEST_ENTRY:
        return Kept(*texts)
    found = [change.document() for change in changes(before, after)]
    text = json.dumps_str(found)
    documents = f"before ({sizes[0]:,} bytes) and after ({sizes[1]:,} bytes)"
    if len(text.encode()) <= LARGEST_ENTRY:
        return Kept(None, None, text, f"Left out: {documents}; the changes are kept.")
    note = f"Left out: {documents}, and the changes in {len(found):,} places."
    return Kept(None, None, "[]", note)
