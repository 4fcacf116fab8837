"""Prometheus metrics about files."""

from prometheus_client import Counter

DOWNLOADS = Counter(
    "tieline_file_downloads_total", "Uses of signed links, by how they ended.", ["code"]
)
BYTES = Counter("tieline_file_bytes_total", "Bytes of files that were sent.")
