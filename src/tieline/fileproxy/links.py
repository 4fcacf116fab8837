"""Download addresses: what they name, and how they are signed. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from tieline.fileproxy.errors import (
    LinkExpired,
    LinkInvalid,
    MissingParameter,
    NoDownloadAddress,
)
from tieline.fileproxy.models import Link
from tieline.integrations.file_proxy_configuration import RESERVED_PARAMS
from tieline.kit import json
from tieline.kit.errors import InvalidInput

PATH = "/download"
EXPIRY = "expires_at"
SIGNATURE = "signature"
_PURPOSE = "tieline file link 1"
_MOST_PARAMS = 50
_LONGEST_ADDRESS = 8_000
_LATEST = 253_402_300_799_000  # the last second of the year 9999, in milliseconds

Pairs = Sequence[tuple[str, str]]


def link_from(pairs: Pairs) -> Link:
    """What the parameters of an address name; expiry and signature are passed over.

    Raises `MissingParameter`, naming the parameter, and `InvalidInput`.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise InvalidInput(f"{name[:60]}: is there twice. Send each parameter once.")
        if "\x00" in name or "\x00" in value:
            raise InvalidInput(f"{name[:60]!r}: holds the character U+0000. Remove it.")
        if name.endswith("[]"):  # which readers of addresses take for a list
            raise InvalidInput(f"{name[:60]}: a parameter cannot be called that. Rename it.")
        found[name] = value
    for own in RESERVED_PARAMS:
        found.pop(own, None)
    org_id, integration_id = (_taken(found, name) for name in ("orgId", "integrationId"))
    slug, use_case_id = (found.pop(name, None) or None for name in ("useCaseSlug", "useCaseId"))
    if (slug is None) == (use_case_id is None):
        raise MissingParameter("useCaseSlug or useCaseId: send one of them, and only one.")
    if len(found) > _MOST_PARAMS:
        raise InvalidInput(f"An address has at most {_MOST_PARAMS} parameters of its own.")
    return Link(org_id, integration_id, slug, use_case_id, tuple(found.items()))


def link_in(address: str) -> Link:
    """What a stored address names.

    Raises `NoDownloadAddress`, `MissingParameter` and `InvalidInput`.
    """
    if len(address) > _LONGEST_ADDRESS:
        raise NoDownloadAddress(f"url: has more than {_LONGEST_ADDRESS:,} characters.")
    try:
        parts = urlsplit(address)
        pairs = parse_qsl(
            parts.query, keep_blank_values=True, max_num_fields=_MOST_PARAMS + 10, errors="strict"
        )
    except ValueError:
        raise NoDownloadAddress from None
    if parts.scheme not in ("http", "https") or not parts.path.endswith(PATH):
        raise NoDownloadAddress
    return link_from(pairs)


def signed_address(base_url: str, link: Link, expires_at: datetime, key: bytes) -> str:
    """The address of a file, good until a moment (which is kept to the millisecond)."""
    pairs = [*link.pairs(), (EXPIRY, str(_milliseconds(expires_at)))]
    signed = [*pairs, (SIGNATURE, _signature(key, pairs))]
    return f"{base_url}{PATH}?{urlencode(signed, quote_via=quote, safe='')}"


def check_signature(pairs: Pairs, keys: Sequence[bytes], now: datetime) -> None:
    """Raises `LinkInvalid` unless one of the keys has signed these parameters, all of them, and
    `LinkExpired` when the moment is past until which it has.
    """
    given = dict(pairs)
    signature, expiry = given.get(SIGNATURE, ""), given.get(EXPIRY, "")
    if not signature or not expiry:
        raise LinkInvalid(
            "This link is not signed. POST /erp-integration/v1/file-proxy/links makes one that is."
        )
    unsigned = [pair for pair in pairs if pair[0] != SIGNATURE]
    sent = signature.encode("utf-8", "replace")
    # All keys are tried, whichever fits: how long it takes tells nothing.
    fits = [hmac.compare_digest(_signature(key, unsigned).encode(), sent) for key in keys]
    if not any(fits):
        raise LinkInvalid(
            "This link is not as it was signed: a parameter was changed, or the key that signed it "
            "was replaced. Ask for a new one."
        )
    # Only what was signed is believed, and that is a number.
    if _milliseconds(now) >= int(expiry):
        moment = datetime.fromtimestamp(int(expiry) / 1000, UTC)
        raise LinkExpired(
            f"This link expired at {moment:%Y-%m-%d %H:%M:%S} UTC. Ask for a new one."
        )


def _signature(key: bytes, pairs: Pairs) -> str:
    """HMAC-SHA256 over the parameters in the order of their names, as JSON, in base64url."""
    text = json.dumps([_PURPOSE, sorted(map(list, pairs))])
    digest = hmac.digest(key, text, hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _milliseconds(moment: datetime) -> int:
    return min(int(moment.timestamp() * 1000), _LATEST)


def _taken(found: dict[str, str], name: str) -> str:
    value = found.pop(name, "")
    if not value:
        raise MissingParameter(f"{name}: is missing. Each download address has it.")
    return value
