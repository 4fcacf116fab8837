"""SQL about users beyond what all records have."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from tieline.database import OrgTransaction, Transaction
from tieline.identity.roles import Role
from tieline.identity.users.models import USERS, User


async def find_by_subject(
    tx: OrgTransaction, issuer: str, subject: str, *, lock: bool = False
) -> User | None:
    """The user that an issuer knows by this name."""
    row = await tx.fetchrow(
        f"SELECT {USERS.selection()} FROM users "
        f"WHERE org_id = $1 AND issuer = $2 AND subject = $3{' FOR UPDATE' if lock else ''}",
        issuer,
        subject,
    )
    return USERS.decode(row) if row else None


async def organisation_exists(tx: OrgTransaction) -> bool:
    """Whether there is the organisation of this transaction."""
    return bool(await tx.fetchval("SELECT EXISTS (SELECT 1 FROM organisations WHERE id = $1)"))


async def write_profile_time(tx: OrgTransaction, user_id: str, issued_at: datetime) -> None:
    """Note until when tokens have told of the user, unless a newer one was there already."""
    await tx.execute(
        "UPDATE users SET profile_as_of = $3 WHERE org_id = $1 AND id = $2 "
        "AND (profile_as_of IS NULL OR profile_as_of < $3)",
        user_id,
        issued_at,
    )


async def write_last_seen(tx: Transaction, seen: Mapping[tuple[str, str], datetime]) -> None:
    """Store when users were last seen, where that is later than what is stored."""
    ordered = sorted(seen)  # and locked in this order, or two processes could wait for each other
    await tx.execute(
        """
        WITH met AS (
            SELECT u.org_id, u.id, s.at
            FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS s (org_id, id, at)
            JOIN users u ON u.org_id = s.org_id AND u.id = s.id
            WHERE u.last_seen_at < s.at
            ORDER BY u.org_id, u.id FOR UPDATE OF u
        )
        UPDATE users u SET last_seen_at = met.at FROM met
        WHERE u.org_id = met.org_id AND u.id = met.id AND u.last_seen_at < met.at
        """,
        [org_id for org_id, _ in ordered],
        [user_id for _, user_id in ordered],
        [seen[each] for each in ordered],
    )


async def lock_admins(tx: OrgTransaction) -> None:
    """Wait for everybody else who takes rights from somebody of the organisation."""
    await tx.fetchval("SELECT pg_advisory_xact_lock(hashtextextended('tieline admins ' || $1, 0))")


async def anybody_may_do_everything(tx: OrgTransaction) -> bool:
    """Whether a user or a key that can be used has all rights in the organisation."""
    return bool(
        await tx.fetchval(
            f"""
            SELECT EXISTS (
                SELECT 1 FROM users WHERE org_id = $1 AND NOT disabled AND NOT is_deleted
                    AND '{Role.ADMIN}' = ANY (roles)
            ) OR EXISTS (
                SELECT 1 FROM api_keys k
                LEFT JOIN applications a ON a.org_id = k.org_id AND a.id = k.application_id
                LEFT JOIN users u ON u.org_id = k.org_id AND u.id = k.issued_to_user_id
                WHERE k.org_id = $1 AND NOT k.blocked AND NOT k.is_deleted
                    AND (k.expires_at IS NULL OR k.expires_at > now())
                    AND ('*' = ANY (k.scopes) OR '{Role.ADMIN}' = ANY (k.roles))
                    AND (k.application_id IS NULL OR a.status NOT IN ('suspended', 'retired'))
                    AND u.disabled IS NOT TRUE
            )
            """
        )
    )


async def list_admins(tx: OrgTransaction, limit: int) -> list[User]:
    """Some of the users who may do everything, those seen last first."""
    rows = await tx.fetch(
        f"SELECT {USERS.selection()} FROM users WHERE org_id = $1 AND NOT disabled "
        f"AND NOT is_deleted AND '{Role.ADMIN}' = ANY (roles) "
        "ORDER BY last_seen_at DESC, id LIMIT $2",
        limit,
    )
    return [USERS.decode(row) for row in rows]
