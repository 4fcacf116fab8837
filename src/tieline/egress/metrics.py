"""Prometheus metrics about requests that leave."""

from prometheus_client import Counter, Histogram

REQUESTS = Counter(
    "tieline_egress_requests_total",
    "Requests sent to other servers, by how they ended.",
    ["outcome"],  # answered, or the code of the error
)
CONNECTIONS = Counter(
    "tieline_egress_connections_total",
    "Connections that requests to other servers took.",
    ["how"],  # opened, reused
)
SECONDS = Histogram("tieline_egress_seconds", "Seconds that requests to other servers took.")
