"""A token taken apart, before and after its signature is known to be right.

Nothing in a message repeats any of the token: what is wrong with it is said in words.
"""

from __future__ import annotations

import base64
import binascii
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning

from tieline.identity.oidc.errors import InvalidToken
from tieline.identity.oidc.keys import PublicKey

LONGEST_TOKEN = 16_384
_LONGEST_NAME = 500

# The name that stands for Ed25519 in the tokens of most issuers, whatever RFC 9864 prefers.
warnings.filterwarnings("ignore", message="EdDSA is deprecated", category=SecurityWarning)


@dataclass(frozen=True)
class Token:
    """What a token says. It is true only once `check_signature` has passed."""

    text: str
    algorithm: str
    key_id: str | None
    issuer: str
    claims: Mapping[str, Any]


def read_token(text: str) -> Token:
    """The token in a text. Raises `InvalidToken` when it is none, or one that is never accepted."""
    if len(text) > LONGEST_TOKEN:
        raise InvalidToken(
            f"The token has more than {LONGEST_TOKEN:,} characters. Have the issuer put less in it."
        )
    parts = text.split(".")
    if len(parts) != 3:
        raise InvalidToken("This is no signed token (JWT).")
    header, claims = _document(parts[0]), _document(parts[1])
    if "crit" in header or "b64" in header:
        raise InvalidToken("The token demands an extension that is not known here.")
    algorithm, key_id, issuer = header.get("alg"), header.get("kid"), claims.get("iss")
    if not isinstance(algorithm, str):
        raise InvalidToken("The token does not say by which algorithm it is signed.")
    if key_id is not None and not _is_name(key_id):
        raise InvalidToken("The token does not name its key properly.")
    if not isinstance(issuer, str) or not _is_name(issuer):
        raise InvalidToken("The token does not say who has issued it.")
    return Token(text, algorithm, key_id, issuer, claims)


def is_signed_by(token: Token, key: PublicKey) -> bool:
    """Whether the token was signed with the other half of this key, by its own algorithm."""
    registry = jws.JWSRegistry(algorithms=[token.algorithm], strict_check_header=False)
    registry.max_header_length = LONGEST_TOKEN
    registry.max_signature_length = LONGEST_TOKEN
    try:
        jws.deserialize_compact(token.text, key.key, [token.algorithm], registry)
    except (JoseError, ValueError, TypeError):
        return False
    return True


def _document(part: str) -> dict[str, Any]:
    try:
        # Other characters than those of base64 would be skipped over.
        text = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        found = json.loads(text)
    except (binascii.Error, ValueError, RecursionError):
        raise InvalidToken("This is no signed token (JWT).") from None
    if not isinstance(found, dict):
        raise InvalidToken("This is no signed token (JWT).")
    return found


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME
