"""An entry as JSON: in answers of the API, in exports, and printed by commands."""

from __future__ import annotations

from typing import Any

from tieline.audit.models import AuditEntry
from tieline.kit.time import to_exact_wire


def entry_document(entry: AuditEntry) -> dict[str, Any]:
    """The whole entry with its changes."""
    actor = entry.actor
    return {
        "id": entry.id,
        "tenant_id": entry.org_id,
        "at": to_exact_wire(entry.at),
        "actor": {"kind": actor.kind, "id": actor.id, "name": actor.name},
        "source_ip": actor.source_ip,
        "request_id": actor.request_id,
        "action": entry.action,
        "target": {"type": entry.target_type, "id": entry.target_id},
        "before": entry.before,
        "after": entry.after,
        "changes": entry.changes(),
        "left_out": entry.left_out,
    }
