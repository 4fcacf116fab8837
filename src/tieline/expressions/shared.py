"""Which shared blobs a sandbox process already knows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

MAX_BLOBS = 256
MAX_BYTES = 32 << 20


class KnownBlobs:
    """The owner's account of one process: the least recently used blobs are forgotten first.

    A blob that the batch at hand needs is never forgotten, even when that exceeds the bounds.
    """

    def __init__(self, max_blobs: int = MAX_BLOBS, max_bytes: int = MAX_BYTES) -> None:
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._bytes = 0
        self._max_blobs = max_blobs
        self._max_bytes = max_bytes

    def prepare(
        self, shared: Mapping[str, bytes], names: Iterable[str]
    ) -> tuple[list[str], dict[str, bytes]]:
        """What the process has to forget, and to learn, before it can work with `names`.

        Raises `KeyError` for a name that is not in `shared`.
        """
        needed = dict.fromkeys(names)
        learn: dict[str, bytes] = {}
        for name in needed:
            if name in self._sizes:
                self._sizes.move_to_end(name)
            else:
                learn[name] = shared[name]
        for name, blob in learn.items():
            self._sizes[name] = len(blob)
            self._bytes += len(blob)
        return self._forget(needed), learn

    def _forget(self, needed: Mapping[str, None]) -> list[str]:
        forgotten: list[str] = []
        while len(self._sizes) > self._max_blobs or self._bytes > self._max_bytes:
            oldest = next(iter(self._sizes))
            if oldest in needed:
                break
            self._bytes -= self._sizes.pop(oldest)
            forgotten.append(oldest)
        return forgotten
