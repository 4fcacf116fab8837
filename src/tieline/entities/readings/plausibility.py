"""Whether readings fit those around them: a counter only ever counts on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tieline.database import OrgTransaction
from tieline.entities.readings.errors import ReadingRefused
from tieline.entities.readings.models import Reading
from tieline.entities.readings.queries import Neighbours, neighbours


async def refuse_implausible(
    tx: OrgTransaction, readings: Sequence[Reading], now: datetime
) -> None:
    """Raise `ReadingRefused` for a stored reading that contradicts its neighbours, or the clock."""
    if not readings:
        return
    around = await neighbours(tx, [reading.key for reading in readings])
    pairs = list(zip(readings, around, strict=True))
    for check in (_future, _less, _more):
        for reading, beside in pairs:
            fault = check(reading, beside, now)
            if fault is not None:
                raise ReadingRefused(
                    f"value {reading.value} at {reading.timestamp}: {fault[1]} "
                    "Correct it, or write it in a batch with skip_validation.",
                    reason=fault[0],
                )


_Fault = tuple[str, str] | None


def _future(reading: Reading, _beside: Neighbours, now: datetime) -> _Fault:
    return ("timestamp_future", "lies in the future.") if reading.read_at > now else None


def _less(reading: Reading, beside: Neighbours, _now: datetime) -> _Fault:
    if beside.previous is None or reading.value >= beside.previous:
        return None
    return "less_than_previous", f"is less than the previous reading, {beside.previous}."


def _more(reading: Reading, beside: Neighbours, _now: datetime) -> _Fault:
    if beside.following is None or reading.value <= beside.following:
        return None
    return "greater_than_subsequent", f"is more than the following one, {beside.following}."
