"""Consumers pull their messages, acknowledge them, or give them back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from msgspec.structs import replace

from tieline.database import Database, OrgTransaction, Transaction
from tieline.kit.errors import TielineError
from tieline.kit.time import Clock, utc_now
from tieline.outbound.deliveries.engine.standings import by_indexes
from tieline.outbound.deliveries.repository import announce, lock_state
from tieline.outbound.deliveries.retry import RetryPolicy, next_attempt
from tieline.outbound.deliveries.verdicts import Outcome
from tieline.outbound.log.errors import WebhookDisabled
from tieline.outbound.pulling import metrics, repository, settling_repository
from tieline.outbound.pulling.errors import WebhookNotPulled
from tieline.outbound.pulling.held import Named, find_named
from tieline.outbound.pulling.lending import lend_next
from tieline.outbound.pulling.models import (
    Leased,
    Message,
    Pulled,
    Settled,
    Settlement,
)
from tieline.outbound.pulling.settling import settle_failures, settle_successes
from tieline.outbound.pulling.settling_repository import Ended
from tieline.outbound.pulling.waiting import Bells
from tieline.outbound.webhooks.errors import WebhookNotFound
from tieline.outbound.webhooks.models import WEBHOOKS, Transport, Webhook
from tieline.outbound.webhooks.requests import Message as SignedMessage
from tieline.records.envelope import Caller
from tieline.records.repository import find_record, lock_record

MOST_MESSAGES = 100
LONGEST_WAIT = timedelta(seconds=20)
LONGEST_LEASE = timedelta(hours=12)
LONGEST_DELAY = timedelta(days=1)

# Beyond its time a look goes on that passes by many messages which wait for others.
_MOST_SECONDS_OVER = 5.0

RETURNED = "RETURNED_BY_CONSUMER"
_WITHOUT_REASON = "The consumer gave it back without a reason."


class Signer(Protocol):
    """Whoever signs messages as they are signed when they are sent."""

    async def signature_for(
        self, webhook: Webhook, message: SignedMessage, now: datetime
    ) -> list[tuple[str, str]]:
        """The headers that say which message it is, and sign it."""
        ...


class Pulling:
    """The messages of all webhooks whose transport is `pull`.

    Each method raises `WebhookNotFound` and `WebhookNotPulled`.
    """

    def __init__(self, database: Database, signer: Signer, clock: Clock = utc_now) -> None:
        self._database = database
        self._signer = signer
        self._clock = clock
        self._bells = Bells(database)

    async def start(self) -> None:
        """Begin to hear of messages."""
        await self._bells.start()

    def send_away(self) -> None:
        """Let nobody wait for messages any more: this process is about to end."""
        self._bells.close()

    async def stop(self) -> None:
        """Hear of messages no longer."""
        self.send_away()
        await self._bells.stop()

    def waiting_for(self, org_id: str, webhook_id: UUID) -> int:
        """How many consumers wait for a webhook's messages in this process."""
        return self._bells.count(org_id, webhook_id)

    async def pulled_webhook(self, caller: Caller, webhook_id: UUID) -> Webhook:
        """The webhook itself."""
        async with self._database.reading(caller.org_id) as tx:
            return _pulled(await find_record(tx, WEBHOOKS, webhook_id, app_id=caller.app_id))

    async def pull(
        self,
        caller: Caller,
        webhook_id: UUID,
        *,
        count: int,
        wait: timedelta,
        lease: timedelta,
        gone: Callable[[], Awaitable[bool]],
    ) -> Pulled:
        """Lend up to `count` messages for the time of the lease, the oldest first.

        If there are none it waits for them, without a connection to the database. `gone` says
        whether the consumer has left: it gets nothing then, and nothing is lent. Raises
        `WebhookDisabled`.
        """
        deadline = asyncio.get_running_loop().time() + wait.total_seconds()
        with self._bells.bell(caller.org_id, webhook_id) as bell:
            while True:
                if await gone():
                    return Pulled([])
                found = await self._try(caller, webhook_id, count, lease)
                left = deadline - asyncio.get_running_loop().time()
                if found.more and left > -_MOST_SECONDS_OVER:
                    continue
                if found.pulled is not None or left <= 0 or not self._bells.open:
                    return found.pulled or Pulled([], found.webhook.paused_at)
                await self._bells.heard(bell, min(left, self._seconds_until(found.next_at)))

    async def acknowledge(
        self, caller: Caller, webhook_id: UUID, ids: Sequence[str]
    ) -> list[Settled]:
        """End the deliveries of messages that were worked on; what became of each."""
        now = self._clock()
        async with self._database.organisation(caller.org_id) as tx:
            named = await self._named(tx, caller, webhook_id, ids)
            ended = [Ended(row, Outcome.SUCCEEDED, now) for row in named.held.values()]
            await settle_successes(tx, named.webhook, ended, now)
            if ended:
                await settling_repository.note_last(tx, webhook_id, now, succeeded=True)
            settled = await named.answer(tx, dict.fromkeys(named.held, Settlement.ACKNOWLEDGED))
        return _counted(settled)

    async def give_back(
        self,
        caller: Caller,
        webhook_id: UUID,
        ids: Sequence[str],
        *,
        delay: timedelta | None = None,
        reason: str | None = None,
    ) -> list[Settled]:
        """Have messages handed out again, after the delay or, without one, after that of a retry.

        One whose attempts are used up is dead by that. Yields what became of each.
        """
        now = self._clock()
        words = reason or _WITHOUT_REASON
        async with self._database.organisation(caller.org_id) as tx:
            named = await self._named(tx, caller, webhook_id, ids)
            ended = [
                (
                    Ended(row, Outcome.FAILED, now, RETURNED, words),
                    _again(named.webhook, row, now, delay),
                )
                for row in named.held.values()
            ]
            dead = await settle_failures(tx, named.webhook, ended, now)
            if ended:
                await settling_repository.note_last(tx, webhook_id, now, succeeded=False)
                await announce(tx, [webhook_id])
            became = dict.fromkeys(named.held, Settlement.RETURNED)
            became |= {each.row.delivery_id: Settlement.DEAD for each in dead}
            settled = await named.answer(tx, became)
        return _counted(settled)

    async def extend(
        self, caller: Caller, webhook_id: UUID, ids: Sequence[str], lease: timedelta
    ) -> list[Settled]:
        """Let a consumer keep messages for the time of a lease from now on."""
        until = self._clock() + lease
        async with self._database.organisation(caller.org_id) as tx:
            named = await self._named(tx, caller, webhook_id, ids)
            seqs = [row.seq for row in named.held.values()]
            await repository.extend(tx, webhook_id, seqs, until)
            settled = await named.answer(tx, dict.fromkeys(named.held, Settlement.EXTENDED))
        return _counted(settled)

    async def _try(self, caller: Caller, webhook_id: UUID, count: int, lease: timedelta) -> _Found:
        """Look once for messages."""
        now = self._clock()
        async with self._database.organisation(caller.org_id) as tx:
            webhook = _pulled(await find_record(tx, WEBHOOKS, webhook_id, app_id=caller.app_id))
            if not webhook.enabled:
                raise WebhookDisabled
            if webhook.paused_at is not None:
                return _Found(webhook)
            await by_indexes(Transaction(tx.connection))
            messages, more = await lend_next(tx, webhook, now, now + lease, count)
            next_at = None
            if not messages and not more:
                next_at = await repository.next_moment(tx, webhook_id)
        if not messages:
            return _Found(webhook, more=more, next_at=next_at)
        signed = await self._signed(webhook, messages, now)
        metrics.HANDED_OUT.inc(len(signed))
        return _Found(webhook, Pulled(signed))

    async def _signed(
        self, webhook: Webhook, messages: Sequence[Message], now: datetime
    ) -> list[Message]:
        """The messages with their headers. What cannot be signed is as if it was never lent."""
        try:
            return [
                replace(
                    each,
                    headers=dict(await self._signer.signature_for(webhook, _to_sign(each), now)),
                )
                for each in messages
            ]
        except TielineError:
            async with self._database.organisation(webhook.org_id) as tx:
                await lock_state(tx, webhook.id)
                leases = [each.id.lease for each in messages]
                await repository.hand_back(tx, webhook.id, leases)
            raise

    async def _named(
        self, tx: OrgTransaction, caller: Caller, webhook_id: UUID, ids: Sequence[str]
    ) -> Named:
        """The rows that a consumer holds by the ids that it names; nobody else changes them."""
        # In the order in which a change of the webhook takes both locks.
        webhook = _pulled(await lock_record(tx, WEBHOOKS, webhook_id, app_id=caller.app_id))
        await lock_state(tx, webhook_id)
        await by_indexes(Transaction(tx.connection))
        return await find_named(tx, webhook, ids)

    def _seconds_until(self, moment: datetime | None) -> float:
        if moment is None:
            return LONGEST_WAIT.total_seconds()
        return max(0.0, (moment - self._clock()).total_seconds())


@dataclass(frozen=True)
class _Found:
    """What a look for messages has found; `next_at` is when the next may come up."""

    webhook: Webhook
    pulled: Pulled | None = None
    more: bool = False
    next_at: datetime | None = None


def _counted(settled: list[Settled]) -> list[Settled]:
    for each in settled:
        metrics.SETTLED.labels(each.status.value).inc()
    return settled


def _pulled(webhook: Webhook | None) -> Webhook:
    if webhook is None:
        raise WebhookNotFound
    if webhook.transport is not Transport.PULL:
        raise WebhookNotPulled
    return webhook


def _to_sign(message: Message) -> SignedMessage:
    return SignedMessage(
        id=message.message_id,
        body=message.body,
        content_type=message.content_type,
        attempt=message.attempt,
        event_name=message.event_name,
        delivery_id=message.id.delivery_id,
    )


def _again(webhook: Webhook, row: Leased, now: datetime, delay: timedelta | None) -> datetime:
    """When a message that was given back is handed out again."""
    if delay is not None:
        return now + delay
    policy = RetryPolicy.of(webhook.retry_policy)
    return next_attempt(policy, row.attempt, now, chance=0.0) or now
