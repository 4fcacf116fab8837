"""Prometheus metrics about requests."""

from prometheus_client import Counter, Histogram

OTHER = "other"
_DOMAIN = "api/v1/integration"
SURFACES = frozenset(
    {
        *("erp-integration", "entity", "metering", "environments", "access-token", _DOMAIN),
        *("event-catalog", "webhooks"),
    }
)

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


def surface_of(path: str) -> str:
    """The surface that a path belongs to; `other` for all that are none, to bound the labels."""
    _, _, rest = path.partition("/")
    first = rest.partition("/")[0]
    if first in SURFACES:
        return first
    return _DOMAIN if rest == _DOMAIN or rest.startswith(f"{_DOMAIN}/") else OTHER
