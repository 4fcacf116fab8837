"""SQL about the counters of limits, and about the limits of organisations."""

from __future__ import annotations

from dataclasses import dataclass

from tieline.database import OrgTransaction, Transaction
from tieline.identity.limits.window import SECONDS, Window

_KEPT_MINUTES = 2


@dataclass(frozen=True, slots=True)
class Grant:
    """How much was granted, and the window after it."""

    granted: int
    window: Window


async def take(
    tx: OrgTransaction, subject: str, *, limit: int, at_least: int, at_most: int
) -> Grant:
    """Count a use of between `at_least` and `at_most`, or nothing where less is left.

    The clock is the database's, so that all processes mean the same minute. The row lock of the
    upsert makes it exact, however many ask at once.
    """
    row = await tx.fetchrow(
        f"""
        WITH moment AS (
            SELECT floor(seconds / {SECONDS})::bigint AS minute,
                   seconds - floor(seconds / {SECONDS}) * {SECONDS} AS elapsed
            FROM (SELECT extract(epoch FROM clock_timestamp())::float8 AS seconds) AS clock
        ), past AS (
            SELECT m.minute, m.elapsed, coalesce(w.used, 0) AS used,
                   floor($3::bigint - coalesce(w.used, 0) * ({SECONDS} - m.elapsed) / {SECONDS})
                       ::bigint AS allowed
            FROM moment m LEFT JOIN rate_windows w
                ON w.org_id = $1 AND w.subject = $2 AND w.minute = m.minute - 1
        ), counted AS (
            INSERT INTO rate_windows AS w (org_id, subject, minute, used, granted)
            SELECT $1, $2, minute, granted, granted FROM past, LATERAL (
                SELECT CASE WHEN allowed >= $4::bigint THEN least(allowed, $5::bigint) ELSE 0 END
            ) AS fresh (granted)
            ON CONFLICT (org_id, subject, minute) DO UPDATE SET
                granted = CASE WHEN (SELECT allowed FROM past) - w.used >= $4::bigint
                    THEN least((SELECT allowed FROM past) - w.used, $5::bigint) ELSE 0 END,
                used = w.used + CASE WHEN (SELECT allowed FROM past) - w.used >= $4::bigint
                    THEN least((SELECT allowed FROM past) - w.used, $5::bigint) ELSE 0 END
            RETURNING used, granted
        )
        SELECT c.used, c.granted, p.used AS previous, p.elapsed FROM counted c, past p
        """,
        subject,
        limit,
        at_least,
        at_most,
    )
    assert row is not None
    return Grant(row["granted"], Window(row["used"], row["previous"], row["elapsed"]))


async def add(tx: OrgTransaction, subject: str, amount: int) -> None:
    """Count a use that has happened already; a negative one was counted too high before."""
    await tx.execute(
        f"""
        INSERT INTO rate_windows AS w (org_id, subject, minute, used, granted)
        VALUES ($1, $2, floor(extract(epoch FROM clock_timestamp()) / {SECONDS})::bigint,
                greatest($3::bigint, 0), 0)
        ON CONFLICT (org_id, subject, minute) DO UPDATE SET used = greatest(w.used + $3::bigint, 0)
        """,
        subject,
        amount,
    )


async def forget_past_windows(tx: Transaction) -> None:
    """Remove the counters of minutes that weigh nothing any more."""
    await tx.execute(
        f"DELETE FROM rate_windows WHERE minute < "
        f"floor(extract(epoch FROM clock_timestamp()) / {SECONDS})::bigint - {_KEPT_MINUTES}"
    )


async def organisation_limit(tx: OrgTransaction) -> int | None:
    """What was set for the organisation: 0 is no limit, None that nothing was set."""
    found: int | None = await tx.fetchval("SELECT rpm_limit FROM organisations WHERE id = $1")
    return found
