"""Sends what waits: leases deliveries, makes the requests, records each attempt."""

from tieline.outbound.deliveries.engine.service import DeliveryEngine

__all__ = ["DeliveryEngine"]
