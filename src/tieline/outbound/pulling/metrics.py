"""Prometheus metrics about messages that are pulled."""

from prometheus_client import Counter, Gauge

HANDED_OUT = Counter("tieline_messages_handed_out_total", "Messages that consumers have pulled.")
SETTLED = Counter(
    "tieline_messages_settled_total",
    "What consumers said about messages, by what became of these.",
    ["status"],
)
WAITING = Gauge("tieline_consumers_waiting", "Consumers that wait for messages in this process.")
