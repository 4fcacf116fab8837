"""Secret material in memory: types that show nothing when somebody prints them."""

from __future__ import annotations

HIDDEN = "<hidden>"


class SecretText:
    """A text that must be asked for: printing, formatting or logging it shows `<hidden>`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretText) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> str:
        raise TypeError("A secret is not pickled")


class SecretValues(dict[str, str]):
    """Named secret texts: a dictionary whose printed form shows the names only."""

    def __repr__(self) -> str:
        return f"{{{', '.join(f'{name!r}: {HIDDEN}' for name in self)}}}"
