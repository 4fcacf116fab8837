"""What the audit log says about samples.

Payloads are not repeated there: they hold data of people, which must not outlive the sample, and
whoever may read the log need not be allowed to see them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from tieline.audit.models import Action, Shown
from tieline.audit.recording import viewed
from tieline.database import Database
from tieline.integrations.samples.models import Sample
from tieline.kit import json


def sample_action(use_case_id: UUID, before: Sample | None, after: Sample | None) -> Action:
    """What happened to a sample, of which at least one state is given."""
    sample = after or before
    assert sample is not None
    what = "created" if before is None else "deleted" if after is None else "updated"
    return Action(
        f"sample.{what}",
        "sample",
        target_id(use_case_id, sample.name),
        before=_document(before, None) if before else None,
        after=_document(after, before) if after else None,
    )


async def samples_viewed(
    database: Database, org_id: str, use_case_id: UUID, names: Sequence[str]
) -> None:
    """Note that the current actor is about to see these samples, or what is made of them."""
    ids = [target_id(use_case_id, name) for name in names]
    await viewed(database, org_id, Shown.SAMPLE, ids, {"use_case_id": str(use_case_id)})


def target_id(use_case_id: UUID, name: str) -> str:
    """How the audit log names a sample."""
    return f"{use_case_id}/{name}"


def _document(sample: Sample, before: Sample | None) -> Mapping[str, Any]:
    payload, expected = sample.payload_bytes(), json.dumps(sample.expected)
    document = {
        "format": sample.format,
        "event_type": sample.event_type,
        "payload_bytes": len(payload),
        "expected_bytes": len(expected),
    }
    if before is not None:
        document["payload_changed"] = payload != before.payload_bytes()
        document["expected_changed"] = expected != json.dumps(before.expected)
    return document
