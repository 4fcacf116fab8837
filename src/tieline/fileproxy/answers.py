"""What the steps were answered, and how expressions and templates see it. Pure.

A file may be much larger than what the sandbox takes. So a long text goes in as a mark, and is put
back where the mark comes out: expressions can choose it and pass it on, but not look into it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LONGEST_TEXT = 4_096  # characters of a text that expressions see as it is


@dataclass(frozen=True)
class Binary:
    """The body of a binary answer; `content` is None while it is still to be streamed."""

    content: bytes | None

    def as_text(self) -> str | None:
        """The body as templates see it: as text if it is any."""
        if self.content is None:
            return None
        try:
            return self.content.decode()
        except UnicodeDecodeError:
            return None


@dataclass(frozen=True)
class StepAnswer:
    """The answer to one step; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: Any


def template_context(params: Mapping[str, str], answers: Sequence[StepAnswer]) -> dict[str, Any]:
    """What the templates of the next step see."""
    return _context(params, answers, Binary.as_text, lambda body: body)


class Marks:
    """Texts and files that stay outside of the sandbox, by the marks that stand for them."""

    def __init__(self) -> None:
        self._prefix = f"\u2045file {secrets.token_hex(12)} "
        self._kept: list[str | Binary] = []

    def context(self, params: Mapping[str, str], answers: Sequence[StepAnswer]) -> dict[str, Any]:
        """What expressions see."""
        return _context(params, answers, self._mark, self._without_long_texts)

    def behind(self, result: str) -> str | Binary:
        """What the result of an expression stands for, with the texts that its marks stand for.

        Raises `ValueError` when a file is only a part of it.
        """
        for index, kept in enumerate(self._kept):
            if result == self._name(index):
                return kept
        if self._prefix not in result:
            return result
        for index, kept in enumerate(self._kept):
            if self._name(index) in result:
                if isinstance(kept, Binary):
                    raise ValueError("a file cannot be joined with a text")
                result = result.replace(self._name(index), kept)
        return result

    def hidden(self, message: str) -> str:
        """A message without the number that nobody is to know."""
        return message.replace(self._prefix, "\u2045file ")

    def _without_long_texts(self, value: Any) -> Any:
        match value:
            case str() if len(value) > LONGEST_TEXT:
                return self._mark(value)
            case dict():
                return {name: self._without_long_texts(member) for name, member in value.items()}
            case list():
                return [self._without_long_texts(item) for item in value]
            case _:
                return value

    def _mark(self, kept: str | Binary) -> str:
        self._kept.append(kept)
        return self._name(len(self._kept) - 1)

    def _name(self, index: int) -> str:
        return f"{self._prefix}{index}\u2046"


def _context(
    params: Mapping[str, str],
    answers: Sequence[StepAnswer],
    of_file: Callable[[Binary], Any],
    of_json: Callable[[Any], Any],
) -> dict[str, Any]:
    steps = [
        {
            "body": of_file(answer.body)
            if isinstance(answer.body, Binary)
            else of_json(answer.body),
            "headers": dict(answer.headers),
            "statusCode": answer.status,
        }
        for answer in answers
    ]
    return {"params": dict(params), "steps": steps}
