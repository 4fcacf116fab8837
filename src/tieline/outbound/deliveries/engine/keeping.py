"""What is kept of a request and of its answer: bounded, readable, without secrets."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tieline.kit.secrecy import hide_secrets, names_a_secret
from tieline.secrets.material import HIDDEN

BODY_BYTES = 4_096
HEADER_BYTES = 8_192
_SHORTEST_SECRET = 6  # anything shorter stands in every other text
_UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"  # for what the database takes in no text
_NEVER = frozenset({"set-cookie", "set-cookie2"})
# In these no secret is looked for: they are in every answer, and it would take its time.
_PLAIN = frozenset(
    {
        *("date", "server", "content-type", "content-length", "content-encoding", "connection"),
        *("keep-alive", "transfer-encoding", "vary", "cache-control", "retry-after", "age"),
    }
)

Headers = Iterable[tuple[str, str]]


def hidden_values(sent: Headers, shown: Headers) -> frozenset[str]:
    """The values of headers that nobody is shown, and what follows the scheme in them."""
    hidden: set[str] = set()
    for (_, value), (_, instead) in zip(sent, shown, strict=True):
        if value != instead:
            hidden.update((value, value.rpartition(" ")[2]))
    return frozenset(value for value in hidden if len(value) >= _SHORTEST_SECRET)


def kept_headers(headers: Headers, secrets: Collection[str] = ()) -> dict[str, str]:
    """Headers by their names in lower case, up to so many bytes in all; several values in one."""
    kept: dict[str, str] = {}
    left = HEADER_BYTES
    for name, value in headers:
        key = name.lower()
        left -= len(key) + len(value)
        if left < 0:
            break
        if key in _NEVER:
            continue
        text = value if key in _PLAIN else _shown(key, value, secrets)
        text = text.replace("\x00", _UNPRINTABLE)
        kept[key] = f"{kept[key]}, {text}" if key in kept else text
    return kept


def kept_body(body: bytes, secrets: Collection[str] = ()) -> bytes:
    """The beginning of an answer; receivers that echo requests do not make us store secrets."""
    if not body:
        return b""
    # Before it is cut: half a secret would not be recognised.
    text = body[: 2 * BODY_BYTES].decode("utf-8", "surrogateescape")
    return _without(text, secrets).encode("utf-8", "surrogateescape")[:BODY_BYTES]


def _shown(name: str, value: str, secrets: Collection[str]) -> str:
    return HIDDEN if names_a_secret(name) else _without(value, secrets)


def _without(text: str, secrets: Collection[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return hide_secrets(text, HIDDEN)
