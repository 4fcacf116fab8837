"""What may be shown of an answer that was not the wanted one."""

from __future__ import annotations

from collections.abc import Iterable

from tieline.egress.errors import EgressError
from tieline.egress.exchanges import StreamedAnswer
from tieline.egress.models import Answer
from tieline.kit.secrecy import hide_secrets

_LONGEST = 500  # characters
_READ = 4_000  # bytes
_SHORTEST_SECRET = 4
_MARK = "..."


async def excerpt(answer: Answer | StreamedAnswer, secrets: Iterable[str]) -> str:
    """The beginning of an answer, in one line, without secrets: servers like to repeat them."""
    if isinstance(answer, Answer):
        return shown(answer.body[:_READ], secrets)
    body = bytearray()
    try:
        async for piece in answer.pieces():
            body += piece
            if len(body) >= _READ:
                break
    except EgressError:
        pass  # as much as there was
    return shown(bytes(body[:_READ]), secrets)


def shown(body: bytes, secrets: Iterable[str]) -> str:
    """A text that somebody else has written, as it may be written down."""
    text = " ".join(without_secrets(body.decode("utf-8", "replace"), secrets).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}{_MARK}"


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """A text without these secrets and without whatever else looks like one."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, _MARK)
    return hide_secrets(text, _MARK)
