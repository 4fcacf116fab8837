"""Prometheus metrics about the pipeline."""

from prometheus_client import Counter

ACCEPTED = Counter("tieline_events_received_total", "Events received, by receipt.", ["status"])
OUTCOMES = Counter(
    "tieline_event_outcomes_total", "Events that reached a terminal state.", ["status", "code"]
)
