"""Wait for acknowledgements, and take them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tieline.database import Database, OrgTransaction, Transaction
from tieline.kit.time import Clock, utc_now
from tieline.outbound.acknowledgements import repository
from tieline.outbound.acknowledgements.errors import AcknowledgementUnknown
from tieline.outbound.acknowledgements.models import TIME_TO_ACKNOWLEDGE, Awaited


class Acknowledgements:
    """Takes the acknowledgements of all organisations."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def acknowledge(self, org_id: str, ack_id: str) -> None:
        """Take an acknowledgement; each counts once.

        It may come before the delivery is known to have succeeded. Raises `AcknowledgementUnknown`.
        """
        since = self._clock() - TIME_TO_ACKNOWLEDGE
        async with self._database.organisation(org_id) as tx:
            if not await repository.take(tx, ack_id.strip(), since):
                raise AcknowledgementUnknown


async def await_acknowledgements(tx: OrgTransaction, awaited: Sequence[Awaited]) -> None:
    """Wait for the acknowledgements of messages that are about to be delivered."""
    if awaited:
        await repository.insert_awaited(tx, awaited)


async def begin_waiting(tx: Transaction, ack_ids: Sequence[tuple[str, str]], now: datetime) -> None:
    """Let the time run out from now on for messages that have just been delivered.

    `ack_ids` are pairs of an organisation and the `ack_id` of a delivery. Those that were
    acknowledged already are left alone, and so are those whose time runs.
    """
    if ack_ids:
        await repository.begin(tx, ack_ids, now)
