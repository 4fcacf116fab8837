"""Prometheus metrics about deliveries."""

from prometheus_client import Counter, Gauge, Histogram

ATTEMPTS = Counter(
    "tieline_delivery_attempts_total", "Attempts at deliveries, by how they ended.", ["outcome"]
)
SECONDS = Histogram(
    "tieline_delivery_attempt_seconds", "Seconds from the beginning of an attempt to its answer."
)
IN_FLIGHT = Gauge("tieline_deliveries_in_flight", "Requests to webhooks that are under way.")
OLDEST_DUE = Gauge(
    "tieline_oldest_due_delivery_seconds",
    "How long the delivery that could be sent has been due for; 0 when none waits.",
)
