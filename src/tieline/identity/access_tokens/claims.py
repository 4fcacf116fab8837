"""The signed text of an access token: made, taken apart, checked. No I/O."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from tieline.identity.errors import InvalidApiKey
from tieline.kit import json

ALGORITHM = "RS256"
KEY_BITS = 2048
LONGEST_TOKEN = 4_096
# Marks our own key ids, so that tokens of other issuers are told apart without a look-up.
KEY_ID_PREFIX = "tieline-"


@dataclass(frozen=True)
class Claims:
    """What an access token says: whose it is, and how long it is valid."""

    issuer: str
    key_id: str
    org_id: str
    issued_at: datetime
    expires_at: datetime | None
    token_id: str

    def document(self) -> dict[str, Any]:
        """The claims by their registered names."""
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": self.key_id,
            "org_id": self.org_id,
            "iat": int(self.issued_at.timestamp()),
            "jti": self.token_id,
        }
        if self.expires_at is not None:
            claims["exp"] = int(self.expires_at.timestamp())
        return claims


def new_signing_key() -> RSAKey:
    """A fresh key pair; its id is made of its thumbprint."""
    key = RSAKey.generate_key(KEY_BITS, {"use": "sig", "alg": ALGORITHM})
    return RSAKey.import_key(
        {**key.as_dict(private=True), "kid": f"{KEY_ID_PREFIX}{key.thumbprint()}"}
    )


def sign(claims: Claims, key: RSAKey) -> str:
    """The text of a token."""
    header = {"alg": ALGORITHM, "typ": "JWT", "kid": key.kid}
    return jwt.encode(header, claims.document(), key, algorithms=[ALGORITHM])


def signing_key_of(token: str) -> str | None:
    """The id of the key that a token says it is signed with, if that is one of our making."""
    if len(token) > LONGEST_TOKEN or token.count(".") != 2:
        return None
    encoded = token.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (binascii.Error, ValueError, json.InvalidJson, RecursionError):
        return None
    kid = header.get("kid") if isinstance(header, dict) else None
    return kid if isinstance(kid, str) and kid.startswith(KEY_ID_PREFIX) else None


def check_signature(token: str, keys: Mapping[str, RSAKey]) -> None:
    """Raises `InvalidApiKey` unless the one of the keys that the token names has signed it."""
    key = keys.get(signing_key_of(token) or "")
    if key is None:
        raise InvalidApiKey("The access token is signed with a key that does not exist here.")
    try:
        jwt.decode(token, key, algorithms=[ALGORITHM])
    except (JoseError, ValueError):
        raise InvalidApiKey("The signature of the access token is wrong.") from None
