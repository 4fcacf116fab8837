"""Definitions, changes and triggers for the tests of the event catalogue."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from tieline.catalogue.definitions import AttributeChange, Operation, Trigger
from tieline.entities.changes.models import READINGS, Change, ChangeKind, EntityChange
from tieline.entities.models import Diff

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)


def trigger(
    *operations: str,
    schemas: tuple[str, ...] = ("contract",),
    attributes: tuple[str, ...] = (),
    changes: tuple[str, ...] = (),
    purposes: tuple[str, ...] = (),
    filters: tuple[tuple[str, str], ...] = (),
) -> Trigger:
    return Trigger(
        operations=frozenset(map(Operation, operations)),
        schemas=schemas,
        attributes=attributes,
        attribute_changes=frozenset(map(AttributeChange, changes)),
        purposes=purposes,
        purpose_filters=filters,
    )


def change(
    kind: ChangeKind,
    after: dict[str, Any] | None = None,
    *,
    schema: str = "contract",
    diff: Diff | None = None,
    subject_id: UUID | None = None,
    at: datetime = NOW,
) -> EntityChange:
    subject_id = subject_id or uuid4()
    activity = None if schema == READINGS else "01KG8W6QG0000000000000000A"
    made = Change(1, kind, schema, subject_id, 1, activity, at)
    return EntityChange(made, after or {}, diff)


def diff(
    added: dict[str, Any] | None = None,
    updated: dict[str, Any] | None = None,
    deleted: dict[str, Any] | None = None,
) -> Diff:
    return Diff(added or {}, updated or {}, deleted or {})


def document(**changes: Any) -> dict[str, Any]:
    """A definition as it is sent; None leaves a part out."""
    whole = {
        "event_name": "ContractSigned",
        "event_title": "Contract signed",
        "schema_fields": {
            "number": {
                "json_schema": {"type": "string"},
                "required": True,
                "graph_source": "contract.contract_number",
            }
        },
        "entity_graph": {
            "nodes": [
                {"id": "contract", "schema": "contract", "cardinality": "one"},
                {"id": "contact", "schema": "contact"},
            ],
            "edges": [{"from": "contract", "to": "contact"}],
        },
        "entity_operation": {"operation": ["updateEntity"], "schema": ["contract"]},
        **changes,
    }
    return {name: part for name, part in whole.items() if part is not None}
