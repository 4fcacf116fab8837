"""What requests of an organisation may reach inside the network, besides public addresses.

Only the operator decides that, at the command line: whoever could do it over HTTP could look
around in the network of the installation, which is what the guard is there to prevent.
"""

from __future__ import annotations

from collections import OrderedDict

from tieline.audit.actor import current_actor
from tieline.audit.recording import record
from tieline.database import Database
from tieline.database.notifications import ChangeListener
from tieline.egress.allowances import NOTHING, AllowList, normal_entry
from tieline.egress.errors import EntryNotFound
from tieline.egress.organisations import repository
from tieline.egress.organisations.models import Allowance

_REMEMBERED = 10_000
_TARGET = "egress_allowance"


class EgressAllowances:
    """The exceptions of organisations. Nothing is remembered while changes are not heard of."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[str, AllowList] = OrderedDict()
        self._changes = 0
        self.listener = ChangeListener(database, repository.CHANGED_CHANNEL, self.forget)

    async def start(self) -> None:
        """Begin to hear of changes."""
        await self.listener.start()

    async def stop(self) -> None:
        """Hear of no more changes."""
        await self.listener.stop()

    def forget(self, org_id: str | None) -> None:
        """Read what an organisation may reach again, or what all may."""
        self._changes += 1
        if org_id is None:
            self._known.clear()
        else:
            self._known.pop(org_id, None)

    async def of(self, org_id: str) -> AllowList:
        """What the organisation may reach besides public addresses."""
        known = self._known.get(org_id)
        if known is not None:
            self._known.move_to_end(org_id)
            return known
        changes = self._changes
        entries = [allowance.entry for allowance in await self.listed(org_id)]
        found = AllowList.of(entries) if entries else NOTHING
        # What was read before a change must not be remembered after it.
        if self.listener.alive and changes == self._changes:
            self._known[org_id] = found
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found

    async def listed(self, org_id: str) -> list[Allowance]:
        """The exceptions of an organisation, in the order of their entries."""
        async with self._database.reading(org_id) as tx:
            return await repository.list_allowances(tx)

    async def allow(self, org_id: str, entry: str, note: str | None = None) -> Allowance | None:
        """Let requests of an organisation, which must exist, reach a host or network.

        None when they may already. Raises `InvalidEntry`.
        """
        wanted = normal_entry(entry)
        async with self._database.organisation(org_id) as tx:
            made = await repository.insert_allowance(tx, wanted, note, current_actor().id)
            if made is not None:
                await record(tx, f"{_TARGET}.created", _TARGET, wanted, after=made.document())
        return made

    async def remove(self, org_id: str, entry: str) -> None:
        """Let them reach it no more. Raises `InvalidEntry` and `EntryNotFound`."""
        wanted = normal_entry(entry)
        async with self._database.organisation(org_id) as tx:
            gone = await repository.delete_allowance(tx, wanted)
            if gone is None:
                raise EntryNotFound
            await record(tx, f"{_TARGET}.deleted", _TARGET, wanted, before=gone.document())
