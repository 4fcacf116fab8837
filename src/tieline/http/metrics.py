"""Prometheus metrics about requests."""

from prometheus_client import Counter, Histogram

_SURFACES = frozenset({"erp-integration", "entity"})

REQUESTS = Counter(
    "tieline_http_requests_total", "HTTP requests served.", ["surface", "method", "status"]
)
REQUEST_SECONDS = Histogram(
    "tieline_http_request_seconds", "Seconds from request to response.", ["surface"]
)
DEPRECATED_REQUESTS = Counter(
    "tieline_deprecated_requests_total",
    "Requests carried out by an operation that should not be used any more.",
    ["operation"],
)


def surface_label(first_segment: str) -> str:
    """The surface that a path belongs to; `other` for all that are none, to bound the labels."""
    return first_segment if first_segment in _SURFACES else "other"
