"""SQL around the application of configuration."""

from __future__ import annotations

from tieline.database import OrgTransaction, Transaction


async def see_one_moment(tx: Transaction) -> None:
    """Let a transaction that has just begun see what was committed by its next statement.

    From then on it fails, rather than overwrite, where somebody else has changed the same row.
    """
    await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


async def lock_configuration(tx: OrgTransaction) -> None:
    """Wait until no other transaction has applied or applies configuration to the organisation."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('configuration of ' || $1, 0))")


async def begin_attempt(tx: Transaction) -> None:
    """Remember this moment, to which `undo_attempt` leads back."""
    await tx.execute("SAVEPOINT configuration")


async def undo_attempt(tx: Transaction) -> None:
    """Undo everything since the last `begin_attempt`, the failure of a statement included."""
    await tx.execute("ROLLBACK TO SAVEPOINT configuration")


async def end_attempt(tx: Transaction) -> None:
    """Forget the moment of the last `begin_attempt`."""
    await tx.execute("RELEASE SAVEPOINT configuration")
