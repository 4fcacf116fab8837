"""What `$` and `$$` stand for while an expression runs."""

from __future__ import annotations

from typing import Any


class Scope:
    """A value that expressions run on, together with the payload it was taken from.

    `value` is what `$` means, `root.value` what `$$` means; a scope without a root is its own.
    `text` is the JSON text of the value where it is at hand: an engine reads that faster.
    `prepared` is the engine's own form of the value, made when it is first needed.
    """

    __slots__ = ("prepared", "root", "text", "value")

    def __init__(self, value: Any, root: Scope | None = None, text: bytes | None = None) -> None:
        self.value = value
        self.root = root or self
        self.text = text
        self.prepared: Any = None
