"""Lanes: in which of several orders an integration's event is applied. Pure.

Events of one lane are applied one after the other, lanes side by side. An event without a group is
in lane 0, one with a group in the lane of that group. Several groups share a lane: a hundred
thousand of them, one per customer, must not mean a hundred thousand batches of one event each.
"""

from __future__ import annotations

import zlib

LANES = 16  # for events that have a group; beside them there is lane 0


def lane_of(group_id: str | None) -> int:
    """The lane of a group, the same in every process and for ever."""
    if group_id is None:
        return 0
    return 1 + zlib.crc32(group_id.encode("utf-8", "surrogatepass")) % LANES
