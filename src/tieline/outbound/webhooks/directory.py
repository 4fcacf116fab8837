"""The webhooks of organisations as those who deliver need them: all at hand, and up to date."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from tieline.database import Database, OrgTransaction
from tieline.database.notifications import ChangeListener
from tieline.entities.changes.listening import ListenersVersion, listeners_version
from tieline.outbound.webhooks import repository
from tieline.outbound.webhooks.models import Webhook

_REMEMBERED_ORGANISATIONS = 10_000

Heard = Callable[[str | None], None]


@dataclass(frozen=True)
class _Known:
    webhooks: tuple[Webhook, ...]
    by_id: Mapping[UUID, Webhook] = field(repr=False)


class WebhookDirectory:
    """The outbound webhooks of organisations, remembered until one of them changes anywhere.

    How a webhook fares (`last_delivery_at`, `last_delivery_status`, `consecutive_failures`) may be
    out of date: it changes all the time, and nobody is told.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._within: OrderedDict[str, tuple[ListenersVersion, _Known]] = OrderedDict()
        self._reading: dict[tuple[str, int], asyncio.Task[_Known]] = {}
        self._changes = 0
        self._heard: list[Heard] = []
        self._listener = ChangeListener(database, repository.CHANGED_CHANNEL, self.forget)

    async def start(self) -> None:
        """Begin to hear of changes; nothing is remembered before."""
        await self._listener.start()

    async def stop(self) -> None:
        """Hear of changes no longer."""
        await self._listener.stop()

    @property
    def generation(self) -> int | None:
        """Another number after each change; None while changes cannot be heard of."""
        return self._changes if self._listener.alive else None

    def tell(self, heard: Heard) -> None:
        """Have `heard(organisation)` called after each change; None stands for all of them."""
        self._heard.append(heard)

    async def of(self, org_id: str) -> Sequence[Webhook]:
        """The outbound webhooks that are not deleted, enabled or not, oldest first."""
        return (await self._of(org_id)).webhooks

    async def within(self, tx: OrgTransaction) -> Sequence[Webhook]:
        """The same as `of` within a transaction, and never out of date.

        Notifications take a moment, and what happens in it would not reach a webhook that was just
        made. All is read with the connection of the transaction: of many who each held one and
        waited for another, none would get it.
        """
        version = await listeners_version(tx)
        known = self._within.get(tx.org_id)
        if known is None or known[0] != version:
            known = self._within[tx.org_id] = version, await _read(tx)
            if len(self._within) > _REMEMBERED_ORGANISATIONS:
                self._within.popitem(last=False)
        return known[1].webhooks

    async def find(self, org_id: str, webhook_id: UUID) -> Webhook | None:
        """An outbound webhook that is not deleted, or None.

        Whoever has just been told its id knows it, also when its notification is still on the way.
        """
        found = (await self._of(org_id)).by_id.get(webhook_id)
        return found or (await self._read(org_id)).by_id.get(webhook_id)

    def forget(self, org_id: str | None) -> None:
        """Read the webhooks of an organisation, or all, again when they are needed."""
        self._changes += 1
        if org_id is None:
            self._known.clear()
        else:
            self._known.pop(org_id, None)
        for heard in self._heard:
            heard(org_id)

    async def _of(self, org_id: str) -> _Known:
        # Within a request what the request itself has changed counts, and nobody was told of it.
        if self._database.inside_request():
            return await self._read(org_id)
        known = self._known.get(org_id)
        if known is not None:
            self._known.move_to_end(org_id)
            return known
        if not self._listener.alive:
            return await self._read(org_id)
        # Many ask at once when deliveries begin; those who ask after a change ask anew.
        asked = (org_id, self._changes)
        reading = self._reading.get(asked)
        if reading is None:
            reading = self._reading[asked] = asyncio.create_task(self._remember(*asked))
            reading.add_done_callback(lambda _task: self._reading.pop(asked))
        return await asyncio.shield(reading)

    async def _remember(self, org_id: str, changes: int) -> _Known:
        found = await self._read(org_id)
        self._keep(org_id, found, changes)
        return found

    def _keep(self, org_id: str, found: _Known, changes: int) -> None:
        # What was read before a change must not be remembered after it.
        if self._listener.alive and changes == self._changes:
            self._known[org_id] = found
            if len(self._known) > _REMEMBERED_ORGANISATIONS:
                self._known.popitem(last=False)

    async def _read(self, org_id: str) -> _Known:
        async with self._database.reading(org_id) as tx:
            return await _read(tx)


async def _read(tx: OrgTransaction) -> _Known:
    found = await repository.outbound_webhooks(tx)
    return _Known(tuple(found), {webhook.id: webhook for webhook in found})
