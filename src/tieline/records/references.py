"""Records that name other records: whatever is named has to be there."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from tieline.database import OrgTransaction
from tieline.kit.errors import InvalidInput
from tieline.records.envelope import Caller, Record


class Exists(Protocol):
    """Says whether there is a record of some type with that id which the caller may see."""

    async def __call__(self, tx: OrgTransaction, caller: Caller, record_id: UUID, /) -> bool:
        """Whether it is there."""
        ...


async def check_reference(
    tx: OrgTransaction,
    caller: Caller,
    exists: Exists,
    field: str,
    *,
    before: Record | None,
    after: Record,
) -> None:
    """Raises `InvalidInput` when a field was changed to name something that does not exist.

    What a record named before may have been deleted since; that keeps nobody from changing it.
    """
    named: UUID | None = getattr(after, field)
    if named is None or (before is not None and getattr(before, field) == named):
        return
    if not await exists(tx, caller, named):
        raise InvalidInput(f"{field}: there is nothing with that id. Check it, or leave it out.")
