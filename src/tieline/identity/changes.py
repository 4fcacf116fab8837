"""Changes of identities, told to every process, so that nothing remembered is out of date."""

from __future__ import annotations

from dataclasses import dataclass

from tieline.database import OrgTransaction, Transaction

CHANNEL = "tieline_keys"


@dataclass(frozen=True, slots=True)
class Change:
    """Somebody or something of an organisation is not what it was: a key, a user, an application.

    `id` is theirs, as logs name them; `organisation` when it is about the organisation itself.
    """

    org_id: str
    id: str

    @property
    def is_of_a_key(self) -> bool:
        """Whether nobody but the holders of one key is concerned."""
        return self.id.startswith("api_")

    @classmethod
    def heard(cls, payload: str | None) -> Change | None:
        """The change that was announced; None when any number of them may have been missed."""
        if payload is None:
            return None
        org_id, _, changed = payload.partition(" ")
        return cls(org_id, changed)


async def announce(tx: OrgTransaction, changed: str) -> None:
    """Tell every process, when the transaction commits, what of the organisation has changed."""
    await Transaction(tx.connection).execute(
        "SELECT pg_notify($1, $2)", CHANNEL, f"{tx.org_id} {changed}"
    )
