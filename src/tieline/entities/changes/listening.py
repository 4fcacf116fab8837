"""Who wants to hear of the changes of an organisation. Without anybody none are kept."""

from __future__ import annotations

from tieline.database import OrgTransaction


async def listen(tx: OrgTransaction, consumer: str) -> None:
    """Have the organisation's changes handed over from this transaction on.

    Whoever has something configured that reacts to changes calls this in the transaction that
    stores the configuration: what is committed after it is heard of, by whichever process.
    """
    await tx.execute(
        "INSERT INTO change_listeners (org_id, consumer) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        consumer,
    )


async def anybody_listens(tx: OrgTransaction) -> bool:
    """Whether changes of the organisation have to be kept for somebody."""
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM change_listeners WHERE org_id = $1)"
    )
    return found
