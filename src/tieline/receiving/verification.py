"""Whether a delivery is what Tieline sent: Standard Webhooks, or the HMAC-SHA256 of the body.

Written from https://www.standardwebhooks.com, and apart from what signs, so that the one finds the
mistakes of the other. Pure.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidSignature

from tieline.receiving.keys import Keys, decoded, hmac_key
from tieline.receiving.models import Verdict, Verification

TOLERANCE = timedelta(minutes=5)
"""How far the clocks of both sides may be apart, and how old a delivery may be."""

_STANDARD = ("webhook-id", "webhook-timestamp", "webhook-signature")
_PLAIN = "x-webhook-signature"
_NEEDS = {"v1": "the secret", "v1a": "the public key"}


def verify(headers: Mapping[str, str], body: bytes, keys: Keys, now: datetime) -> Verification:
    """What the signatures say. Names of headers are in lower case.

    The key of Standard Webhooks is what a secret stands for, that of the plain HMAC its text.

    Of each scheme that can be checked one signature has to fit: several of one scheme are there
    while a secret is rotated.
    """
    if "webhook-signature" in headers:
        return _standard(headers, body, keys, now)
    if _PLAIN in headers:
        return _plain(headers[_PLAIN], body, keys)
    if not keys:
        return Verification(Verdict.UNCHECKED, reason="it is not signed")
    return _refused("it is not signed: there is no webhook-signature")


def _standard(headers: Mapping[str, str], body: bytes, keys: Keys, now: datetime) -> Verification:
    missing = [name for name in _STANDARD if not headers.get(name)]
    if missing:
        return _refused(f"{' and '.join(missing)} missing or empty")
    stale = _stale(headers["webhook-timestamp"], now)
    signatures = _by_scheme(headers["webhook-signature"])
    if not signatures:
        return _refused("webhook-signature holds no v1 and no v1a")
    if not keys:
        carried = ", ".join(signatures)
        return Verification(Verdict.UNCHECKED, reason=f"it carries {carried}; give a key to check")
    checked = [scheme for scheme in signatures if _keys_of(scheme, keys)]
    if not checked:
        (scheme, *_) = signatures
        return _refused(f"it carries {scheme} only, which {_NEEDS[scheme]} would check")
    if stale is not None:
        return _refused(stale)
    signed = b".".join(
        (headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body)
    )
    for scheme in checked:
        if not any(_fits(scheme, signed, each, keys) for each in signatures[scheme]):
            return _refused(f"no signature of {scheme} fits {_NEEDS[scheme]}")
    return Verification(Verdict.VERIFIED, tuple(checked))


def _stale(timestamp: str, now: datetime) -> str | None:
    """What is wrong with the moment at which a delivery was signed, if anything is."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return "webhook-timestamp is no number of seconds"
    seconds = int(now.timestamp()) - int(timestamp)
    most = int(TOLERANCE.total_seconds())
    if seconds > most:
        return f"it was signed {seconds} seconds ago, and {most} are allowed"
    if -seconds > most:
        return f"it was signed {-seconds} seconds in the future: the clocks differ"
    return None


def _by_scheme(header: str) -> dict[str, list[bytes | None]]:
    """The signatures in a header by the schemes that are known, in the order of the header."""
    found: dict[str, list[bytes | None]] = {}
    for part in header.split():
        scheme, _, signature = part.partition(",")
        if scheme in _NEEDS:
            found.setdefault(scheme, []).append(decoded(signature))
    return found


def _keys_of(scheme: str, keys: Keys) -> bool:
    return bool(keys.secrets if scheme == "v1" else keys.public_keys)


def _fits(scheme: str, signed: bytes, signature: bytes | None, keys: Keys) -> bool:
    if signature is None:
        return False
    if scheme == "v1":
        return _is_hmac(signed, signature, map(hmac_key, keys.secrets))
    for key in keys.public_keys:
        try:
            key.verify(signature, signed)
        except InvalidSignature:
            continue
        return True
    return False


def _plain(header: str, body: bytes, keys: Keys) -> Verification:
    algorithm, _, digits = header.partition("=")
    if algorithm != "sha256":
        return _refused(f"{_PLAIN} does not begin with sha256=")
    if not keys.secrets:
        reason = "it carries hmac-sha256, which the secret would check"
        return _refused(reason) if keys else Verification(Verdict.UNCHECKED, reason=reason)
    try:
        signature = bytes.fromhex(digits)
    except ValueError:
        signature = b""
    if not _is_hmac(body, signature, (secret.encode() for secret in keys.secrets)):
        return _refused("the hmac-sha256 does not fit the secret")
    return Verification(Verdict.VERIFIED, ("hmac-sha256",))


def _is_hmac(signed: bytes, signature: bytes, keys: Iterable[bytes]) -> bool:
    return any(
        hmac.compare_digest(hmac.digest(key, signed, hashlib.sha256), signature) for key in keys
    )


def _refused(reason: str) -> Verification:
    return Verification(Verdict.REFUSED, reason=reason)
