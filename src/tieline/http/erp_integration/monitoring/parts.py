"""What the monitoring operations share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends

from tieline.http.auth import require
from tieline.identity.models import Principal, Scope
from tieline.kit.time import to_wire
from tieline.monitoring.figures import DeliveryStatus, Tally
from tieline.monitoring.models import OutcomeStatus

Watcher = Annotated[Principal, Depends(require(Scope.ERP_MONITORING))]

INBOUND_COUNTS = {
    "success_count": OutcomeStatus.SUCCESS,
    "error_count": OutcomeStatus.ERROR,
    "skipped_count": OutcomeStatus.SKIPPED,
    "warning_count": OutcomeStatus.WARNING,
}
OUTBOUND_COUNTS = {
    "success_count": DeliveryStatus.SUCCEEDED,
    "error_count": DeliveryStatus.FAILED,
    "pending_count": DeliveryStatus.PENDING,
}


def inbound_figures(tally: Tally) -> dict[str, Any]:
    """Inbound counts as they are answered, the rate of success among them."""
    good = (OutcomeStatus.SUCCESS, OutcomeStatus.WARNING)
    return _figures(tally, INBOUND_COUNTS, tally.success_rate(good, OutcomeStatus.ERROR))


def outbound_figures(tally: Tally) -> dict[str, Any]:
    """Outbound counts as they are answered, the rate of success among them."""
    rate = tally.success_rate((DeliveryStatus.SUCCEEDED,), DeliveryStatus.FAILED)
    return _figures(tally, OUTBOUND_COUNTS, rate)


def _figures(tally: Tally, counts: Mapping[str, str], rate: float) -> dict[str, Any]:
    return {
        "total_events": tally.total,
        **{name: tally.of(status) for name, status in counts.items()},
        "success_rate": rate,
        "last_error_at": to_wire(tally.last_error_at) if tally.last_error_at else None,
    }


def exact(moment: datetime) -> str:
    """With microseconds: a client may build the cursor of the next page from it."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
