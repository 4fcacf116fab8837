"""The public keys of an issuer, from its discovery document and its key set.

A key set is used for ten minutes, then read again behind the caller's back. A token that names an
unknown key has it read again at once, but not more than once in ten seconds, so that invented names
are no way to make Tieline call an issuer. An issuer that does not answer leaves the keys in force
for a day.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from tieline.egress.client import EgressClient
from tieline.egress.models import Bounds, OutgoingRequest
from tieline.identity.oidc.errors import InvalidToken, IssuerUnavailable
from tieline.identity.oidc.issuers import origin_of
from tieline.kit import json
from tieline.kit.errors import TielineError

log = structlog.get_logger(__name__)

_FRESH_SECONDS = 600.0
_GAP_SECONDS = 10.0
_LONGEST_USE = 86_400.0
_MOST_KEYS = 100
_RSA_BITS = range(2048, 8193)
_BOUNDS = Bounds(connect_seconds=3, total_seconds=5, max_response_bytes=500_000)
# By kind of key, what makes it up; private parts and certificates are of no use here.
_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
_KIND_OF = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", None)),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}


@dataclass(frozen=True)
class PublicKey:
    """A key that checks signatures; `algorithm` is the only one it is for, if that is said."""

    key_id: str | None
    algorithm: str | None
    kind: tuple[str, str | None]
    key: RSAKey | ECKey | OKPKey

    def fits(self, algorithm: str, key_id: str | None) -> bool:
        """Whether a token that names this algorithm and key could be signed with it."""
        return (
            self.kind == _KIND_OF.get(algorithm)
            and self.algorithm in (None, algorithm)
            and key_id in (None, self.key_id)
        )


class IssuerKeys:
    """The keys of one issuer. `clock` counts seconds."""

    def __init__(
        self, issuer: str, egress: EgressClient, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._issuer = issuer
        self._egress = egress
        self._clock = clock
        self._allowed = origin_of(issuer)
        self._keys: tuple[PublicKey, ...] = ()
        self._read_at: float | None = None
        self._tried_at: float | None = None
        self._reading: asyncio.Task[None] | None = None

    async def find(self, algorithm: str, key_id: str | None) -> list[PublicKey]:
        """The keys that a token with this header may be signed with, at least one.

        Raises `InvalidToken` when the issuer has none, and `IssuerUnavailable`.
        """
        age = self._age()
        if age is not None and age > _FRESH_SECONDS and self._may_read():
            self._begin_reading()  # those at hand will do until it is done
        found = self._at_hand(algorithm, key_id)
        if not found:
            await self._read()
            found = self._at_hand(algorithm, key_id)
        if found:
            return found
        if self._read_at is None or self._read_at != self._tried_at:
            raise IssuerUnavailable
        raise InvalidToken("The token is not signed with a key that its issuer publishes.")

    async def stop(self) -> None:
        """End what may still be read."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    def _age(self) -> float | None:
        return None if self._read_at is None else self._clock() - self._read_at

    def _at_hand(self, algorithm: str, key_id: str | None) -> list[PublicKey]:
        age = self._age()
        if age is None or age > _LONGEST_USE:
            return []
        return [key for key in self._keys if key.fits(algorithm, key_id)]

    def _may_read(self) -> bool:
        return self._tried_at is None or self._clock() - self._tried_at >= _GAP_SECONDS

    async def _read(self) -> None:
        """Read the keys, or wait for whoever reads them already, unless that was just tried."""
        if self._reading is None and self._may_read():
            self._begin_reading()
        if self._reading is not None:
            # Shielded: whoever gives up waiting must not take it away from the others.
            await asyncio.shield(self._reading)

    def _begin_reading(self) -> None:
        self._tried_at = self._clock()
        self._reading = asyncio.create_task(self._attempt(self._tried_at))

    async def _attempt(self, began: float) -> None:
        try:
            self._keys = await self._fetch()
            self._read_at = began
        except TielineError as error:
            log.warning("oidc.keys_not_read", issuer=self._issuer, reason=error.message)
        finally:
            self._reading = None

    async def _fetch(self) -> tuple[PublicKey, ...]:
        place = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
        discovered = await self._document(place)
        if discovered.get("issuer") != self._issuer:
            raise IssuerUnavailable(
                f"The discovery document of {self._issuer} names another issuer. Configure the "
                "issuer exactly as it calls itself."
            )
        address = discovered.get("jwks_uri")
        if not isinstance(address, str):
            raise IssuerUnavailable(f"The discovery document of {self._issuer} has no jwks_uri.")
        return public_keys(await self._document(address))

    async def _document(self, url: str) -> Mapping[str, Any]:
        request = OutgoingRequest(
            "GET", url, headers=(("Accept", "application/json"),), bounds=_BOUNDS
        )
        answer = await self._egress.send(request, also_allowed=self._allowed)
        if answer.status != 200:
            raise IssuerUnavailable(f"{self._issuer} answers with status {answer.status}.")
        try:
            found = json.loads(answer.body)
        except (json.InvalidJson, UnicodeDecodeError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise IssuerUnavailable(
                f"{self._issuer} answers with something that is no JSON object."
            )
        return found


def public_keys(document: Mapping[str, Any]) -> tuple[PublicKey, ...]:
    """The keys of a key set (RFC 7517) that check signatures; all others are passed over."""
    listed = document.get("keys")
    candidates = listed[:_MOST_KEYS] if isinstance(listed, list) else []
    found = (_public_key(each) for each in candidates if isinstance(each, dict))
    return tuple(key for key in found if key is not None)


def _public_key(document: Mapping[str, Any]) -> PublicKey | None:
    kind, key_id, algorithm = document.get("kty"), document.get("kid"), document.get("alg")
    try:
        if kind not in _MEMBERS or document.get("use", "sig") != "sig":
            return None
        if "verify" not in document.get("key_ops", ["verify"]):
            return None
        if not isinstance(key_id, str | None) or not isinstance(algorithm, str | None):
            return None
        key = import_key({"kty": kind, **{name: document[name] for name in _MEMBERS[kind]}})
        assert isinstance(key, RSAKey | ECKey | OKPKey)
        if isinstance(key, RSAKey) and key.public_key.key_size not in _RSA_BITS:
            return None
    except (JoseError, KeyError, ValueError, TypeError, UnsupportedAlgorithm):
        return None
    curve = None if kind == "RSA" else document["crv"]
    return PublicKey(key_id, algorithm, (kind, curve), key)
