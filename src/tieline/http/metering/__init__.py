"""The base path `/metering`."""

from fastapi import APIRouter

from tieline.http.metering import batches, meters, readings

# The order matters: `{meter_id}/{counter_id}` would also match the fixed words in the earlier ones.
routers: list[APIRouter] = [meters.router, batches.router, readings.router]

__all__ = ["routers"]
