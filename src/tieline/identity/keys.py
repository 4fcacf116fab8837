"""The text form of an API key: `tl_<kind>_<43 characters of base 62>_<6 characters of checksum>`.

The checksum (CRC-32 in base 62) lets anybody, a secret scanner too, tell a real key from a typing
error without asking the server. Only the SHA-256 of the whole text is stored.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import zlib

from tieline.identity.models import KeyKind

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# A kind's word in the text of its keys: no underscore, which ends it.
_WORDS = {kind: "llm" if kind is KeyKind.VIRTUAL_LLM else kind.value for kind in KeyKind}
_FORM = re.compile(rf"(tl_(?:{'|'.join(_WORDS.values())})_[0-9A-Za-z]{{43}})_([0-9A-Za-z]{{6}})")


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def new_key(kind: KeyKind) -> str:
    """A fresh key with 256 random bits."""
    body = f"tl_{_WORDS[kind]}_{_base62(int.from_bytes(secrets.token_bytes(32), 'big'), 43)}"
    return f"{body}_{_checksum(body)}"


def is_well_formed(text: str) -> bool:
    """Whether the text has the form of a key and its checksum is right."""
    match = _FORM.fullmatch(text)
    return match is not None and hmac.compare_digest(_checksum(match[1]), match[2])


def fingerprint(text: str) -> bytes:
    """The SHA-256 under which a key is stored."""
    return hashlib.sha256(text.encode()).digest()


def display_prefix(text: str) -> str:
    """The beginning of a key, enough to recognise it by; of an access token, the first eight."""
    return text[: text.index("_", 3) + 7] if is_key(text) else text[:8]


def is_key(text: str) -> bool:
    """Whether the text means to be an API key, well-formed or not."""
    return text.startswith("tl_")


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), 6)
