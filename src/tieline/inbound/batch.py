"""A batch of mapped events with all that they are about, in memory. Nothing is written here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from uuid import UUID

import msgspec

from tieline.database import OrgTransaction
from tieline.entities import indexing
from tieline.entities import repository as entities
from tieline.entities.models import Activity, relation_targets
from tieline.entities.readings import repository as stored_readings
from tieline.entities.readings.ledger import ReadingLedger
from tieline.entities.readings.models import ReadingLookup
from tieline.entities.workspace import ID_PATH, Key, Workspace
from tieline.inbound.application.errors import PruneScopeTooLarge
from tieline.inbound.application.event import apply_result, keys_of
from tieline.inbound.application.pruning import MAX_SCOPE
from tieline.inbound.application.readings import Readings
from tieline.inbound.application.targets import key_of
from tieline.inbound.application.work import Applied
from tieline.inbound.lookahead import Mapped
from tieline.inbound.models import PendingEvent
from tieline.mapping.errors import MappingError
from tieline.mapping.models import MappingResult, PruneScope
from tieline.monitoring.models import EventType

ACTIVITY_TYPE = "SyncActivity"
_MOST_LOADED = 100_000  # entities in memory; beyond it the batch has to be smaller


class Applying(msgspec.Struct, frozen=True, gc=False):
    """What became of an event in the batch, and the milliseconds that applying it took."""

    result: Applied | Exception
    milliseconds: float


@dataclass
class Batch:
    """What a batch of events is about, to which the events are applied in order."""

    workspace: Workspace
    ledger: ReadingLedger
    anchors: set[tuple[UUID, str]] = field(default_factory=set)
    readings: dict[str, Readings] = field(default_factory=dict)  # by event id, if there are any

    @classmethod
    async def load(cls, tx: OrgTransaction, now: datetime, mapped: Sequence[Mapped]) -> Batch:
        """Load all that the events are about, and lock the keys of what they will create.

        Raises `PruneScopeTooLarge`: a smaller batch may do.
        """
        batch = cls(Workspace(tx.org_id, now), ReadingLedger(tx.org_id, now))
        results = [entry.result for entry in mapped if isinstance(entry.result, MappingResult)]
        keys = {key for result in results for key in keys_of(result)}
        scopes = [scope for result in results for scope in result.scopes]
        queries = {
            key
            for scope in scopes
            if scope.anchor_schema is None
            and (key := key_of(scope.schema, scope.unique_ids)) is not None
        }
        if not keys and not queries:
            return batch
        await batch._open(tx, keys | queries, scopes)
        await entities.load_by_keys(tx, batch.workspace, keys)
        missing = [key for key in keys if batch._matches_nothing(key)]
        if missing:
            await entities.lock_keys(tx, missing)
            await entities.load_by_keys(tx, batch.workspace, missing)
        if scopes:
            await batch._load_scopes(tx, scopes, queries, results)
        await batch._load_readings(tx, mapped)
        return batch

    def apply(self, integration_id: UUID, mapped: Mapped) -> Applying:
        """Apply one event on top of those before it; if it cannot be, it leaves no trace.

        The result is what it did, or the `MappingError`, `EventNotApplicable` or `StateNotLoaded`
        that kept it from that, or any other exception, which is a fault of this program.
        """
        started = time.perf_counter()
        if isinstance(mapped.result, MappingError):
            return Applying(mapped.result, mapped.milliseconds)
        event = mapped.event
        readings = self.readings.get(event.event_id) if self.readings else None
        savepoints = self.workspace.savepoint(), self.ledger.savepoint()
        result: Applied | Exception
        try:
            result = apply_result(
                self.workspace,
                self.ledger,
                mapped.result,
                _activity(integration_id, event),
                EventType(event.event_type) if event.event_type else None,
                readings=readings,
                loaded_anchors=self.anchors,
            )
        except Exception as error:
            self.workspace.rollback(savepoints[0])
            self.ledger.rollback(savepoints[1])
            result = error
        return Applying(result, mapped.milliseconds + (time.perf_counter() - started) * 1000)

    async def _open(self, tx: OrgTransaction, keys: set[Key], scopes: Sequence[PruneScope]) -> None:
        # Relation items made by an expression name attributes that no configuration mentions. They
        # are registered before the workspace opens: afterwards two drains could wait for one
        # another.
        looked_up = {(key.schema, path) for key in keys for path, _ in key.pairs if path != ID_PATH}
        await indexing.register(tx, sorted(looked_up))
        schemas = {key.schema for key in keys} | {scope.schema for scope in scopes}
        await entities.open_workspace(tx, self.workspace, schemas)

    def _matches_nothing(self, key: Key) -> bool:
        found = self.workspace.find(key)
        return not found.live and not found.deleted

    async def _load_scopes(
        self,
        tx: OrgTransaction,
        scopes: Sequence[PruneScope],
        queries: set[Key],
        results: Sequence[MappingResult],
    ) -> None:
        """Everything that may be in a scope when its event's turn comes."""
        for query in queries:  # one by one: each may be thousands
            await entities.load_by_keys(tx, self.workspace, [query], limit=MAX_SCOPE + 1)
            self._refuse_too_much()
        for scope in scopes:
            if scope.anchor_schema is None:
                continue
            key = key_of(scope.anchor_schema, scope.unique_ids)
            found = self.workspace.find(key).live if key else ()
            self.anchors |= {(anchor.id, scope.schema) for anchor in found}
        related = await entities.load_related(
            tx, self.workspace, self.anchors, each=MAX_SCOPE + 1, most=_MOST_LOADED + 1
        )
        self._refuse_too_much(related)
        # A payload's own `$relation` may have related an anchor to what nothing else names.
        copied = {
            target
            for result in results
            for update in result.entities
            for target in relation_targets(update.attributes)
        }
        await entities.load_by_ids(tx, self.workspace, copied)

    async def _load_readings(self, tx: OrgTransaction, mapped: Sequence[Mapped]) -> None:
        lookups: set[ReadingLookup] = set()
        for entry in mapped:
            if isinstance(entry.result, MappingResult) and (
                entry.result.meter_readings or entry.result.reading_scopes
            ):
                readings = self.readings[entry.event.event_id] = Readings.of(entry.result)
                lookups.update(readings.lookups(self.workspace, entry.result))
        await stored_readings.load(tx, self.ledger, lookups)

    def _refuse_too_much(self, related: int = 0) -> None:
        # What several anchors share is one entity, but the last of them may not be complete.
        if max(len(self.workspace.current), related) > _MOST_LOADED:
            raise PruneScopeTooLarge(
                f"The scopes of the event hold more than {_MOST_LOADED:,} entities. Narrow them, "
                "then replay the event."
            )


def _activity(integration_id: UUID, event: PendingEvent) -> Activity:
    """The activity of an event; its id is made when it is, so that ids follow the order."""
    return Activity(
        type=ACTIVITY_TYPE,
        title=f"ERP event {event.name}",
        message=f"The ERP event {event.name} was applied.",
        payload={
            "event_id": event.event_id,
            "event_name": event.name,
            "correlation_id": event.correlation_id,
            "integration_id": _text(integration_id),
            "use_case_id": _text(event.use_case_id),
            "use_case_version": event.use_case_version,
        },
    )


@lru_cache(maxsize=1024)
def _text(identifier: UUID) -> str:
    """The text of an id that event after event has."""
    return str(identifier)
