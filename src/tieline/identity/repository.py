"""SQL about organisations."""

from __future__ import annotations

from dataclasses import dataclass

from tieline.database import OrgTransaction, Transaction
from tieline.identity.changes import announce

# Heard by every process that remembers callers. The payload is the id of the key that changed; any
# other text means that more may have changed, and that everything is to be forgotten.


@dataclass(frozen=True)
class OrganisationLimit:
    """Requests per minute of an organisation; 0 is no limit, None the installation's own one."""

    rpm_limit: int | None


@dataclass(frozen=True)
class Organisation(OrganisationLimit):
    """An organisation and how many usable keys it has."""

    id: str
    name: str
    keys: int


async def ensure_organisation(tx: Transaction, org_id: str, name: str) -> bool:
    """Create the organisation unless it exists; whether it is new."""
    return bool(
        await tx.fetchval(
            "INSERT INTO organisations (id, name) VALUES ($1, $2) "
            "ON CONFLICT DO NOTHING RETURNING true",
            org_id,
            name,
        )
    )


async def organisation_exists(tx: OrgTransaction) -> bool:
    """Whether there is such an organisation."""
    return bool(await tx.fetchval("SELECT EXISTS (SELECT FROM organisations WHERE id = $1)"))


async def list_organisations(tx: Transaction) -> list[Organisation]:
    """All organisations, and how many keys each has that can be used."""
    rows = await tx.fetch(
        "SELECT o.id, o.name, o.rpm_limit, count(k.id) AS keys FROM organisations o "
        "LEFT JOIN api_keys k ON k.org_id = o.id AND NOT k.blocked AND NOT k.is_deleted "
        "AND (k.expires_at IS NULL OR k.expires_at > now()) GROUP BY o.id ORDER BY o.id"
    )
    return [Organisation(row["rpm_limit"], row["id"], row["name"], row["keys"]) for row in rows]


async def lock_organisation(tx: OrgTransaction) -> OrganisationLimit | None:
    """The organisation's own limit, which nobody else changes meanwhile, if it exists."""
    row = await tx.fetchrow("SELECT rpm_limit FROM organisations WHERE id = $1 FOR UPDATE")
    return OrganisationLimit(row["rpm_limit"]) if row else None


async def set_organisation_limit(tx: OrgTransaction, rpm_limit: int | None) -> None:
    """Limit an organisation and tell every process."""
    await tx.execute("UPDATE organisations SET rpm_limit = $2 WHERE id = $1", rpm_limit)
    await announce(tx, "organisation")


async def lock_first_key(tx: Transaction) -> None:
    """Wait for everybody else who looks whether there is a key yet."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('tieline first key', 0))")


async def any_key_exists(tx: Transaction) -> bool:
    """Whether a key was ever created here."""
    return bool(await tx.fetchval("SELECT EXISTS (SELECT 1 FROM api_keys)"))
