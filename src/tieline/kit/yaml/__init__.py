"""YAML that loses nothing of JSON: every digit, every key in its order, and nothing beyond it.

A plain value is what a person means by it: only `true`, `false`, `null` and JSON's numbers are more
than text, so that `no`, `012` and `2026-01-31` stay as they are written. Anchors, aliases and tags
are refused: a document says what it says where it says it, and is never larger than its text.
"""

from tieline.kit.yaml.reading import Document, Fault, InvalidYaml, Path, loads, read
from tieline.kit.yaml.writing import dumps

__all__ = ["Document", "Fault", "InvalidYaml", "Path", "dumps", "loads", "read"]
