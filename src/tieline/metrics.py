"""Prometheus metrics about the pipeline."""

from prometheus_client import Counter, Gauge

ACCEPTED = Counter("tieline_events_received_total", "Events received, by receipt.", ["status"])
OUTCOMES = Counter(
    "tieline_event_outcomes_total", "Events that reached a terminal state.", ["status", "code"]
)
OLDEST_WAITING = Gauge(
    "tieline_oldest_waiting_event_seconds",
    "Age of the accepted event that has waited longest to be applied; 0 when none waits.",
)
CALLS_NOT_LOGGED = Counter(
    "tieline_access_log_lost_total",
    "API calls that are missing in the access log: the database was away, or too slow.",
)
CATALOGUE_EVENTS = Counter(
    "tieline_catalogue_events_total",
    "Events of the catalogue that happened, or could not for a fault that the history names.",
    ["outcome"],
)
