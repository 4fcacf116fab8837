"""What monitoring needs to know of the outbound side, whoever that is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from tieline.monitoring.figures import BucketCount, Count, OutboundGroup
from tieline.monitoring.rollups import Stretch


class Deliveries(Protocol):
    """Counts the deliveries of an integration by `DeliveryStatus`."""

    async def by_group(
        self, org_id: str, integration_id: UUID, time: Stretch, group_by: Sequence[OutboundGroup]
    ) -> list[Count]:
        """Counts by status and group."""

    async def by_bucket(
        self, org_id: str, integration_id: UUID, time: Stretch, width: timedelta
    ) -> list[BucketCount]:
        """Counts by status and bucket; buckets begin at multiples of their width, in UTC."""


class NoDeliveries:
    """An installation that delivers nothing, so that there is nothing to count."""

    async def by_group(
        self, org_id: str, integration_id: UUID, time: Stretch, group_by: Sequence[OutboundGroup]
    ) -> list[Count]:
        """None."""
        return []

    async def by_bucket(
        self, org_id: str, integration_id: UUID, time: Stretch, width: timedelta
    ) -> list[BucketCount]:
        """None."""
        return []
