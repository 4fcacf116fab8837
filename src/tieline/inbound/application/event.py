"""Applies everything that one event was mapped to."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import assert_never
from uuid import UUID

from tieline.entities.models import STAMPED, Activity
from tieline.entities.readings.ledger import ReadingLedger
from tieline.entities.readings.models import COUNTER, METER
from tieline.entities.workspace import Key, Workspace
from tieline.inbound.application.pruning import in_scope, prune
from tieline.inbound.application.readings import Readings, apply_readings
from tieline.inbound.application.references import DeferredReferences, refer, write_items
from tieline.inbound.application.targets import key_of
from tieline.inbound.application.updates import DeferredRelation, relate, remove, upsert
from tieline.inbound.application.work import Applied, Work
from tieline.mapping.models import EntityMode, MappingResult
from tieline.monitoring.models import EventType


def keys_of(result: MappingResult) -> Iterable[Key]:
    """All keys that applying the result will look for; unusable ones are left out.

    Those of scopes that are a query are not among them: each of them may match thousands.
    """
    named = [(update.schema, update.unique_ids) for update in result.entities]
    for update in result.entities:
        for relation in update.relations.values():
            named += [(target.schema, target.unique_ids) for target in relation.items]
        for references in update.relation_refs.values():
            named += [(target.schema, target.unique_ids) for target in references.items]
    named += [
        (scope.anchor_schema, scope.unique_ids)
        for scope in result.scopes
        if scope.anchor_schema is not None
    ]
    places = [(update.meter, update.meter_counter) for update in result.meter_readings]
    places += [(scope.meter, scope.meter_counter) for scope in result.reading_scopes]
    for meter, counter in places:
        named.append((METER, meter))
        if counter is not None:
            named.append((COUNTER, counter))
    return [key for schema, ids in named if (key := key_of(schema, ids)) is not None]


def apply_result(
    workspace: Workspace,
    ledger: ReadingLedger,
    result: MappingResult,
    activity: Activity,
    event_type: EventType | None = None,
    *,
    readings: Readings | None = None,
    loaded_anchors: Collection[tuple[UUID, str]] = (),
) -> Applied:
    """Apply the result: updates in their order, relations that waited, references, pruning,
    readings. `readings` are those of the result.

    Raises `EventNotApplicable` and `StateNotLoaded`; the caller then rolls workspace and ledger
    back to their savepoints.
    """
    work = Work(
        workspace,
        activity,
        upserted=set() if result.scopes else None,
        created=set() if event_type is EventType.CREATE else None,
    )
    for warning in result.warnings:
        work.applied.warn(warning.entity_schema, warning.field, "MAPPING_WARNING", warning.message)
    # What is in scope is decided before the event changes it: whoever sends a complete list may
    # send the shortened relation along with it.
    members = [in_scope(workspace, scope, loaded_anchors) for scope in result.scopes]
    relations: list[DeferredRelation] = []
    references: list[DeferredReferences] = []
    for update in result.entities:
        match update.mode:
            case EntityMode.UPSERT:
                entity, unresolved = upsert(work, update)
                relations += unresolved
                if update.relation_refs:
                    references += [
                        DeferredReferences(entity.id, update.schema, name, refs)
                        for name, refs in update.relation_refs.items()
                        if name not in STAMPED
                    ]
            case EntityMode.DELETE | EntityMode.PURGE:
                remove(work, update)
            case _:
                assert_never(update.mode)
    for relation in relations:
        relate(work, relation)
    for reference in references:
        refer(work, reference)
    write_items(work)
    for scope, found in zip(result.scopes, members, strict=True):
        prune(work, scope, found)
    if readings:
        apply_readings(work, ledger, readings)
    return work.applied
