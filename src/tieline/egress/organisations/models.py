"""A host or network that requests of one organisation may go to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Allowance:
    """An exception for one organisation; `entry` is written as `TIELINE_EGRESS_ALLOW` takes it."""

    entry: str
    note: str | None
    created_at: datetime
    created_by: str

    def document(self) -> dict[str, Any]:
        """What the audit log shows of it."""
        return {"entry": self.entry, "note": self.note}
