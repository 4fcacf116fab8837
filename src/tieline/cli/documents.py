"""Files that people write, in YAML or JSON. Every digit of a number is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tieline.cli.errors import UnreadableFile
from tieline.kit import json, yaml


def read_document(path: Path) -> Any:
    """The value in a file: JSON if its name ends so, else YAML. Raises `UnreadableFile`."""
    kind = "JSON" if path.suffix == ".json" else "YAML"
    try:
        text = path.read_text("utf-8")
        return json.loads(text) if kind == "JSON" else yaml.loads(text)
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror or error}. Name a file.") from None
    except (json.InvalidJson, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise UnreadableFile(f"{path}: is no valid {kind}: {reason}") from None
