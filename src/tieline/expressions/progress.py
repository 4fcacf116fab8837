"""A page of memory in which a sandbox process shows which task it works on.

Results travel in bunches, because a write per task would cost more than the task. The page lets
the owner tell, at any moment and even after a crash, exactly which task is to blame.
"""

from __future__ import annotations

import mmap
import os

_PAGE = mmap.PAGESIZE


class Progress:
    """The page, seen from either side. Aligned eight-byte stores: a reader sees old or new."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, _PAGE)
        self._view = memoryview(self._memory).cast("Q")

    @classmethod
    def create(cls) -> Progress:
        """A fresh page whose descriptor a child process can inherit."""
        descriptor = os.memfd_create("tieline-progress")
        os.ftruncate(descriptor, _PAGE)
        return cls(descriptor)

    @property
    def task(self) -> int | None:
        """The position in the batch of the task being worked on; None between tasks."""
        value = int(self._view[0])
        return value - 1 if value else None

    @task.setter
    def task(self, position: int | None) -> None:
        self._view[0] = 0 if position is None else position + 1

    def close(self) -> None:
        """Let go of the page and of its descriptor."""
        self._view.release()
        self._memory.close()
        os.close(self.descriptor)
