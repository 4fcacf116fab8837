"""Writes down what happened, in the transaction in which it happened.

A service that changes something calls `record` (or `record_all`) in the transaction of the change.
A service that shows a payload, or what there is to know about a secret, calls `viewed` before it
answers:

    await viewed(database, org_id, Shown.API_KEY, [key.id for key in page], {"search": "ERP"})
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tieline.audit import repository
from tieline.audit.actor import current_actor
from tieline.audit.models import SEVERAL, Action, Document, Shown
from tieline.audit.sizes import kept
from tieline.database import Database, OrgTransaction
from tieline.kit.time import utc_now

_MOST_IDS = 100


async def record(
    tx: OrgTransaction,
    action: str,
    target_type: str,
    target_id: str,
    *,
    before: Document | None = None,
    after: Document | None = None,
) -> None:
    """Note that the current actor did something; it commits with the change or not at all.

    `action` is `<thing>.<what happened>`, such as `webhook.updated`; `before` and `after` are JSON
    documents of the target. What looks like a secret in them is replaced; still leave out whatever
    is known to be one.
    """
    await record_all(tx, [Action(action, target_type, target_id, before, after)])


async def record_all(tx: OrgTransaction, actions: Sequence[Action]) -> None:
    """Note several actions of the current actor, in one statement."""
    if not actions:
        return
    # Others are served meanwhile: looking for secrets in megabytes takes its time.
    documents = await asyncio.to_thread(lambda: [kept(a.before, a.after) for a in actions])
    await repository.insert_entries(tx, current_actor(), utc_now(), actions, documents)


async def viewed(
    database: Database,
    org_id: str,
    what: Shown,
    ids: Sequence[str],
    query: Document | None = None,
) -> None:
    """Note that the current actor is about to see these things, and what was asked for.

    Nothing is noted when there is nothing to see.
    """
    if ids:
        async with database.organisation(org_id) as tx:
            await record_view(tx, what, ids, query)


async def record_view(
    tx: OrgTransaction, what: Shown, ids: Sequence[str], query: Document | None = None
) -> None:
    """The same in a transaction that is open anyway."""
    if ids:
        target_id = ids[0] if len(ids) == 1 else SEVERAL
        seen = {"ids": list(ids[:_MOST_IDS]), "count": len(ids), "query": dict(query or {})}
        await record(tx, what.action, what, target_id, after=seen)
