"""Definitions of events for the tests of the catalogue."""

from __future__ import annotations

from typing import Any


def definition(name: str = "ContractChanged", **changes: Any) -> dict[str, Any]:
    """An event of contracts, whose number it needs; None leaves a part out."""
    whole = {
        "event_name": name,
        "event_title": "Contract changed",
        "schema_fields": {
            "number": {
                "json_schema": {"type": "string"},
                "required": True,
                "graph_source": "contract.number",
            }
        },
        "entity_graph": {
            "nodes": [{"id": "contract", "schema": "contract", "cardinality": "one"}],
            "edges": [],
        },
        "entity_operation": {"operation": ["createEntity"], "schema": ["contract"]},
        **changes,
    }
    return {part: value for part, value in whole.items() if value is not None}
