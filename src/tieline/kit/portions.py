"""Work cut into portions that fit into memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def portions(items: Sequence[T], sizes: Sequence[int], most: int) -> Iterator[Sequence[T]]:
    """The items in their order, in portions whose sizes together are at most `most`.

    An item that is larger than that is a portion of its own.
    """
    start = total = 0
    for end, size in enumerate(sizes):
        if end > start and total + size > most:
            yield items[start:end]
            start, total = end, 0
        total += size
    if start < len(items):
        yield items[start:]
