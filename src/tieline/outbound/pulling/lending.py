"""Lends the next messages of a webhook to a consumer, in the order of each entity."""

from __future__ import annotations

from datetime import datetime

from tieline.database import OrgTransaction
from tieline.outbound.deliveries.repository import lock_state
from tieline.outbound.deliveries.verdicts import Outcome
from tieline.outbound.pulling import repository
from tieline.outbound.pulling.models import Message
from tieline.outbound.pulling.repository import Candidate
from tieline.outbound.pulling.settling import settle_failures
from tieline.outbound.pulling.settling_repository import Ended
from tieline.outbound.webhooks.models import Webhook

_MOST_BYTES = 8_000_000  # of the bodies in one answer; a single one may be larger
_PAGE = 200  # rows
_MOST_PAGES = 10  # in one transaction
_MOST_EXPIRED = 500

LEASE_EXPIRED = "LEASE_EXPIRED"
_EXPIRED = (
    "The consumer did not acknowledge it in time: it may or may not have been worked on. Ask for a "
    "longer lease, or for fewer messages at once."
)


async def lend_next(
    tx: OrgTransaction, webhook: Webhook, now: datetime, until: datetime, count: int
) -> tuple[list[Message], bool]:
    """Up to `count` messages, leased until that moment, and whether to look again at once.

    Messages whose lease has run out come first into question again. Whoever lends at the same time
    waits here, so that no message has two holders.
    """
    await lock_state(tx, webhook.id)
    overdue = await take_back(tx, webhook, now)
    free, unread = await _free(tx, webhook, now, count)
    messages = []
    if free:
        seqs = [each.seq for each in free]
        messages = await repository.lend(tx, webhook.id, seqs, now, until)
    return messages, not messages and (unread or overdue)


async def take_back(tx: OrgTransaction, webhook: Webhook, now: datetime) -> bool:
    """End the leases that have run out; whether there are more of them.

    The caller holds the lock on the state of the webhook.
    """
    rows = await repository.expired(tx, webhook.id, now, _MOST_EXPIRED)
    ended = [
        Ended(row, Outcome.LOST, row.leased_until or now, LEASE_EXPIRED, _EXPIRED) for row in rows
    ]
    await settle_failures(tx, webhook, [(each, now) for each in ended], now)
    return len(rows) == _MOST_EXPIRED


async def _free(
    tx: OrgTransaction, webhook: Webhook, now: datetime, count: int
) -> tuple[list[Candidate], bool]:
    """Rows that can be lent, and whether there are rows that were not looked at."""
    free: list[Candidate] = []
    size = 0
    after: Candidate | None = None
    for _ in range(_MOST_PAGES):
        page = await repository.candidates(tx, webhook.id, now, after, _PAGE)
        blocked = [each.seq for each in page if each.blocked]
        if blocked:
            await repository.mark_behind(tx, webhook.id, blocked)
        for each in page:
            if each.blocked:
                continue
            size += each.size
            if free and (len(free) == count or size > _MOST_BYTES):
                return free, True
            free.append(each)
        if len(page) < _PAGE or len(free) == count:
            return free, False
        after = page[-1]
    return free, True
