"""The rows by which changes are handed over: written in the transaction of the change itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tieline.database.pipeline import Copy, Step
from tieline.database.pool import Transaction
from tieline.entities.changes.jobs import hand_over_job
from tieline.entities.changes.models import READINGS, ChangeKind
from tieline.entities.readings.models import Reading, ReadingChanges, reading_document
from tieline.entities.workspace import Changes
from tieline.kit import json
from tieline.runtime.queue import enqueue

_ENTITY_COLUMNS = ("kind", "schema", "subject_id", "version", "activity_id", "created_at")
_READING_COLUMNS = ("kind", "schema", "subject_id", "version", "created_at", "reading")


@dataclass(frozen=True, slots=True)
class _Announce:
    """Has the changes of an organisation handed over once the transaction has committed."""

    org_id: str

    async def run(self, tx: Transaction) -> None:
        """Ask for the job."""
        await enqueue(tx, [hand_over_job(self.org_id)])


def entity_steps(changes: Changes) -> Iterator[Step]:
    """What makes changes of entities known.

    Rows of one entity get their numbers while its row is locked, so that they grow in the order in
    which its changes are committed.
    """
    rows: list[tuple[Any, ...]] = [
        (
            operation.kind.value,
            operation.after.schema,
            operation.after.id,
            operation.after.version,
            operation.activity.id,
            operation.activity.created_at,
        )
        for operation in changes.operations
    ]
    yield Copy("domain_changes", _ENTITY_COLUMNS, rows)
    if not changes.announced:
        yield _Announce(changes.org_id)


def reading_steps(changes: ReadingChanges) -> Iterator[Step]:
    """What makes changes of meter readings known."""
    rows = [_row(ChangeKind.READING_DELETED, reading) for reading in changes.deleted]
    rows += [_row(ChangeKind.READING_UPDATED, reading) for _, reading in changes.updated]
    rows += [_row(ChangeKind.READING_CREATED, reading) for reading in changes.created]
    if rows:
        yield Copy("domain_changes", _READING_COLUMNS, rows)
        if not changes.announced:
            yield _Announce(changes.org_id)


def _row(kind: ChangeKind, reading: Reading) -> tuple[Any, ...]:
    return (
        kind.value,
        READINGS,
        reading.meter_id,
        reading.version,
        reading.updated_at,
        json.dumps_str(reading_document(reading)),
    )
