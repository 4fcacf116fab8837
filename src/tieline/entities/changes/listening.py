"""Who wants to hear of the changes of an organisation. Without anybody none are kept."""

from __future__ import annotations

from datetime import datetime

from tieline.database import OrgTransaction, Transaction

ListenersVersion = tuple[int, int | None]


async def listen(tx: OrgTransaction, consumer: str) -> None:
    """Have the organisation's changes handed over from this transaction on.

    Whoever has something configured that reacts to changes calls this in the transaction that
    stores the configuration: what is committed after it is heard of, by whichever process.
    """
    await tx.execute(
        "INSERT INTO change_listeners (org_id, consumer) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        consumer,
    )
    await listeners_changed(tx)


async def listeners_changed(tx: OrgTransaction) -> None:
    """Note that what listens to changes is configured otherwise from this transaction on."""
    await tx.execute("INSERT INTO listener_changes (org_id) VALUES ($1)")


async def listeners_version(tx: OrgTransaction) -> ListenersVersion:
    """Another value whenever what listens to changes was configured otherwise.

    A notification of that may still be on its way when the first change comes for which it counts:
    whoever remembers what is configured compares this with what it was. The number alone would not
    do, for a lower one may be committed after a higher.
    """
    row = await tx.fetchrow(
        "SELECT count(*) AS count, max(seq) AS last FROM listener_changes WHERE org_id = $1"
    )
    return (row["count"], row["last"]) if row else (0, None)


async def forget_listener_changes(tx: Transaction, before: datetime) -> int:
    """Forget when something was configured otherwise before a moment; how many rows went."""
    return await tx.execute("DELETE FROM listener_changes WHERE changed_at < $1", before)


async def anybody_listens(tx: OrgTransaction) -> bool:
    """Whether changes of the organisation have to be kept for somebody."""
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM change_listeners WHERE org_id = $1)"
    )
    return found
