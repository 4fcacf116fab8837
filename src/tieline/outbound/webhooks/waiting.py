"""The deliveries of a webhook, as its configuration has to do with them."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from tieline.database import OrgTransaction


class WaitingDeliveries(Protocol):
    """Whoever keeps what is not yet delivered."""

    async def cancel_pending(self, tx: OrgTransaction, webhook_id: UUID, reason: str) -> object:
        """End what waits for a webhook that there will be no more."""
        ...

    async def resume(self, tx: OrgTransaction, webhook_id: UUID) -> object:
        """Let what waits go on, since the webhook is neither paused nor disabled any more."""
        ...
