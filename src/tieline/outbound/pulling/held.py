"""The messages that a consumer names, and which of them it still has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from tieline.database import OrgTransaction
from tieline.kit.ids import uuid_time
from tieline.outbound.deliveries.models import DeliveryState
from tieline.outbound.pulling import repository
from tieline.outbound.pulling.models import Leased, LeaseId, Settled, Settlement
from tieline.outbound.webhooks.models import Webhook


@dataclass(frozen=True)
class Named:
    """The ids that a consumer named, the rows of their deliveries, and those that it holds."""

    webhook: Webhook
    ids: Mapping[str, LeaseId | None]
    rows: Mapping[UUID, Leased]
    held: Mapping[UUID, Leased]

    async def answer(self, tx: OrgTransaction, became: Mapping[UUID, Settlement]) -> list[Settled]:
        """What became of each id, in their order."""
        gone = [
            (each.delivery_id, moment)
            for each in self.ids.values()
            if each is not None
            and each.delivery_id not in self.rows
            and (moment := uuid_time(each.delivery_id)) is not None
        ]
        states = await repository.states(tx, self.webhook.id, gone) if gone else {}
        return [
            Settled(text, self._became(each, became, states)) for text, each in self.ids.items()
        ]

    def _became(
        self,
        named: LeaseId | None,
        became: Mapping[UUID, Settlement],
        states: Mapping[UUID, DeliveryState],
    ) -> Settlement:
        if named is None:
            return Settlement.NOT_FOUND
        row = self.rows.get(named.delivery_id)
        if row is not None:
            return became[named.delivery_id] if row.lease == named.lease else Settlement.LEASE_LOST
        match states.get(named.delivery_id):
            case DeliveryState.SUCCEEDED:
                return Settlement.ALREADY_ACKNOWLEDGED
            case DeliveryState.FAILED | DeliveryState.CANCELLED:
                return Settlement.DEAD
            case _:
                return Settlement.NOT_FOUND


async def find_named(tx: OrgTransaction, webhook: Webhook, ids: Sequence[str]) -> Named:
    """What there is under the ids that a consumer names.

    The caller holds the lock on the state of the webhook, so that nothing changes meanwhile.
    """
    parsed = {text: LeaseId.parse(text) for text in ids}
    deliveries = list({each.delivery_id for each in parsed.values() if each})
    rows = await repository.find_leased(tx, webhook.id, deliveries)
    held = {
        each.delivery_id: row
        for each in parsed.values()
        if each is not None
        and (row := rows.get(each.delivery_id)) is not None
        and row.lease == each.lease
    }
    return Named(webhook, parsed, rows, held)
