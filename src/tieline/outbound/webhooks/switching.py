"""What the delivery of messages decides about a webhook, in place of a person.

`now` is the moment of the decision. Each is in the audit log under the name of whoever acts, and
every process hears of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from tieline.audit.recording import record
from tieline.database import OrgTransaction
from tieline.outbound.webhooks import repository
from tieline.outbound.webhooks.models import WEBHOOKS, Webhook
from tieline.records.repository import lock_record, update_record
from tieline.records.service import to_milliseconds


async def disable(tx: OrgTransaction, webhook_id: UUID, reason: str, now: datetime) -> bool:
    """Send nothing to a webhook any more, until a person enables it; whether that is new."""
    return await _switch(
        *(tx, webhook_id, now, "disabled"),
        lambda found: (
            replace(found, enabled=False, disabled_reason=reason) if found.enabled else found
        ),
    )


async def pause(tx: OrgTransaction, webhook_id: UUID, now: datetime) -> bool:
    """Let everything wait that goes to a webhook, until it is resumed; whether that is new."""
    return await _switch(
        *(tx, webhook_id, now, "paused"),
        lambda found: (
            replace(found, paused_at=to_milliseconds(now)) if found.paused_at is None else found
        ),
    )


async def _switch(
    tx: OrgTransaction,
    webhook_id: UUID,
    now: datetime,
    action: str,
    switched: Callable[[Webhook], Webhook],
) -> bool:
    before = await lock_record(tx, WEBHOOKS, webhook_id)
    if before is None:
        return False
    after = switched(before)
    if after == before:
        return False
    after = replace(
        after, updated_at=to_milliseconds(now), updated_by=None, version=before.version + 1
    )
    await update_record(tx, WEBHOOKS, after)
    await record(
        *(tx, f"webhook.{action}", "webhook", WEBHOOKS.wire_id(after)),
        before=WEBHOOKS.document(before),
        after=WEBHOOKS.document(after),
    )
    await repository.announce(tx)
    return True
