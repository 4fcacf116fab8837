"""What the store adds to the mappings of outbound use cases: ids and moments. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tieline.kit import json
from tieline.kit.ids import new_uuid
from tieline.kit.time import to_wire

_STAMPS = ("id", "created_at", "updated_at")

Raw = Mapping[str, Any]


def with_stamps(configuration: Raw, before: Raw | None, now: datetime) -> dict[str, Any]:
    """An outbound configuration whose mappings have ids and moments.

    A mapping without an id is the one that had its name before, if there was one: it keeps the id,
    so that saving the same text twice changes nothing. A moment that a new mapping brings along is
    kept; afterwards a mapping was changed when it differs.
    """
    known = list((before or {}).get("mappings") or ())
    taken = [raw["id"] for raw in configuration["mappings"] if raw.get("id") is not None]
    free = [raw for raw in known if raw.get("id") not in taken]
    mappings = []
    for raw in configuration["mappings"]:
        if raw.get("id") is not None:
            former = next((each for each in known if each.get("id") == raw["id"]), None)
        else:
            former = _named(free, raw)
            if former is not None:
                free.remove(former)
        mappings.append(_stamped(raw, former, to_wire(now)))
    return {**configuration, "mappings": mappings}


def _named(free: Sequence[Raw], raw: Raw) -> Raw | None:
    return next((each for each in free if each["name"] == raw["name"]), None)


def _stamped(raw: Raw, former: Raw | None, now: str) -> dict[str, Any]:
    found = {**raw}
    if former is None:
        found["id"] = raw.get("id") or str(new_uuid())
        for stamp in ("created_at", "updated_at"):
            found[stamp] = raw.get(stamp) or now
        return found
    same = _content(raw) == _content(former)
    found["id"] = former.get("id") or str(new_uuid())
    found["created_at"] = former.get("created_at") or now
    found["updated_at"] = (former.get("updated_at") if same else None) or now
    return found


def _content(raw: Raw) -> bytes:
    return json.dumps({key: value for key, value in raw.items() if key not in _STAMPS})


def without_stamps(configuration: Any) -> Any:
    """A configuration, which may be none yet, without what the store adds to its mappings."""
    if not isinstance(configuration, dict) or not isinstance(configuration.get("mappings"), list):
        return configuration
    return {
        **configuration,
        "mappings": [
            {key: value for key, value in raw.items() if key not in _STAMPS}
            if isinstance(raw, dict)
            else raw
            for raw in configuration["mappings"]
        ],
    }
