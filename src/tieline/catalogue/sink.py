"""Where events go once they have happened, whoever that is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from tieline.catalogue.models import Event
from tieline.database import OrgTransaction


class EventSink(Protocol):
    """Takes the events of an organisation, in the transaction that stores them."""

    async def acknowledged(self, tx: OrgTransaction, names: Collection[str]) -> Collection[str]:
        """Those of the events whose receivers are to acknowledge them: these get an `_ack_id`."""
        ...

    async def listened_to(self, tx: OrgTransaction) -> Collection[str] | None:
        """The names of the events that somebody is waiting for; None for all of them."""
        ...

    async def publish(self, tx: OrgTransaction, events: Sequence[Event]) -> None:
        """Take events, in their order. What cannot be used is noted, and never an error."""
        ...
