"""What a consumer says about messages, and what becomes of them by that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from tieline.database import OrgTransaction
from tieline.outbound.acknowledgements.service import begin_waiting
from tieline.outbound.deliveries.models import DeliveryState
from tieline.outbound.deliveries.repository import announce
from tieline.outbound.deliveries.retry import RetryPolicy
from tieline.outbound.pulling import settling_repository as repository
from tieline.outbound.pulling.settling_repository import Ended
from tieline.outbound.webhooks.models import Webhook


async def settle_successes(
    tx: OrgTransaction, webhook: Webhook, ended: Sequence[Ended], now: datetime
) -> None:
    """End deliveries that a consumer has acknowledged, and let those behind them through."""
    if not ended:
        return
    await repository.record_attempts(tx, ended)
    ack_ids = await repository.end_deliveries(tx, webhook.id, ended, DeliveryState.SUCCEEDED, now)
    await begin_waiting(tx, [(tx.org_id, ack_id) for ack_id in ack_ids], now)
    await _let_through(tx, webhook, ended)


async def settle_failures(
    tx: OrgTransaction,
    webhook: Webhook,
    ended: Sequence[tuple[Ended, datetime]],
    now: datetime,
) -> list[Ended]:
    """End attempts that did not succeed: each message comes again at its moment, or is dead.

    Yields those that are dead, since that was the last attempt that the webhook allows.
    """
    if not ended:
        return []
    await repository.record_attempts(tx, [each for each, _ in ended])
    most = RetryPolicy.of(webhook.retry_policy).max_attempts
    dead = [_given_up(each) for each, _ in ended if each.row.attempt >= most]
    alive = [(each.row.seq, again) for each, again in ended if each.row.attempt < most]
    if alive:
        await repository.put_back(tx, webhook.id, alive)
    if dead:
        await repository.end_deliveries(tx, webhook.id, dead, DeliveryState.FAILED, now)
        await _let_through(tx, webhook, dead)
    return dead


def _given_up(ended: Ended) -> Ended:
    """The end of a delivery in place of that of its last attempt."""
    count = ended.row.attempt
    attempts = "one attempt" if count == 1 else f"{count} attempts"
    return replace(ended, reason=f"Given up after {attempts}. The last one: {ended.reason}")


async def _let_through(tx: OrgTransaction, webhook: Webhook, ended: Sequence[Ended]) -> None:
    entities = {each.row.entity_id for each in ended} - {None}
    passed = [entity for entity in entities if entity is not None]
    if passed and await repository.let_through(tx, webhook.id, passed):
        await announce(tx, [webhook.id])
